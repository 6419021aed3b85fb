"""Settings: whatever lies in whichever layer, the highest one wins for each key; what is written reads back."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from veery.errors import SettingsError
from veery.runtime.settings import keys_of, load, write_commented_toml
from veery.runtime.settings.write import to_toml


class Mode(Enum):
    FAST = "fast"
    SAFE = "safe"


class Inner(Struct, frozen=True, kw_only=True):
    number: Annotated[int, Meta(ge=0, le=1000)] = 5
    words: list[str] = field(default_factory=list)


class Schema(Struct, frozen=True, kw_only=True):
    text: str = "default"
    flag: bool = False
    ratio: float = 1.0
    mode: Mode = Mode.FAST
    where: Path = Path("/x")
    maybe: int | None = None
    inner: Inner = Inner()
    other: Inner = Inner(number=6)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN_TEXT = TEXT.filter(lambda text: "\x00" not in text)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": PLAIN_TEXT,
    "flag": st.booleans(),
    "ratio": st.floats(allow_nan=False),
    "mode": st.sampled_from(Mode),
    "where": PLAIN_TEXT.filter(lambda text: not text.startswith("~")).map(Path),
    "maybe": st.integers(-(2**63), 2**63 - 1),
    "inner.number": st.integers(0, 1000),
    "inner.words": st.lists(TEXT),
    "other.number": st.integers(0, 1000),
    "other.words": st.lists(TEXT),
}
LAYER = st.fixed_dictionaries({}, optional=VALUES)


def as_file(layer: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {to_toml(value)}\n" for name, value in layer.items())


def as_variables(layer: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in layer.items():
        written = to_toml(value)
        text = str(value) if isinstance(value, str | Path) else written.strip('"') if "\\" not in written else written
        found["VEERY_" + name.upper().replace(".", "_")] = text
    return found


def at(values: Schema, name: str) -> Any:
    found: Any = values
    for part in name.split("."):
        found = getattr(found, part)
    return found


@given(file=LAYER, environment=LAYER, flags=LAYER)
def test_the_highest_layer_wins_key_by_key(
    file: dict[str, Any], environment: dict[str, Any], flags: dict[str, Any]
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "veery.toml"
        path.write_text(as_file(file), encoding="utf-8")
        loaded = load(Schema, file=path, environment=as_variables(environment), flags=plain(flags))
    for key in keys_of(Schema):
        expected = (file | environment | flags).get(key.name, key.default)
        assert at(loaded.values, key.name) == expected
        origin = loaded.origins[key.name]
        if key.name in flags:
            assert origin.startswith("the flag")
        elif key.name in environment:
            assert origin.startswith("the variable")
        else:
            assert origin.startswith("line ") if key.name in file else origin == "default"


def plain(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Flags come as text or as parsed values, paths and modes as text."""
    return {name: value.value if isinstance(value, Mode) else value for name, value in layer.items()} | {
        name: str(value) for name, value in layer.items() if isinstance(value, Path)
    }


@given(LAYER)
def test_what_is_written_reads_back(layer: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "veery.toml"
        path.write_text(as_file(layer), encoding="utf-8")
        values = load(Schema, file=path).values
        path.write_text(write_commented_toml(Schema, values), encoding="utf-8")
        assert load(Schema, file=path).values == values


@given(st.binary(max_size=200))
def test_any_bytes_give_settings_or_the_named_error(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "veery.toml"
        path.write_bytes(content)
        try:
            load(Schema, file=path)
        except SettingsError as error:
            assert error.kind.startswith("runtime.settings")


@given(st.text(max_size=60), st.sampled_from([key.variable("VEERY_") for key in keys_of(Schema)]))
def test_any_variable_gives_settings_or_the_named_error(text: str, name: str) -> None:
    try:
        load(Schema, environment={name: text})
    except SettingsError as error:
        assert name in str(error)


@given(st.from_regex(r"VEERY_[A-Z_]{1,20}", fullmatch=True))
def test_unknown_variables_are_never_passed_over(name: str) -> None:
    known = {key.variable("VEERY_") for key in keys_of(Schema)} | {"VEERY_HOME", "VEERY_VECTORS"}
    if name not in known:
        with pytest.raises(SettingsError, match=name):
            load(Schema, environment={name: "1"})
