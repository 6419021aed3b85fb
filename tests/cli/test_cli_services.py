"""`veery seed`, `node`, `network` and `config` with real processes on loopback."""

from __future__ import annotations

import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import Home, Service
from veery.cli.fileserver_service import ROLE as FILES
from veery.cli.node_service import ROLE as NODE
from veery.cli.parser import build
from veery.cli.seed_service import ROLE as SEED
from veery.cli.service import Role
from veery.registry.network_file import NetworkFile
from veery.runtime.settings import keys_of, load

LAB = ("--set", "open=true", "--set", "private_addresses=true")
SEED_RUN = ("seed", "run", "--network", "example", "--port", "0", *LAB)


@pytest.mark.parametrize("role", [NODE, SEED, FILES], ids=["node", "seed", "fileserver"])
def test_options_set_keys_that_are_there(role: Role[Any]) -> None:
    known = {key.name for key in keys_of(role.schema)}
    assert set(role.flags.values()) <= known
    for verb in ("init", "run"):
        parser = build().commands[role.name].commands[verb]
        names = {action.dest for action in parser.actions()}
        assert set(role.flags) <= names


def test_seed_init_writes_settings_keys_and_network_file(home: Home) -> None:
    done = home.veery("seed", "init", "--network", "example", "--url", "https://seed.example.org:8017", "--json")
    assert done.code == 0, done.err
    told = done.record
    assert set(told) == {"role", "config", "directory", "ed25519", "certificate_sha256", "network_file"}
    network = NetworkFile.load(Path(told["network_file"]))
    assert network.name == "example"
    assert network.seeds[0].url == "https://seed.example.org:8017"
    assert network.seeds[0].key == bytes.fromhex(told["ed25519"])
    text = Path(told["config"]).read_text()
    assert text.startswith(
        "# Settings of a Veery seed. `veery seed run` reads them; flags and VEERY_… variables win.\n"
    )
    assert '\nnetwork = "example"\n' in text
    assert load(SEED.schema, file=Path(told["config"])).values.network == "example"
    for name in ("identity", "network.toml"):
        assert stat.S_IMODE((Path(told["directory"]) / name).stat().st_mode) == 0o600


def test_seed_init_for_others_pins_its_certificate(home: Home) -> None:
    done = home.veery("seed", "init", "--network", "example", "--host", "192.0.2.1", "--json")
    seed = NetworkFile.load(Path(done.record["network_file"])).seeds[0]
    assert seed.url == "https://192.0.2.1:8017"
    assert seed.certificate_sha256 == bytes.fromhex(done.record["certificate_sha256"])


def test_init_overwrites_nothing(home: Home) -> None:
    first = home.veery("seed", "init", "--network", "example", "--json").record
    again = home.veery("seed", "init", "--network", "other")
    assert again.code == 1
    assert again.err == (
        f"veery: The settings file {first['config']} exists already. Edit it, or name another with --config.\n"
    )
    assert load(SEED.schema, file=Path(first["config"])).values.network == "example"


def test_node_init_names_the_network_by_its_whole_path(home: Home) -> None:
    file = home.network()
    done = home.veery("node", "init", "--network", str(file), "--host", "0.0.0.0", "--public-ip", "192.0.2.1", "--json")
    assert done.code == 0, done.err
    settings = load(NODE.schema, file=Path(done.record["config"])).values
    assert settings.network == str(file)
    assert settings.listen.host == "0.0.0.0"
    assert len(done.record["ed25519"]) == len(done.record["x25519"]) == 64


def test_init_wants_an_address_that_others_can_use(home: Home) -> None:
    seed = home.veery("seed", "init", "--network", "example", "--host", "0.0.0.0")
    assert (seed.code, seed.err) == (
        2,
        "veery: Others cannot reach the seed at 0.0.0.0."
        " Give the address that they use, as in --url https://203.0.113.5:8017.\n",
    )
    node = home.veery("node", "init", "--network", str(home.network()), "--host", "0.0.0.0")
    assert (node.code, node.err) == (
        2,
        "veery: Others cannot reach the node at 0.0.0.0."
        " Give the address that they use, as in --public-ip 203.0.113.7.\n",
    )
    assert not list(home.path.rglob("seed.toml")) + list(home.path.rglob("node.toml"))


def test_init_writes_the_file_that_config_names(home: Home) -> None:
    config, directory = home.path / "a.toml", home.path / "a"
    places = ["--config", str(config), "--directory", str(directory)]
    done = home.veery("seed", "init", "--network", "example", *places)
    assert done.code == 0, done.err
    assert load(SEED.schema, file=config).values.network == "example"
    assert (directory / "network.toml").exists()
    assert f"`veery seed run --config {config} --directory {directory}`" in done.err


def test_settings_errors_name_the_place(home: Home) -> None:
    missing = home.veery("seed", "run")
    assert missing.err == (
        "veery: `network` has no value and no default."
        " Give it as a flag, or write a settings file with `veery seed init`.\n"
    )
    file = home.path / "seed.toml"
    file.write_text('network = "x"\nprot = 1\n')
    wrong = home.veery("seed", "run", "--config", str(file))
    assert wrong.err == f"veery: Unknown key `prot` in line 2 of {file}. Did you mean `port`?\n"
    flag = home.veery("seed", "run", "--network", "x", "--port", "many")
    assert flag.err.startswith("veery: `port` must be an integer from 0 to 65535; the flag --port gives")
    pair = home.veery("seed", "run", "--network", "x", "--set", "open")
    assert (pair.code, pair.err) == (
        2,
        "veery: --set takes KEY=VALUE, not `open`. Write it as in --set limits.rate=100.\n",
    )
    env = home.veery("seed", "run", "--network", "x", env={"VEERY_PROT": "1"})
    assert env.err.startswith("veery: Unknown setting in the variable VEERY_PROT.")
    assert (
        home.veery("seed", "run", "--config", "/nowhere.toml").err == "veery: The file /nowhere.toml does not exist.\n"
    )


