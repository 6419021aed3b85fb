"""Merging file, environment and flags, and the errors that name key, type and place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct, field

from veery.errors import SettingsError
from veery.runtime.settings import keys_of, load
from veery.secret import Secret


class Level(Enum):
    QUIET = "quiet"
    LOUD = "loud"


class Listen(Struct, frozen=True, kw_only=True):
    host: Annotated[str, Meta(description="Address to bind to.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Port to bind to.")] = 22021


@dataclass(frozen=True, slots=True)
class Limits:
    rate: Annotated[float, Meta(gt=0, description="Requests a second.")] = 5.0
    burst: int = 10


class Deep(Struct, frozen=True, kw_only=True):
    inner: Annotated[Listen, Meta(description="A table in a table.")] = Listen(port=7)


class Peer(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    port: int = 1


class Settings(Struct, frozen=True, kw_only=True):
    data_dir: Annotated[Path, Meta(description="Where data lies.")] = Path("/data")
    verbose: bool = False
    level: Level = Level.QUIET
    network: Literal["mainnet", "testnet"] = "mainnet"
    seeds: list[str] = field(default_factory=list)
    ports: tuple[int, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    peers: list[Peer] = field(default_factory=list)
    token: Secret | None = None
    proxy: str | None = None
    workers: int | None = None
    listen: Listen = Listen()
    limits: Limits = Limits()
    deep: Deep = Deep()

    def __post_init__(self) -> None:
        if self.limits.burst < self.limits.rate:
            raise ValueError("`limits.burst` must not be below `limits.rate`")


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "veery.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(kind: str, *parts: str, **given: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(Settings, **given)  # type: ignore[arg-type]  # any combination of the keyword arguments
    assert caught.value.kind == (f"runtime.settings.{kind}" if kind else "runtime.settings")
    for part in parts:
        assert part in str(caught.value)
    return str(caught.value)


def test_defaults_alone() -> None:
    loaded = load(Settings)
    assert loaded.values == Settings()
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.values.deep.inner.port == 7


def test_each_layer_wins_over_the_one_below_key_by_key(tmp_path: Path) -> None:
    file = written(tmp_path, '[listen]\nhost = "10.0.0.1"\nport = 1\n[limits]\nburst = 99\n')
    loaded = load(
        Settings,
        file=file,
        environment={"VEERY_LISTEN_PORT": "2", "VEERY_LIMITS_RATE": "7.5", "HOME": "/root"},
        flags={"limits.rate": 8, "verbose": True, "proxy": None},
    )
    assert loaded.values.listen == Listen(host="10.0.0.1", port=2)
    assert loaded.values.limits == Limits(rate=8.0, burst=99)
    assert loaded.values.verbose is True
    assert loaded.origins["listen.host"] == f"line 2 of {file}"
    assert loaded.origins["listen.port"] == "the variable VEERY_LISTEN_PORT"
    assert loaded.origins["limits.rate"] == "the flag --limits-rate"
    assert loaded.origins["proxy"] == "default"


def test_types_from_a_file(tmp_path: Path) -> None:
    text = """
