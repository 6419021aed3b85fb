"""The network file: what it may say, and what is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from veery.registry.network_file import ContractEntry, NetworkFile, SeedEntry, ServerEntry, TurnEntry
from veery.registry.toml_table import NetworkFileWrong
from veery.runtime.faults import FileFault, FileMissing

HEX = "ab" * 32
FULL = f"""
[network]
name = "example"
seeds = [
  {{ url = "https://seed.example.org:8017/", certificate_sha256 = "{":".join(["AB"] * 32)}", key = "{HEX}" }},
  "https://other.example.org",
]
file_server = {{ url = "http://files.example.org", key = "{HEX}" }}
push_server = "https://push.example.org"
turn = ["stun:turn.example.org", {{ url = "turn:turn.example.org:3478", username = "u", credential = "c" }}]
contract = {{ address = "0x{"0a" * 20}", rpc = ["https://rpc.example.org"] }}
"""


def test_everything_that_it_may_say() -> None:
    key = bytes.fromhex(HEX)
    assert NetworkFile.parse(FULL) == NetworkFile(
        "example",
        (SeedEntry("https://seed.example.org:8017", key, key), SeedEntry("https://other.example.org")),
        ServerEntry("http://files.example.org", key),
        ServerEntry("https://push.example.org"),
        (TurnEntry("stun:turn.example.org"), TurnEntry("turn:turn.example.org:3478", "u", "c")),
        ContractEntry(bytes.fromhex("0a" * 20), ("https://rpc.example.org",)),
    )


def test_the_least_that_it_must_say() -> None:
    found = NetworkFile.parse('[network]\nname = "n"\nseeds = ["http://127.0.0.1:8017"]')
    assert found == NetworkFile("n", (SeedEntry("http://127.0.0.1:8017"),))


def test_from_one_seed() -> None:
    assert NetworkFile.from_seed_url("http://127.0.0.1:8017/") == NetworkFile("", (SeedEntry("http://127.0.0.1:8017"),))
    with pytest.raises(NetworkFileWrong):
        NetworkFile.from_seed_url("seed.example.org")


def test_who_could_be_in_the_middle() -> None:
    assert SeedEntry("https://h").authenticated
    assert SeedEntry("http://h", key=bytes(32)).authenticated
    assert SeedEntry("http://127.0.0.1:5").authenticated
    assert SeedEntry("http://localhost").authenticated
    assert SeedEntry("http://[::1]:9").authenticated
    assert not SeedEntry("http://h").authenticated
    assert not SeedEntry("http://10.0.0.1").authenticated


def network(**keys: str) -> str:
    values = {"name": '"n"', "seeds": '["http://127.0.0.1"]'} | keys
    return "[network]\n" + "\n".join(f"{key} = {value}" for key, value in values.items() if value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "network"),
        ("[network", "TOML"),
        ("network = 5", "table"),
        ("x = 1\n" + network(), "`x` is not known"),
        (network() + "\n[other]", "`other` is not known"),
        (network(sedes="1"), "`network.sedes` is not known"),
        (network(name=""), "network.name"),
        (network(name='""'), "network.name"),
        (network(name="5"), "network.name"),
        (network(name=f'"{"x" * 65}"'), "network.name"),
        (network(seeds=""), "network.seeds"),
        (network(seeds="[]"), "1 to 32"),
        (network(seeds='"http://h"'), "network.seeds"),
        (network(seeds="[5]"), "network.seeds"),
        (network(seeds='["http://h", "http://h"]'), "twice"),
        (network(seeds='["http://h", "http://h/"]'), "twice"),
        (network(seeds='["ftp://h"]'), "http"),
        (network(seeds='["http://u:p@h"]'), "plain"),
        (network(seeds='["http://h?x"]'), "plain"),
        (network(seeds='["http://h:99999"]'), "read"),
        (network(seeds='["http://"]'), "host"),
        (network(seeds='[{url = "https://h", pin = "x"}]'), "`network.seeds.pin`"),
        (network(seeds='[{key = "x"}]'), "network.seeds.url"),
        (network(seeds='[{url = "https://h", key = "xy"}]'), "64 hex digits"),
        (network(seeds=f'[{{url = "https://h", key = "{"zz" * 32}"}}]'), "64 hex digits"),
        (network(seeds=f'[{{url = "http://h", certificate_sha256 = "{HEX}"}}]'), "https"),
        (network(file_server="5"), "file_server"),
        (network(file_server='{url = "http://f", blob_max = 0}'), "file_server.blob_max"),
        (network(file_server='{url = "http://f", blob_max = true}'), "file_server.blob_max"),
        (network(push_server='{url = "http://p", blob_max = 5}'), "push_server.blob_max"),
        (network(file_server='{key = "x"}'), "file_server.url"),
        (network(turn='"turn:h"'), "network.turn"),
        (network(turn='["http://h"]'), "turn:"),
        (network(contract='{address = "0x00", rpc = []}'), "40 hex digits"),
        (network(contract=f'{{address = "0x{"zz" * 20}", rpc = []}}'), "40 hex digits"),
        (network(contract=f'{{address = "0x{"00" * 20}", rpc = [{{}}]}}'), "contract.rpc"),
    ],
)
def test_errors_name_the_key(text: str, told: str) -> None:
    with pytest.raises(NetworkFileWrong) as wrong:
        NetworkFile.parse(text)
    assert told in str(wrong.value)
    assert "network file" in str(wrong.value)


def test_loading(tmp_path: Path) -> None:
    path = tmp_path / "network.toml"
    path.write_text(FULL)
    assert NetworkFile.load(path) == NetworkFile.parse(FULL)
    path.write_bytes(b"\xff")
    with pytest.raises(NetworkFileWrong):
        NetworkFile.load(path)
    path.write_bytes(b"#" * 70_000)
    with pytest.raises(FileFault):
        NetworkFile.load(path)
    with pytest.raises(FileMissing):
        NetworkFile.load(tmp_path / "nothing")


def test_a_file_server_may_tell_how_long_files_are() -> None:
    found = NetworkFile.parse(network(file_server='{url = "http://f", blob_max = 25165824}')).file_server
    assert found == ServerEntry("http://f", None, 25_165_824)
