"""Looking at a network file, and asking the seeds that it names."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.network_files import network_of
from veery.cli.running import run_coroutine
from veery.cli.text import count
from veery.network.proxy import Proxy, make_connector, open_session
from veery.registry.network_file import NetworkFile, SeedEntry, ServerEntry
from veery.registry.seed_client import SeedClient


def show(options: Namespace, console: Console) -> int:
    """Print what a network file says."""
    network = network_of(options.network)
    if console.as_json:
        console.record(_fields(network))
        return Exit.DONE
    pairs = [("Network", network.name or "(its seed tells)")]
    pairs += [("Seed", f"{seed.url} ({_trust(seed)})") for seed in network.seeds]
    for name, server in (("File server", network.file_server), ("Push server", network.push_server)):
        pairs.append((name, "none" if server is None else server.url))
    pairs += [("TURN server", turn.url) for turn in network.turn]
    if network.contract is not None:
        pairs.append(("Contract", f"0x{network.contract.address.hex()}"))
    console.fields(pairs)
    return Exit.DONE


def check(options: Namespace, console: Console) -> int:
    """Ask the seeds."""
    network = network_of(options.network)
    proxy = None if options.proxy is None else Proxy.parse(options.proxy)
    return run_coroutine(console, _check(network, proxy, console))


async def _check(network: NetworkFile, proxy: Proxy | None, console: Console) -> int:
    async with open_session(make_connector(proxy)) as session, SeedClient(network, session=session) as client:
        with console.progress(f"Asking {count(len(network.seeds), 'seed')}"):
            snapshot = await client.fetch()
        disputes = client.disputes
    swarms = len({node.swarm_id for node in snapshot.active})
    told: dict[str, Any] = {
        "network": snapshot.network or network.name,
        "seeds": len(network.seeds),
        "height": snapshot.height,
        "nodes": len(snapshot.nodes),
        "active": len(snapshot.active),
        "swarms": swarms,
        "disputes": [{"seed": dispute.seed, "reason": dispute.reason} for dispute in disputes],
    }
    if console.as_json:
        console.record(told)
    else:
        agreeing = len(network.seeds) - len(disputes)
        console.fields(
            [
                ("Network", str(told["network"])),
                ("Seeds", f"{agreeing} of {len(network.seeds)} agree"),
                ("Height", str(snapshot.height)),
                ("Nodes", f"{len(snapshot.nodes)}, {len(snapshot.active)} active in {count(swarms, 'swarm')}"),
                *(("Differs", f"{dispute.seed}: {dispute.reason}") for dispute in disputes),
            ]
        )
    return Exit.FAILED if disputes else Exit.DONE


def _fields(network: NetworkFile) -> dict[str, Any]:
    return {
        "name": network.name,
        "seeds": [
            {"url": seed.url, "certificate_sha256": _hex(seed.certificate_sha256), "key": _hex(seed.key)}
            for seed in network.seeds
        ],
        "file_server": None
        if network.file_server is None
        else {**_fields_of(network.file_server), "blob_max": network.file_server.blob_max},
        "push_server": None if network.push_server is None else _fields_of(network.push_server),
        "turn": [turn.url for turn in network.turn],
        "contract": None if network.contract is None else f"0x{network.contract.address.hex()}",
    }


def _fields_of(server: ServerEntry) -> dict[str, Any]:
    return {"url": server.url, "key": _hex(server.key)}


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _trust(seed: SeedEntry) -> str:
    if seed.key is not None:
        return "its key is known"
    if seed.certificate_sha256 is not None:
        return "its certificate is pinned"
    if not seed.authenticated:
        return "NOT authenticated: anybody on the way can pretend to be it"
    return "its certificate is checked" if seed.url.startswith("https:") else "on this machine"