def test_config_check(home: Home) -> None:
    node = home.path / "node.toml"
    node.write_text('network = "n"\n[limits]\nrate = 5.0\n')
    assert home.veery("config", "check", str(node)).out == f"{node}: good settings of a node, 2 keys set\n"
    assert home.veery("config", "check", str(node), "--json").record == {
        "file": str(node),
        "kind": "node",
        "keys": ["limits.rate", "network"],
    }
    node.write_text('network = "n"\n[limits]\nrat = 5.0\n')
    wrong = home.veery("config", "check", str(node))
    assert wrong.code == 1
    assert wrong.err.startswith(f"veery: Unknown key `limits.rat` in line 3 of {node}. Did you mean `limits.rate`")
    node.write_text('network = "n"\n')
    assert home.veery("config", "check", str(node)).err == (
        f"veery: {node} may be of a node or of a seed. Say which with --kind node or --kind seed.\n"
    )
    assert home.veery("config", "check", str(node), "--kind", "seed").code == 0
    network = home.network()
    assert home.veery("config", "check", str(network)).out == f"{network}: a good network file\n"


def test_network_show(home: Home) -> None:
    assert home.veery("network", "show", str(home.network())).out == (
        "Network      example\n"
        "Seed         http://127.0.0.1:1 (on this machine)\n"
        "File server  none\n"
        "Push server  none\n"
    )
    shown = home.veery("network", "show", "http://seed.example.org:80", "--json").record
    assert shown["seeds"] == [{"url": "http://seed.example.org:80", "certificate_sha256": None, "key": None}]


def test_status_without_a_service(home: Home) -> None:
    done = home.veery("seed", "status")
    assert done.code == 1
    assert done.err == (
        f"veery: No seed runs in {home.path}/data/seed."
        " Start it with `veery seed run`, or name its directory with --directory.\n"
    )


@pytest.mark.network
def test_a_seed_and_a_node(home: Home, tmp_path: Path) -> None:
    with Service(home, *SEED_RUN) as seed:
        assert set(seed.told) == {
            "role",
            "network",
            "address",
            "port",
            "https_port",
            "url",
            "writes",
            "ed25519",
            "certificate_sha256",
            "directory",
        }
        assert seed.told["role"] == "seed"
        asked = home.veery("seed", "status", "--json").record
        assert asked["url"] == seed.told["url"]
        assert asked["nodes"] == 0
        busy = home.veery(*SEED_RUN)
        assert busy.code == 1
        assert "is held by process" in busy.err
        with Service(
            home, "node", "run", "--network", seed.told["url"], "--https-port", "0", "--queue-port", "0"
        ) as node:
            assert {"role", "address", "https_port", "queue_port", "ed25519", "x25519"} <= set(node.told)
            status = home.veery("node", "status", "--json").record
            assert status["ed25519"] == node.told["ed25519"]
            assert status["https_port"] == node.told["https_port"] > 0
            assert isinstance(status["serves"], bool)
            assert node.stop() == 0
        assert home.veery("node", "status").code == 1
        check = home.veery("network", "check", seed.told["url"], "--json").record
        assert check["disputes"] == []
        assert check["network"] == "example"
        made = home.veery("account", "create", "--network", seed.told["url"], "--no-passphrase", "--json")
        assert made.code == 0, made.err
        assert seed.stop(signal.SIGINT) == 0


@pytest.mark.network
def test_a_seed_with_tls(home: Home) -> None:
    with Service(home, *SEED_RUN, "--set", "tls=true") as seed:
        assert seed.told["url"].startswith("https://")
        assert len(seed.told["certificate_sha256"]) == 64
        assert home.veery("seed", "status").code == 0


def test_a_file_server_is_made_named_run_and_asked(home: Home) -> None:
    made = home.veery("fileserver", "init", "--url", "http://files.example.org", "--port", "0", "--json")
    assert made.code == 0, made.err
    text = f'[network]\nname = "example"\nseeds = ["http://127.0.0.1:1"]\n{made.record["network_line"]}\n'
    entry = NetworkFile.parse(text).file_server
    assert entry is not None
    assert (entry.url, entry.key) == ("http://files.example.org", bytes.fromhex(made.record["ed25519"]))
    assert home.veery("fileserver", "status").code == 1
    with Service(home, "fileserver", "run") as running:
        assert running.told["ed25519"] == made.record["ed25519"]
        asked = home.veery("fileserver", "status", "--json")
        assert (asked.code, asked.record["serves"], asked.record["url"]) == (0, True, running.told["url"])
    assert home.veery("fileserver", "status").code == 1
    others = home.veery("fileserver", "init", "--host", "0.0.0.0", "--config", str(home.path / "other.toml"))
    assert others.code == 2
    assert "--url http://203.0.113.5:8018" in others.err