data_dir = "/srv"
level = "loud"
network = "testnet"
seeds = ["a", "b"]
ports = [1, 2]
names = { one = "1" }
token = "hidden"
proxy = "socks5://x"
workers = 4
deep.inner.port = 9
[[peers]]
name = "p"
"""
    values = load(Settings, file=written(tmp_path, text)).values
    assert values.data_dir == Path("/srv")
    assert values.level is Level.LOUD
    assert (values.seeds, values.ports, values.names) == (["a", "b"], (1, 2), {"one": "1"})
    assert values.token is not None
    assert values.token.reveal() == b"hidden"
    assert (values.proxy, values.workers, values.deep.inner.port) == ("socks5://x", 4, 9)
    assert values.peers == [Peer("p")]


def test_types_from_the_environment() -> None:
    values = load(
        Settings,
        environment={
            "VEERY_DATA_DIR": "/srv",
            "VEERY_VERBOSE": "true",
            "VEERY_LEVEL": "loud",
            "VEERY_SEEDS": "a, b,,c",
            "VEERY_PORTS": "[1, 2]",
            "VEERY_NAMES": '{one = "1"}',
            "VEERY_TOKEN": "hidden",
            "VEERY_PROXY": "",
            "VEERY_WORKERS": "3",
            "VEERY_DEEP_INNER_PORT": "8",
            "VEERY_HOME": "/elsewhere",
            "VEERY_VECTORS": "/v",
        },
    ).values
    assert (values.data_dir, values.verbose, values.level) == (Path("/srv"), True, Level.LOUD)
    assert (values.seeds, values.ports, values.names) == (["a", "b", "c"], (1, 2), {"one": "1"})
    assert values.token is not None
    assert values.token.reveal() == b"hidden"
    assert (values.proxy, values.workers, values.deep.inner.port) == (None, 3, 8)


def test_a_prefix_for_one_role() -> None:
    given = {"VEERY_NODE_LISTEN_PORT": "5", "VEERY_APP_LISTEN_PORT": "6"}
    assert load(Settings, environment=given, prefix="VEERY_NODE_").values.listen.port == 5
    refused("unknown", "VEERY_NODE_LISTEN_PORT", environment=given)


def test_unknown_keys_name_themselves_and_near_ones(tmp_path: Path) -> None:
    file = written(tmp_path, 'verbose = true\n[listen]\nhots = "x"\n')
    refused("unknown", "`listen.hots`", "line 3 of", "Did you mean `listen.host`", file=file)
    refused("unknown", "`port`", "`listen.port`", file=written(tmp_path, "port = 1\n"))
    refused("unknown", "`listen`", file=written(tmp_path, "[listn]\nport = 1\n"))
    refused("unknown", "VEERY_LISTEN_PROT", "`VEERY_LISTEN_PORT`", environment={"VEERY_LISTEN_PROT": "1"})
    refused("unknown", "`listen.prot`", "`listen.port`", flags={"listen.prot": 1})
    refused("unknown", "Remove it", file=written(tmp_path, "zzzzzz = 1\n"))


def test_type_errors_name_key_type_and_place(tmp_path: Path) -> None:
    file = written(tmp_path, '# a comment\n\n[listen]\nport = "x"\n')
    refused("type", "`listen.port` must be an integer from 1 to 65535", "line 4 of", "veery.toml gives text", file=file)
    refused("type", "`verbose`", "true or false", "line 1", "an integer", file=written(tmp_path, "verbose = 1\n"))
    refused("type", "`listen.port`", "another value", file=written(tmp_path, "[listen]\nport = 70000\n"))
    refused("type", '"quiet", "loud"', file=written(tmp_path, 'level = "mute"\n'))
    refused("type", '"mainnet", "testnet"', file=written(tmp_path, 'network = "none"\n'))
    refused("type", "`data_dir` must be a path", file=written(tmp_path, "data_dir = 4\n"))
    refused("type", "`seeds` must be a list", file=written(tmp_path, 'seeds = "a"\n'))
    refused("type", "`listen` must be a table", "gives text", file=written(tmp_path, 'listen = "a"\n'))
    refused("type", "`data_dir` must be a path", environment={"VEERY_DATA_DIR": "~no-such-user/x"})
    refused("type", "`peers`", file=written(tmp_path, "peers = [{nme = 1}]\n"))
    refused("type", "`limits.rate` must be a number above 0", file=written(tmp_path, "[limits]\nrate = 0\n"))
    refused("type", "VEERY_VERBOSE gives other text", environment={"VEERY_VERBOSE": "maybe"})
    refused("type", "VEERY_PORTS", environment={"VEERY_PORTS": "[1"})
    refused("type", "VEERY_LISTEN_PORT", environment={"VEERY_LISTEN_PORT": ""})
    refused("type", "--listen-port", flags={"listen.port": "many"})


def test_wrong_values_are_not_repeated(tmp_path: Path) -> None:
    text = refused("type", file=written(tmp_path, 'workers = "correct horse"\n'))
    assert "horse" not in text


def test_rules_over_several_keys(tmp_path: Path) -> None:
    refused("", "`limits.burst` must not be below `limits.rate`", flags={"limits.burst": 1})


class Needs(Struct, frozen=True, kw_only=True):
    operator: Annotated[str, Meta(description="Who runs it.", min_length=2)]
    listen: Listen = Listen()


def test_a_key_without_a_default() -> None:
    with pytest.raises(SettingsError, match=r"`operator` has no value.*text of at least 2 characters") as caught:
        load(Needs)
    assert caught.value.kind == "runtime.settings.missing"
    assert load(Needs, flags={"operator": "me"}).values.operator == "me"


def test_files_that_are_no_settings(tmp_path: Path) -> None:
    refused("syntax", "line 2, column 1", file=written(tmp_path, "verbose = true\n=\n"))
    refused("syntax", "end of document", file=written(tmp_path, "seeds = [1,"))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    refused("syntax", "UTF-8", file=tmp_path / "bytes")
    with pytest.raises(Exception, match="does not exist"):
        load(Settings, file=tmp_path / "none.toml")


def test_lines_are_found_in_odd_spellings(tmp_path: Path) -> None:
    text = """\
"verbose" = true
proxy = '''
network = 1 " '''
seeds = [ "'''", "a # [", # ]
  "network = 2",
]
[ listen ] # here
  port=4
[deep]
inner = { port = 3 }
"""
    file = written(tmp_path, text)
    origins = load(Settings, file=file).origins
    assert origins["verbose"] == f"line 1 of {file}"
    assert origins["proxy"] == f"line 2 of {file}"
    assert origins["seeds"] == f"line 4 of {file}"
    assert origins["listen.port"] == f"line 8 of {file}"
    assert origins["deep.inner.port"] == f"line 10 of {file}"
    assert origins["network"] == "default"


class Clash(Struct, frozen=True):
    listen_port: int = 1
    listen: Listen = Listen()


class Unsettable(Struct, frozen=True):
    size: int | None = 4


class Renamed(Struct, frozen=True, rename="kebab"):
    data_dir: str = ""


@pytest.mark.parametrize("schema", [Clash, Unsettable, Renamed, int])
def test_schemas_that_cannot_be_files_are_refused(schema: type) -> None:
    with pytest.raises(SettingsError) as caught:
        load(schema)
    assert caught.value.kind == "runtime.settings.schema"


def test_keys_tell_their_names_and_documentation() -> None:
    keys = {key.name: key for key in keys_of(Settings)}
    port = keys["listen.port"]
    assert (port.doc, port.flag, port.default) == ("Port to bind to.", "--listen-port", 22021)
    assert port.variable("VEERY_") == "VEERY_LISTEN_PORT"
    assert port.expected == "an integer from 1 to 65535"
    assert keys["deep.inner.port"].default == 7
    assert keys["token"].expected == "text (secret)"
    assert keys["ports"].expected == "a list (each item: an integer)"
