"""Running a seed."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from msgspec import Meta

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.network_files import is_loopback, is_wildcard, seed_network_text
from veery.cli.running import run_coroutine
from veery.cli.service import (
    Announced,
    Role,
    data_directory,
    load_settings,
    new_settings,
    run_line,
    run_service,
    running,
    write_settings,
)
from veery.cli.text import count
from veery.protocol import crypto
from veery.registry.network_file import NetworkFile, SeedEntry
from veery.registry.seed import IDENTITY, LOCK
from veery.registry.seed_client import SeedClient
from veery.registry.seed_server import SeedServer, wall_clock_ms
from veery.registry.seed_settings import SeedSettings
from veery.runtime.faults import FileMissing
from veery.runtime.identity import create_key_file, load_key_file
from veery.runtime.paths import private_directory, write_new
from veery.runtime.tls import KeyKind, TlsIdentity, ensure_identity, server_context
from veery.secret import shorten

TLS_FILE: Final = "tls.pem"
NETWORK_FILE: Final = "network.toml"


@dataclass(frozen=True, slots=True)
class SeedFile(SeedSettings):
    """The settings of a seed that is run by itself."""

    tls: Annotated[bool | None, Meta(description="Speak TLS; unset: unless `host` is a loopback address.")] = None

    @property
    def speaks_tls(self) -> bool:
        """Whether the listener speaks TLS."""
        return not is_loopback(self.host) if self.tls is None else self.tls


ROLE: Final = Role("seed", SeedFile, {"network": "network", "host": "host", "port": "port", "leader": "leader"})


def init(options: Namespace, console: Console) -> int:
    """Write settings, keys and network file."""
    settings = new_settings(ROLE, options)
    if is_wildcard(settings.host) and settings.leader is None and not options.url:
        raise UsageWrong(
            f"Others cannot reach the seed at {settings.host}",
            remedy=f"Give the address that they use, as in --url https://203.0.113.5:{settings.port}",
        )
    directory = private_directory(data_directory(ROLE, options))
    file = write_settings(ROLE, options)
    key = _public_key(directory)
    identity = _tls_identity(directory) if settings.speaks_tls else None
    network = _write_network(options, settings, directory, key, identity)
    told: dict[str, Any] = {
        "role": ROLE.name,
        "config": str(file),
        "directory": str(directory),
        "ed25519": key.hex(),
        "certificate_sha256": None if identity is None else identity.fingerprint.hex(),
        "network_file": None if network is None else str(network),
    }
    if console.as_json:
        console.record(told)
        return Exit.DONE
    console.fields(
        [
            ("Settings", str(file)),
            ("Directory", str(directory)),
            ("Key", key.hex()),
            ("Network file", "none: its address is not known before it runs" if network is None else str(network)),
        ]
    )
    console.talk(f"Next: start it with `{run_line(ROLE, options)}`, and give the network file to nodes and clients.")
    return Exit.DONE


def run(options: Namespace, console: Console) -> int:
    """Run the seed until it is told to stop."""
    settings = load_settings(ROLE, options).values
    directory = private_directory(data_directory(ROLE, options))
    identity = _tls_identity(directory) if settings.speaks_tls else None
    tls = None if identity is None else server_context(directory / TLS_FILE)
    server = SeedServer(settings, directory, tls=tls)

    def facts() -> dict[str, Any]:
        return {
            "role": ROLE.name,
            "network": settings.network,
            "address": settings.host,
            "port": server.port,
            "https_port": server.port,  # the name that a node's line and the lab have for it
            "url": server.url,
            "writes": server.seed.writes,
            "ed25519": server.seed.key.hex(),
            "certificate_sha256": None if identity is None else identity.fingerprint.hex(),
            "directory": str(directory),
        }

    def tell() -> None:
        if console.as_json:
            console.record(facts())
        else:
            key = shorten(server.seed.key.hex())
            console.line(f"Seed {key} of the network {settings.network} listens on {server.url}")
            console.flush()

    service = Announced(_Seed(server), directory, facts, tell)
    return run_service(console, service, log_json=options.log_json)


def status(options: Namespace, console: Console) -> int:
    """Ask the running seed."""
    found = running(ROLE, data_directory(ROLE, options), LOCK)
    return run_coroutine(console, _status(found, console))


async def _status(found: dict[str, Any], console: Console) -> int:
    pin = found["certificate_sha256"]
    # The key of the first seed of a network is taken for that of the writer, which a follower's key is not.
    key = bytes.fromhex(found["ed25519"]) if found["writes"] else None
    entry = SeedEntry(found["url"], None if pin is None else bytes.fromhex(pin), key)
    async with SeedClient(NetworkFile("", (entry,)), sleep=_no_retry) as client:
        with console.progress("Asking the seed"):
            snapshot = await client.fetch()
    told = {
        **{name: found[name] for name in ("role", "network", "url", "writes", "ed25519", "pid")},
        "height": snapshot.height,
        "nodes": len(snapshot.nodes),
        "active": len(snapshot.active),
        "swarms": len({node.swarm_id for node in snapshot.active}),
    }
    if console.as_json:
        console.record(told)
        return Exit.DONE
    console.fields(
        [
            ("Seed", f"{told['url']} (process {told['pid']})"),
            ("Network", str(told["network"])),
            ("Role", "writes the history" if told["writes"] else "follows another seed"),
            ("Height", str(told["height"])),
            ("Nodes", f"{told['nodes']}, {told['active']} active in {count(int(told['swarms']), 'swarm')}"),
        ]
    )
    return Exit.DONE


async def _no_retry(_seconds: float) -> None:
    await asyncio.sleep(0)


class _Seed:
    """A seed as a `Service`."""

    def __init__(self, server: SeedServer) -> None:
        self._server = server

    async def start(self) -> None:
        await self._server.start()

    async def run_until_stopped(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        await self._server.close()


def _public_key(directory: Path) -> bytes:
    path = directory / IDENTITY
    try:
        seed = load_key_file(path)
    except FileMissing:
        seed = create_key_file(path)
    return crypto.ed25519_from_seed(seed.reveal())[0]


def _tls_identity(directory: Path) -> TlsIdentity:
    return ensure_identity(directory / TLS_FILE, wall_clock_ms(), kind=KeyKind.EC_P256)


def _write_network(
    options: Namespace, settings: SeedFile, directory: Path, key: bytes, identity: TlsIdentity | None
) -> Path | None:
    """The network file with this seed alone; None when its address is not known yet, or it follows another one."""
    if settings.leader is not None or (settings.port == 0 and not options.url):
        return None
    scheme = "http" if identity is None else "https"
    url = options.url or f"{scheme}://{settings.host}:{settings.port}"
    pin = identity.fingerprint if identity is not None and urlsplit(url).scheme == "https" else None
    text = seed_network_text(settings.network, url, pin, key)
    NetworkFile.parse(text)
    file = directory / NETWORK_FILE
    write_new(file, text.encode())
    return file
