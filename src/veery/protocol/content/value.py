"""What every value of the content package has in common, and the seam to the protobuf runtime.

A typed value holds the fields that the chapter gives a meaning. Whatever else its bytes held (unknown fields, unknown
enum numbers, fields that the chapter calls legacy) stays with it as `other_fields`, in wire form, and is written again
on encoding: reading and writing a value loses nothing, although only the fields of the chapter can be used.

The protobuf runtime meets hostile bytes only in `parse`. It does not check UTF-8 in proto2 strings (it hands out bytes
instead), and accepts messages without their required fields; both are refused here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import TypeVar

from google.protobuf.message import DecodeError, EncodeError, Message

from veery.errors import Malformed, Misuse
from veery.protocol.constants import CONTENT_MAX, CONTENT_REPEATED_MAX
from veery.secret import Secret

M = TypeVar("M", bound=Message)
T = TypeVar("T")


class ContentMalformed(Malformed):
    """The bytes are not a Content: not protobuf, a required field is missing, text is not UTF-8, or too much of it."""

    default_kind = "content"


@dataclass(frozen=True, slots=True, repr=False)
class Value:
    """Base of all typed values. Printing one names the fields that are set, never what is in them."""

    other_fields: bytes = field(default=b"", kw_only=True)

    def __repr__(self) -> str:
        held = [(each.name, getattr(self, each.name)) for each in fields(self)]
        present = [name for name, value in held if isinstance(value, Secret) or value not in (None, b"", "", ())]
        return f"<{type(self).__name__} {', '.join(present)}>" if present else f"<{type(self).__name__}>"


def parse(kind: type[M], data: bytes) -> M:
    """Parse one protobuf message of at most CONTENT_MAX bytes.

    Raises ContentMalformed: `content.size`, `content.protobuf`, `content.required`.
    """
    if len(data) > CONTENT_MAX:
        raise ContentMalformed(f"more than {CONTENT_MAX} bytes", kind="content.size")
    try:
        message = kind.FromString(data)
    except (DecodeError, UnicodeDecodeError):
        raise ContentMalformed(f"the bytes are not a {kind.__name__}", kind="content.protobuf") from None
    if not message.IsInitialized():
        raise ContentMalformed(f"a required field of {kind.__name__} is missing", kind="content.required")
    return message


def serialise(message: Message) -> bytes:
    """The canonical bytes of a message: fields in the order of their numbers. Raises Misuse beyond CONTENT_MAX."""
    try:
        data = message.SerializeToString(deterministic=True)
    except EncodeError:
        raise Misuse("a required field is missing", kind="content.required") from None
    if len(data) > CONTENT_MAX:
        raise Misuse(f"a Content holds at most {CONTENT_MAX} bytes", kind="content.size")
    return data


@contextmanager
def writing() -> Iterator[None]:
    """Around the making of a message: what a field cannot hold becomes Misuse."""
    try:
        yield
    except ValueError:  # of the runtime: numbers out of range, and lone surrogates in text
        raise Misuse("a number is out of range, or text is not Unicode", kind="content.range") from None


def text(value: object) -> str:
    """Text of a string field, which the runtime gives as bytes when it is not UTF-8. Raises ContentMalformed."""
    if not isinstance(value, str):
        raise ContentMalformed("text is not UTF-8", kind="content.utf8")
    return value


def bounded(values: Sequence[T]) -> Sequence[T]:
    """The values of a repeated field. Raises ContentMalformed for more than CONTENT_REPEATED_MAX."""
    if len(values) > CONTENT_REPEATED_MAX:
        raise ContentMalformed(f"a field repeats more than {CONTENT_REPEATED_MAX} times", kind="content.count")
    return values


def texts(values: Sequence[object]) -> tuple[str, ...]:
    """The texts of a repeated string field. Raises ContentMalformed."""
    return tuple(text(value) for value in bounded(values))


def others(message: Message, *handled: str) -> bytes:
    """The fields of a message beside the handled ones, in wire form."""
    rest = type(message)()
    rest.CopyFrom(message)
    for name in handled:
        rest.ClearField(name)
    return rest.SerializePartialToString(deterministic=True)


def keep(message: M, other_fields: bytes) -> M:
    """Put back what `others` took. Raises Misuse when it is not protobuf, or speaks of a field that is set already."""
    if not other_fields:
        return message
    try:
        rest = type(message).FromString(other_fields)
    except DecodeError:
        raise Misuse("other fields must be in wire form", kind="content.other_fields") from None
    taken = {descriptor.number for descriptor, _ in message.ListFields()}
    if any(descriptor.number in taken for descriptor, _ in rest.ListFields()):
        raise Misuse("other fields repeat a field that is set", kind="content.other_fields")
    message.MergeFrom(rest)
    return message
