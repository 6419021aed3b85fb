"""Who is where in a lab: the directory, the addresses and ports, and the settings that follow from them.

The plan is written when the lab is first made and grows ports when they are first bound, so that a lab restarted from
its directory is the same network.

```
DIR/lab.json        the plan              DIR/network.toml    the network file for clients
DIR/seed/           the seed's state      DIR/nodes/07/       a node's keys and messages
DIR/fileserver/     the file server's keys and files
```
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from veery.errors import VeeryError
from veery.fileserver.settings import FileServerSettings
from veery.node.settings import ListenSettings, NodeSettings
from veery.protocol.constants import FILE_BLOB_MAX
from veery.registry.seed_settings import SeedSettings
from veery.runtime.faults import FileMissing
from veery.runtime.paths import private_directory, read_bounded, write_atomic

PLAN_FILE = "lab.json"
NETWORK_FILE = "network.toml"
CONTROL_SOCKET = "lab.sock"
LOCK = "lock"
NAME = "lab"
FILE_SERVER = "fileserver"  # its role, and the name of its directory

_PLAN_MAX = 1024 * 1024
_NODES_MAX = 250
_PROOF_LIFETIME_S = 12.0  # a node that is killed leaves its swarm within seconds, so that a lab can show it
_FORGET_S = 30 * 24 * 3600.0  # a lab that was down for weeks comes back as it was
_BATCH_S = 0.3
_REFRESH_S = 2.0


class LabError(VeeryError):
    """The lab cannot do what was asked."""

    default_kind = "lab"


class Place(msgspec.Struct, frozen=True):
    """Where one part listens; port 0 until it was bound once."""

    host: str
    https_port: int = 0
    queue_port: int = 0


class Plan(msgspec.Struct, frozen=True):
    """The parts of a lab. `processes`: each part in its own process."""

    seed: Place
    nodes: list[Place]
    file_server: Place = Place("127.0.0.1")
    processes: bool = False
    file_max: Annotated[int | None, msgspec.Meta(description="bytes of one blob on the file server")] = None
    host_per_node: Annotated[bool, msgspec.Meta(description="each node has its own loopback address")] = False

    @classmethod
    def new(cls, nodes: int, *, processes: bool, host_per_node: bool, file_max: int | None = None) -> Plan:
        """A plan for so many nodes. Raises LabError for a number that makes no network."""
        if not 1 <= nodes <= _NODES_MAX:
            raise LabError(f"A lab has 1 to {_NODES_MAX} nodes, not {nodes}", remedy="Choose --nodes in that range")
        places = [Place(f"127.0.{number}.1" if host_per_node else "127.0.0.1") for number in range(1, nodes + 1)]
        return cls(Place("127.0.0.1"), places, processes=processes, host_per_node=host_per_node, file_max=file_max)


def node_name(number: int) -> str:
    """The name of a node in its lab, from 01 on."""
    return f"{number:02d}"


def node_directory(directory: Path, number: int) -> Path:
    """Where a node of a lab keeps its keys and messages."""
    return directory / "nodes" / node_name(number)


def load_plan(directory: Path) -> Plan | None:
    """The plan of the lab in a directory; None if there is none. Raises LabError for a file that cannot be read."""
    try:
        return msgspec.json.decode(read_bounded(directory / PLAN_FILE, _PLAN_MAX), type=Plan)
    except FileMissing:
        return None
    except msgspec.DecodeError as error:
        raise LabError(
            f"{directory / PLAN_FILE} is not the plan of a lab", remedy="Remove the directory to begin anew"
        ) from error


def save_plan(directory: Path, plan: Plan) -> None:
    """Write the plan."""
    write_atomic(private_directory(directory) / PLAN_FILE, msgspec.json.encode(plan))


def write_network_file(
    directory: Path,
    seed_url: str,
    seed_key: bytes,
    *,
    file_server: tuple[str, bytes] | None = None,
    file_max: int | None = None,
) -> Path:
    """Write the network file that clients and nodes of the lab are given. file_server: its URL and Ed25519 key."""
    path = directory / NETWORK_FILE
    text = f'[network]\nname = "{NAME}"\nseeds = [\n    {{ url = "{seed_url}", key = "{seed_key.hex()}" }},\n]\n'
    if file_server is not None:
        url, key = file_server
        most = "" if file_max is None else f", blob_max = {file_max}"
        text += f'file_server = {{ url = "{url}", key = "{key.hex()}"{most} }}\n'
    write_atomic(path, text.encode())
    return path


def seed_settings(plan: Plan) -> SeedSettings:
    """What the lab's seed is told: everybody may join, loopback addresses are fine."""
    return SeedSettings(
        NAME,
        host=plan.seed.host,
        port=plan.seed.https_port,
        open=True,
        private_addresses=True,
        proof_lifetime_s=_PROOF_LIFETIME_S,
        forget_s=_FORGET_S,
        batch_s=_BATCH_S,
    )


def file_server_settings(plan: Plan) -> FileServerSettings:
    """What the lab's file server is told."""
    place, most = plan.file_server, FILE_BLOB_MAX if plan.file_max is None else plan.file_max
    return FileServerSettings(host=place.host, port=place.https_port, blob_max=most)


def node_settings(plan: Plan, directory: Path, number: int) -> NodeSettings:
    """What a node of the lab is told. One process serves it: a lab has more nodes than the machine has cores."""
    place = plan.nodes[number - 1]
    listen = ListenSettings(host=place.host, https_port=place.https_port, queue_port=place.queue_port, metrics_port=0)
    return NodeSettings(
        network=str(directory / NETWORK_FILE),
        listen=listen,
        workers=0,
        private_servers=True,
        refresh_s=_REFRESH_S,
    )


def with_node_ports(plan: Plan, number: int, https_port: int, queue_port: int) -> Plan:
    """The plan with the ports that a node has bound."""
    nodes = [*plan.nodes]
    nodes[number - 1] = msgspec.structs.replace(nodes[number - 1], https_port=https_port, queue_port=queue_port)
    return msgspec.structs.replace(plan, nodes=nodes)


def with_seed_port(plan: Plan, port: int) -> Plan:
    """The plan with the port that the seed has bound."""
    return msgspec.structs.replace(plan, seed=msgspec.structs.replace(plan.seed, https_port=port))


def with_file_server_port(plan: Plan, port: int) -> Plan:
    """The plan with the port that the file server has bound."""
    return msgspec.structs.replace(plan, file_server=msgspec.structs.replace(plan.file_server, https_port=port))
