"""The network file: everything that a client or node must be told to find its network.

```toml
[network]
name = "example"
seeds = [
  { url = "https://seed.example.org:8017", certificate_sha256 = "…", key = "…" },
  "https://other.example.org:8017",
]
file_server = { url = "http://files.example.org", key = "…", blob_max = 25165824 }
push_server = { url = "http://push.example.org", key = "…" }
turn = [{ url = "turn:turn.example.org:3478", username = "…", credential = "…" }]
contract = { address = "0x…", rpc = ["https://rpc.example.org"] }
```

The first seed is the writer of the history; its `key` is then the key that every list must be signed by. Unknown keys
are errors.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from veery.protocol.constants import NETWORK_FILE_MAX, NETWORK_NAME_MAX
from veery.registry.toml_table import NetworkFileWrong, TomlTable
from veery.runtime.paths import read_bounded

_SEEDS_MAX: Final = 32
_CONTRACT_DIGITS: Final = 40
_TURN_SCHEMES: Final = ("stun", "turn", "turns")


@dataclass(frozen=True, slots=True)
class SeedEntry:
    """A seed. certificate_sha256: pin of its certificate; key: its Ed25519 key; 32 bytes each, None if not told."""

    url: str
    certificate_sha256: bytes | None = None
    key: bytes | None = None

    @property
    def authenticated(self) -> bool:
        """Whether somebody in the middle is noticed: TLS, a key, or no way out of this machine."""
        parts = urlsplit(self.url)
        return parts.scheme == "https" or self.key is not None or _is_loopback(parts.hostname or "")


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """A file or push server. key: 32 bytes, None if not told; Ed25519 for a file server (09.5.4), else X25519.

    blob_max: bytes of one encrypted file that a file server keeps; None: what all of them keep (09.7.2).
    """

    url: str
    key: bytes | None = None
    blob_max: int | None = None


@dataclass(frozen=True, slots=True)
class TurnEntry:
    """A STUN or TURN server for calls."""

    url: str
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class ContractEntry:
    """The registry contract on a chain (05.11): address of 20 bytes, and JSON-RPC endpoints."""

    address: bytes
    rpc: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A network. name: "" means that its seeds tell it; seeds: at least one, the writer of the history first."""

    name: str
    seeds: tuple[SeedEntry, ...]
    file_server: ServerEntry | None = None
    push_server: ServerEntry | None = None
    turn: tuple[TurnEntry, ...] = ()
    contract: ContractEntry | None = None

    @classmethod
    def load(cls, path: Path) -> NetworkFile:
        """Read a file. Raises FileMissing and the like, NetworkFileWrong."""
        content = read_bounded(path, NETWORK_FILE_MAX)
        try:
            return cls.parse(content.decode())
        except UnicodeDecodeError as error:
            raise NetworkFileWrong(f"{path} is not UTF-8 text") from error

    @classmethod
    def parse(cls, text: str) -> NetworkFile:
        """Read the text of a file. Raises NetworkFileWrong."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise NetworkFileWrong(f"The network file is not TOML: {error}") from error
        table = TomlTable(document, "").table("network")
        name = table.text("name")
        if not name or len(name.encode()) > NETWORK_NAME_MAX or not name.isprintable():
            raise NetworkFileWrong(f"`network.name` must be 1 to {NETWORK_NAME_MAX} printable characters")
        found = cls(
            name,
            tuple(_seed(item) for item in table.items("seeds")),
            _server(table, "file_server"),
            _server(table, "push_server"),
            tuple(_turn(item) for item in table.items("turn")) if table.has("turn") else (),
            _contract(table.table("contract")) if table.has("contract") else None,
        )
        table.done()
        if not 1 <= len(found.seeds) <= _SEEDS_MAX:
            raise NetworkFileWrong(f"`network.seeds` must name 1 to {_SEEDS_MAX} seeds")
        if len({seed.url for seed in found.seeds}) != len(found.seeds):
            raise NetworkFileWrong("`network.seeds` names a seed twice")
        return found

    @classmethod
    def from_seed_url(cls, url: str) -> NetworkFile:
        """A network of which only one seed is known; the seed tells its name. Raises NetworkFileWrong."""
        return cls("", (SeedEntry(_url(url, "the seed")),))


def _seed(item: TomlTable | str) -> SeedEntry:
    if isinstance(item, str):
        return SeedEntry(_url(item, "`network.seeds`"))
    entry = SeedEntry(_url(item.text("url"), item.path("url")), item.key("certificate_sha256"), item.key("key"))
    item.done()
    if entry.certificate_sha256 is not None and not entry.url.startswith("https:"):
        raise NetworkFileWrong(f"A certificate is pinned for {entry.url}, which has none; write https:")
    return entry


def _server(table: TomlTable, name: str) -> ServerEntry | None:
    if not table.has(name):
        return None
    if isinstance(table.get(name), str):
        return ServerEntry(_url(table.text(name), table.path(name)))
    inner = table.table(name)
    most = inner.size("blob_max") if name == "file_server" else None
    entry = ServerEntry(_url(inner.text("url"), inner.path("url")), inner.key("key"), most)
    inner.done()
    return entry


def _turn(item: TomlTable | str) -> TurnEntry:
    if isinstance(item, str):
        entry = TurnEntry(item)
    else:
        entry = TurnEntry(item.text("url"), item.optional_text("username"), item.optional_text("credential"))
        item.done()
    scheme, mark, host = entry.url.partition(":")
    if scheme not in _TURN_SCHEMES or not mark or not host:
        raise NetworkFileWrong("`network.turn` must hold addresses like turn:host:port")
    return entry


def _contract(table: TomlTable) -> ContractEntry:
    digits = table.text("address").removeprefix("0x")
    rpc = table.texts("rpc")
    table.done()
    if len(digits) != _CONTRACT_DIGITS or not digits.isascii() or not digits.isalnum():
        raise NetworkFileWrong("`network.contract.address` must be 0x and 40 hex digits")
    try:
        address = bytes.fromhex(digits)
    except ValueError:
        raise NetworkFileWrong("`network.contract.address` must be 0x and 40 hex digits") from None
    return ContractEntry(address, tuple(_url(url, "`network.contract.rpc`") for url in rpc))


def _url(text: str, where: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise NetworkFileWrong(f"The address in {where} cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise NetworkFileWrong(f"The address in {where} must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise NetworkFileWrong(f"The address in {where} must be a plain address, without user, query or fragment")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
