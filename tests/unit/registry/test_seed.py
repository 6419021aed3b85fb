"""A seed's state and its methods, without sockets."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.registry.world import NOW, key_of, proof_of
from veery.errors import SettingsError
from veery.protocol.swarm.node_json import read_nodes
from veery.registry import seed_rpc
from veery.registry.entries import decode_entry
from veery.registry.history import History
from veery.registry.membership import HistoryBroken
from veery.registry.seed import NoHistoryYet, Seed
from veery.registry.seed_rpc import SeedRpc
from veery.registry.seed_settings import SeedSettings
from veery.registry.signed_snapshot import open_answer
from veery.runtime.faults import FileUnsafe
from veery.runtime.locks import LockHeld
from veery.runtime.settings import load, write_commented_toml

SETTINGS = SeedSettings("lab", open=True, private_addresses=True, batch_s=0, block_interval_s=1)


class Time:
    def __init__(self) -> None:
        self.ms = NOW

    def __call__(self) -> int:
        return self.ms


class Shop:
    """A seed and its methods."""

    def __init__(self, directory: Path, settings: SeedSettings = SETTINGS) -> None:
        self.time = Time()
        self.seed = Seed(settings, directory, now_ms=self.time)
        self.taken = 0
        self.rpc = SeedRpc(self.seed, self._take)

    def _take(self) -> None:
        self.taken += 1

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        reply = json.loads(self.rpc.answer(json.dumps({"id": 7, "method": method, "params": params}).encode()))
        assert (reply["jsonrpc"], reply["id"]) == ("2.0", 7)
        found: dict[str, Any] = reply.get("result", reply.get("error"))
        return found

    def prove(self, *numbers: int) -> None:
        for number in numbers:
            self.seed.submit_proof(proof_of(number, self.time.ms).encoded)
        self.seed.handle_timer()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = Shop(tmp_path)
    yield found
    found.seed.close()


def test_deployed_clients_get_exactly_what_they_ask_for(shop: Shop) -> None:
    shop.prove(1, 2, 3)
    shop.time.ms += 5_000
    fields = ["public_ip", "storage_port", "pubkey_x25519", "pubkey_ed25519", "requested_unlock_height", "height"]
    for method in ("get_n_service_nodes", "get_service_nodes"):
        for spelled in (fields, dict.fromkeys(fields, True) | {"swarm_id": False}):
            result = shop.ask(method, active_only=True, fields=spelled)
            assert (result["height"], result["status"]) == (5, "OK")
            states = result["service_node_states"]
            assert all(state.keys() == set(fields) - {"height"} for state in states)
            assert {state["pubkey_ed25519"] for state in states} == {key_of(n).hex() for n in (1, 2, 3)}
            assert all(state["requested_unlock_height"] == 0 for state in states)


def test_nodes_read_the_whole_list_back(shop: Shop) -> None:
    shop.prove(*range(1, 15))
    result = shop.ask("get_service_nodes")
    assert read_nodes(result["service_node_states"]) == shop.seed.snapshot().nodes
    assert all(type(state["swarm_id"]) is int for state in result["service_node_states"])
    assert (result["hardfork"], result["snode_revision"]) == (19, 4)
    assert result["block_hash"] == shop.seed.snapshot().block_hash.hex()


def test_polling_limit_and_active_only(shop: Shop) -> None:
    shop.prove(1, 2, 3)
    shop.time.ms += 119_000
    shop.prove(1, 2)
    shop.time.ms += 2_000
    shop.seed.handle_timer()
    assert len(shop.ask("get_service_nodes")["service_node_states"]) == 3
    assert len(shop.ask("get_service_nodes", active_only=True)["service_node_states"]) == 2
    assert len(shop.ask("get_service_nodes", limit=1)["service_node_states"]) == 1
    head = shop.ask("get_service_nodes", limit=1)["block_hash"]
    assert shop.ask("get_service_nodes", poll_block_hash=head) == {"status": "OK", "unchanged": True}
    assert "service_node_states" in shop.ask("get_service_nodes", poll_block_hash="00")


def test_info(shop: Shop) -> None:
    shop.prove(1)
    info = shop.ask("get_info")
    assert (info["network"], info["nodes"], info["active"]) == ("lab", 1, 1)
    assert info["writer"] == info["seed"] == shop.seed.key.hex()


def test_the_signed_snapshot(shop: Shop) -> None:
    shop.prove(1, 2)
    nonce = bytes(range(32))
    data = b64decode(shop.ask("veery_snapshot", nonce=nonce.hex())["snapshot"])
    opened = open_answer(data, nonce=nonce, seed=shop.seed.key, writer=shop.seed.key, known=None, known_hash=b"")
    assert opened.snapshot == shop.seed.snapshot()
    short = b64decode(
        shop.ask("veery_snapshot", nonce=nonce.hex(), known_state=opened.seal.state_hash.hex())["snapshot"]
    )
    assert len(short) < len(data)


def test_the_history_in_pages(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 6):
        shop.prove(number)
    monkeypatch.setattr("veery.registry.seed.HISTORY_PAGE", 1_000)
    entries, after = [], None
    pages = 0
    while True:
        result = shop.ask("veery_history", **({} if after is None else {"after": after.hex()}))
        entries += [decode_entry(b64decode(text)) for text in result["entries"]]
        after = entries[-1].block_hash
        pages += 1
        if not result["more"]:
            break
    assert pages > 2
    assert History.replay(entries).state == shop.seed.history.state
    assert shop.ask("veery_history", after=bytes(32).hex())["code"] == seed_rpc.UNKNOWN_BLOCK


def test_proofs_and_their_refusals(shop: Shop) -> None:
    proof = b64encode(proof_of(1, NOW).encoded).decode()
    assert shop.ask("veery_submit_proof", proof=proof) == {
        "status": "OK",
        "height": 0,
        "active": False,
        "every_ms": 30_000,
    }
    shop.seed.handle_timer()
    refused = shop.ask("veery_submit_proof", proof=proof)
    assert (refused["code"], refused["data"]["kind"]) == (seed_rpc.PROOF_REFUSED, "registry.proof.stale")
    shop.time.ms += 1
    again = b64encode(proof_of(1, NOW + 1).encoded).decode()
    assert shop.ask("veery_submit_proof", proof=again)["active"] is True
    assert shop.taken == 2
    for bad in ("", "!", 5, None, "AAAA"):
        assert shop.ask("veery_submit_proof", proof=bad)["code"] == seed_rpc.PROOF_REFUSED
    assert shop.taken == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", seed_rpc.PARSE_ERROR),
        (b"{", seed_rpc.PARSE_ERROR),
        (b"\xff", seed_rpc.PARSE_ERROR),
        (b"[]", seed_rpc.INVALID_REQUEST),
        (b"{}", seed_rpc.INVALID_REQUEST),
        (b'{"method":5}', seed_rpc.INVALID_REQUEST),
        (b'{"method":"get_info","id":[]}', seed_rpc.INVALID_REQUEST),
        (b'{"method":"nothing"}', seed_rpc.METHOD_NOT_FOUND),
        (b'{"method":"get_info","params":[]}', seed_rpc.INVALID_PARAMS),
        (b'{"method":"get_service_nodes","params":{"fields":"all"}}', seed_rpc.INVALID_PARAMS),
        (b'{"method":"get_service_nodes","params":{"fields":{"a":1}}}', seed_rpc.INVALID_PARAMS),
        (b'{"method":"get_service_nodes","params":{"limit":-1}}', seed_rpc.INVALID_PARAMS),
        (b'{"method":"get_service_nodes","params":{"limit":true}}', seed_rpc.INVALID_PARAMS),
        (b'{"method":"get_service_nodes","params":{"active_only":1}}', seed_rpc.INVALID_PARAMS),
        (b'{"method":"veery_snapshot","params":{}}', seed_rpc.INVALID_PARAMS),
        (b'{"method":"veery_snapshot","params":{"nonce":"00"}}', seed_rpc.INVALID_PARAMS),
        (b'{"method":"veery_history","params":{"after":5}}', seed_rpc.INVALID_PARAMS),
        (b"[" * 100_000, seed_rpc.PARSE_ERROR),
    ],
)
def test_bad_requests_are_answered(shop: Shop, body: bytes, code: int) -> None:
    reply = json.loads(shop.rpc.answer(body))
    assert reply["error"]["code"] == code
    assert reply["jsonrpc"] == "2.0"


def test_a_restart_keeps_identity_history_and_swarms(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.prove(*range(1, 15))
    before, key = shop.seed.snapshot(), shop.seed.key
    shop.seed.close()
    again = Shop(tmp_path)
    assert (again.seed.snapshot(), again.seed.key) == (before, key)
    again.time.ms += 1
    again.prove(15)
    assert len(again.seed.snapshot().nodes) == 15
    again.seed.close()


def test_files_are_private_and_used_by_one_process(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    with pytest.raises(LockHeld):
        Shop(tmp_path)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "identity": 0o600,
        "history": 0o600,
        "lock": 0o600,
    }
    shop.seed.close()
    (tmp_path / "identity").chmod(0o644)
    with pytest.raises(FileUnsafe):
        Shop(tmp_path)


def test_a_history_of_others_is_not_written(tmp_path: Path) -> None:
    Shop(tmp_path / "a").seed.close()
    with pytest.raises(HistoryBroken, match="another network"):
        Shop(tmp_path / "a", SeedSettings("other"))
    (tmp_path / "a" / "identity").unlink()
    with pytest.raises(HistoryBroken, match="another key"):
        Shop(tmp_path / "a")


def test_a_torn_line_is_told_after_a_restart(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.prove(1)
    shop.prove(2)
    shop.seed.close()
    history = tmp_path / "history"
    history.write_bytes(history.read_bytes()[:-10])
    again = Shop(tmp_path)
    assert again.seed.torn_bytes > 0
    assert len(again.seed.snapshot().nodes) == 1
    again.time.ms += 1
    again.prove(2)
    assert len(again.seed.snapshot().nodes) == 2
    again.seed.close()


def test_a_follower_without_history_says_so(tmp_path: Path) -> None:
    shop = Shop(tmp_path, SeedSettings("lab", leader="http://127.0.0.1:1"))
    with pytest.raises(NoHistoryYet):
        shop.seed.snapshot()
    for method in ("get_service_nodes", "get_info", "veery_history"):
        assert shop.ask(method)["code"] == seed_rpc.NOT_READY
    proof = b64encode(proof_of(1, NOW).encoded).decode()
    assert shop.ask("veery_submit_proof", proof=proof)["code"] == seed_rpc.NOT_THE_WRITER
    shop.seed.close()


def test_settings_are_checked() -> None:
    with pytest.raises(SettingsError, match="allow"):
        SeedSettings("lab", allow=("xyz",)).rules()
    with pytest.raises(SettingsError, match="forget_s"):
        SeedSettings("lab", forget_s=10).rules()
    assert SeedSettings("lab").rules().allow == frozenset()
    assert SeedSettings("lab", open=True).rules().allow is None
    assert SeedSettings("lab", allow=(key_of(1).hex(),)).rules().allow == {key_of(1)}


def test_settings_come_from_a_file_and_variables(tmp_path: Path) -> None:
    path = tmp_path / "seed.toml"
    path.write_text(write_commented_toml(SeedSettings, SETTINGS))
    loaded = load(SeedSettings, file=path, environment={"VEERY_LISTENER_RATE": "9.5"}).values
    assert loaded.listener.rate == 9.5
    assert (loaded.network, loaded.open, loaded.batch_s) == ("lab", True, 0)
    with pytest.raises(SettingsError, match="port"):
        load(SeedSettings, flags={"network": "lab", "port": 70_000})
