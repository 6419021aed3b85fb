"""Looking at a running lab from another terminal: a Unix socket in its directory, one JSON object a line each way.

Only the user who runs the lab can open it (mode 0600). Requests: `{"do": "status" | "kill" | "restart" | "down",
"node": 7}`; answers: `{"ok": …}` or `{"error": …, "remedy": …}`.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from veery.errors import VeeryError
from veery.lab.network import LabNetwork, row
from veery.lab.plan import CONTROL_SOCKET, LabError, node_name

_LINE_MAX = 1024 * 1024


class LabControl:
    """The listening side, in the process that runs the lab. `down` is set when somebody asks the lab to end."""

    def __init__(self, lab: LabNetwork) -> None:
        self._lab = lab
        self._server: asyncio.Server | None = None
        self.down = asyncio.Event()

    async def start(self) -> None:
        """Open the socket."""
        path = self._lab.directory / CONTROL_SOCKET
        path.unlink(missing_ok=True)  # the lab's lock is held: whoever left it is gone
        old = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, path, limit=_LINE_MAX)
        except OSError as error:
            raise LabError(
                f"The control socket {path} cannot be opened", remedy="Choose a directory with a shorter path"
            ) from error
        finally:
            os.umask(old)

    async def close(self) -> None:
        """Close the socket and remove it."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            (self._lab.directory / CONTROL_SOCKET).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            try:
                line = await reader.readline()
                answer: dict[str, Any] = {"ok": await self._do(json.loads(line))}
            except VeeryError as error:
                answer = {"error": error.message, "remedy": error.remedy}
            except (ValueError, KeyError, TypeError):
                answer = {"error": "the request cannot be read", "remedy": ""}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        finally:
            writer.close()

    async def _do(self, request: dict[str, Any]) -> Any:
        match request["do"]:
            case "status":
                return [*await self._lab.status()]
            case "kill":
                await self._lab.kill_node(int(request["node"]))
                return None
            case "restart":
                number = int(request["node"])
                facts = await self._lab.restart_node(number)
                return row(node_name(number), facts, await self._lab.wait_listed())
            case "down":
                self.down.set()
                return None
            case _:
                raise LabError("The lab knows no such request")


async def ask(directory: Path, request: dict[str, Any]) -> Any:
    """Ask the lab that runs in a directory. Raises LabError."""
    try:
        reader, writer = await asyncio.open_unix_connection(directory / CONTROL_SOCKET, limit=_LINE_MAX)
    except OSError as error:
        raise LabError(
            f"No lab runs in {directory}", kind="lab.not_running", remedy="Start it with `veery lab up --dir DIR`"
        ) from error
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        line = await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()
    answer = json.loads(line or b'{"error": "the lab ended", "remedy": ""}')
    if "error" in answer:
        raise LabError(answer["error"], remedy=answer["remedy"])
    return answer["ok"]
