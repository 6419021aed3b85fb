"""Running a service node."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.network_files import is_url, is_wildcard, network_of
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
from veery.node.keys import NodeKeys
from veery.node.service import LOCK_FILE, Node
from veery.node.settings import NodeSettings
from veery.runtime.paths import private_directory
from veery.secret import shorten

ROLE: Final = Role(
    "node",
    NodeSettings,
    {
        "network": "network",
        "host": "listen.host",
        "https_port": "listen.https_port",
        "queue_port": "listen.queue_port",
        "public_ip": "listen.public_ip",
    },
)
_HEALTH_TIMEOUT_S: Final = 5.0
_HEALTH_MAX: Final = 65_536  # bytes of an answer


def init(options: Namespace, console: Console) -> int:
    """Write settings and keys."""
    settings = new_settings(ROLE, options)
    _check_address(settings)
    if not is_url(settings.network):
        options.network = str(Path(settings.network).expanduser().absolute())
    network_of(settings.network)
    directory = private_directory(data_directory(ROLE, options))
    file = write_settings(ROLE, options)
    keys = NodeKeys.of_directory(directory)
    told = {
        "role": ROLE.name,
        "config": str(file),
        "directory": str(directory),
        "ed25519": keys.ed25519.hex(),
        "x25519": keys.x25519.hex(),
    }
    if console.as_json:
        console.record(told)
        return Exit.DONE
    console.fields(
        [
            ("Settings", told["config"]),
            ("Directory", told["directory"]),
            ("Key (Ed25519)", told["ed25519"]),
            ("Key (X25519)", told["x25519"]),
        ]
    )
    console.talk(f"Next: start it with `{run_line(ROLE, options)}`.")
    return Exit.DONE


def run(options: Namespace, console: Console) -> int:
    """Run the node until it is told to stop."""
    settings = load_settings(ROLE, options).values
    _check_address(settings)
    if settings.listen.metrics_port is None:  # `veery node status` asks there
        settings = replace(settings, listen=replace(settings.listen, metrics_port=0))
    directory = private_directory(data_directory(ROLE, options))
    node = Node(settings, directory, network=network_of(settings.network))

    def facts() -> dict[str, Any]:
        return {
            "role": ROLE.name,
            "address": settings.listen.public_ip or settings.listen.host,
            "https_port": node.https_port,
            "queue_port": node.queue_port,
            "metrics_port": node.metrics_port,
            "ed25519": node.view.keys.ed25519.hex(),
            "x25519": node.view.keys.x25519.hex(),
            "directory": str(directory),
        }

    def tell() -> None:
        if console.as_json:
            console.record(facts())
            return
        told = facts()
        key = shorten(told["ed25519"])
        console.line(
            f"Node {key} listens on {settings.listen.host}: HTTPS {told['https_port']}, queue {told['queue_port']},"
            f" health {told['metrics_port']} (loopback)"
        )
        console.flush()

    return run_service(console, Announced(node, directory, facts, tell), log_json=options.log_json)


def _check_address(settings: NodeSettings) -> None:
    listen = settings.listen
    if listen.public_ip is None and is_wildcard(listen.host):
        raise UsageWrong(
            f"Others cannot reach the node at {listen.host}",
            remedy="Give the address that they use, as in --public-ip 203.0.113.7",
        )


def status(options: Namespace, console: Console) -> int:
    """Ask the running node."""
    found = running(ROLE, data_directory(ROLE, options), LOCK_FILE)
    return run_coroutine(console, _status(found, console))


async def _status(found: dict[str, Any], console: Console) -> int:
    with console.progress("Asking the node"):
        health = await _health(int(found["metrics_port"]))
    told = {**{name: found[name] for name in found if name != "directory"}, **health.fields}
    if console.as_json:
        console.record({**told, "serves": health.serves})
        return Exit.DONE
    reasons = ", ".join(map(str, told.get("reasons", []))) or "it does not answer"
    pairs = [
        ("Node", f"{shorten(str(told['ed25519']))} (process {told['pid']})"),
        ("Address", f"{told['address']}, HTTPS {told['https_port']}, queue {told['queue_port']}"),
        ("Serves", "yes" if health.serves else f"no: {reasons}"),
    ]
    if health.fields:
        pairs += _health_pairs(health.fields)
    console.fields(pairs)
    return Exit.DONE if health.serves else Exit.FAILED


def _health_pairs(fields: dict[str, Any]) -> list[tuple[str, str]]:
    registry = fields.get("registry")
    return [
        ("Swarm", f"{fields.get('swarm')} of {count(int(fields.get('members', 0)), 'member')}"),
        ("Messages", str(fields.get("messages"))),
        ("Connections", str(fields.get("connections"))),
        ("Subscriptions", str(fields.get("subscriptions"))),
        ("To be repaired", str(fields.get("repairs"))),
        ("Height", str(fields.get("height"))),
        ("Version", str(fields.get("version"))),
        *([("Seeds", f"the last try failed: {registry}")] if registry else []),
    ]


@dataclass(frozen=True, slots=True)
class _Health:
    """What `/healthz` says; empty fields when nobody answers."""

    serves: bool
    fields: dict[str, Any]


async def _health(port: int) -> _Health:
    try:
        async with asyncio.timeout(_HEALTH_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_HEALTH_MAX)
            try:
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = await reader.read(_HEALTH_MAX)
                while (more := await reader.read(_HEALTH_MAX)) and len(answer) < _HEALTH_MAX:
                    answer += more
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return _Health(False, {})
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        fields = json.loads(body)
    except ValueError:
        return _Health(False, {})
    return _Health(b" 200 " in head.partition(b"\r\n")[0], fields if isinstance(fields, dict) else {})
