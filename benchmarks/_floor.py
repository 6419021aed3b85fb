"""What a store costs at the least: the HTTPS door, one JSON parse, one Ed25519 check, one row in a grouped commit.

No limits, no swarm, no answer of a node: what a node needs more than this is its own cost.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from base64 import b64decode
from pathlib import Path

import msgspec

from veery.node.door import HttpDoor
from veery.node.http import JSON, HttpAnswer, HttpRequest
from veery.protocol.crypto import ed25519_verify
from veery.protocol.storage_rpc.namespaces import signed_namespace
from veery.runtime.loop import run
from veery.runtime.sqlite import Connection, Options, WriterThread, open_plain
from veery.runtime.tls import KeyKind, ensure_identity, server_context


class Params(msgspec.Struct):
    """The fields of the generator's stores that are looked at here."""

    pubkey_ed25519: str
    timestamp: int
    namespace: int
    signature: str
    data: str


class Call(msgspec.Struct):
    """A request's body."""

    method: str
    params: Params


_DECODE = msgspec.json.Decoder(Call).decode


def _opened(directory: Path) -> Connection:
    connection = open_plain(directory / "floor.sqlite", Options())
    connection.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, data BLOB NOT NULL)")
    return connection


async def _serve(directory: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    ensure_identity(directory / "tls.pem", 1_790_000_000_000, kind=KeyKind.EC_P256)
    async with WriterThread(lambda: _opened(directory)) as writer:

        async def handle(request: HttpRequest) -> HttpAnswer:
            params = _DECODE(request.body).params
            text = b"store%b%d" % (signed_namespace(params.namespace), params.timestamp)
            ed25519_verify(bytes.fromhex(params.pubkey_ed25519), text, b64decode(params.signature))
            data = b64decode(params.data)
            await writer.run(lambda db: db.execute("INSERT INTO messages (data) VALUES (?)", (data,)))
            return HttpAnswer(200, b'{"stored":true}', JSON)

        door = HttpDoor(handle)
        port = await door.listen("127.0.0.1", 0, server_context(directory / "tls.pem"))
        print(json.dumps({"port": port}), flush=True)
        await stop.wait()
        await door.close()


if __name__ == "__main__":
    run(_serve(Path(sys.argv[1])))
