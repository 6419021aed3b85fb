"""What callers hand over, held against its type where it enters: so that a slip in a program is told by name."""

from __future__ import annotations

from collections.abc import Iterable

from veery.errors import Misuse


class WrongType(Misuse):
    """A value of another type than the one that is asked for. Nothing was done."""

    default_kind = "protocol.misuse.type"


def text(value: object, what: str) -> str:
    """A value that must be text. what: how the error calls it. Raises WrongType."""
    if not isinstance(value, str):
        raise WrongType(f"{what} must be text (str), not {_type(value)}")
    return value


def whole(value: object, what: str) -> int:
    """A value that must be a whole number. Raises WrongType."""
    if not isinstance(value, int):
        raise WrongType(f"{what} must be a whole number (int), not {_type(value)}")
    return value


def several(values: object, what: str) -> None:
    """Pass what can be gone through and is not one text. what: how the error calls it. Raises WrongType."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise WrongType(f"{what} must be a list, not {_type(values)}")


def members(values: object, kind: type, what: str) -> None:
    """Pass a list or tuple of values of one type. what: how the error calls it. Raises WrongType."""
    if not isinstance(values, list | tuple):
        raise WrongType(f"{what} must be a list, not {_type(values)}")
    for each in values:
        if not isinstance(each, kind):
            raise WrongType(f"{what} must be a list of {kind.__name__}, not of {_type(each)}")


def _type(value: object) -> str:
    return "None" if value is None else type(value).__name__
