"""Running a file server."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Final

import aiohttp

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.network_files import is_wildcard
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
from veery.fileserver.onion_door import ServerKeys
from veery.fileserver.server import LOCK_FILE, FileServerService
from veery.fileserver.settings import FileServerSettings
from veery.protocol.constants import FILE_BLOB_MAX
from veery.runtime.paths import private_directory
from veery.secret import shorten

ROLE: Final = Role("fileserver", FileServerSettings, {"host": "host", "port": "port"})
_ASK_S: Final = 10.0


def init(options: Namespace, console: Console) -> int:
    """Write settings and key."""
    settings = new_settings(ROLE, options)
    if is_wildcard(settings.host) and not options.url:
        raise UsageWrong(
            f"Others cannot reach the file server at {settings.host}",
            remedy=f"Give the address that they use, as in --url http://203.0.113.5:{settings.port}",
        )
    _refuse_secrets(settings)
    directory = private_directory(data_directory(ROLE, options))
    file = write_settings(ROLE, options)
    keys = ServerKeys.of_directory(directory)
    url = options.url or f"http://{settings.host}:{settings.port}"
    most = "" if settings.blob_max == FILE_BLOB_MAX else f", blob_max = {settings.blob_max}"
    line = f'file_server = {{ url = "{url}", key = "{keys.ed25519.hex()}"{most} }}'
    told = {
        "role": ROLE.name,
        "config": str(file),
        "directory": str(directory),
        "url": url,
        "ed25519": keys.ed25519.hex(),
        "x25519": keys.x25519.hex(),
        "network_line": line,
    }
    if console.as_json:
        console.record(told)
        return Exit.DONE
    console.fields([("Settings", str(file)), ("Directory", str(directory)), ("Key", keys.ed25519.hex())])
    console.talk("Put this line below [network] into the network file, and give that to everybody:")
    console.line(line)
    console.talk(f"Next: start it with `{run_line(ROLE, options)}`.")
    return Exit.DONE


def _refuse_secrets(settings: FileServerSettings) -> None:
    """`init` writes no secrets; what it left out would be missed when the server runs."""
    for key, given in (("postgres", settings.postgres), ("s3.secret_key", settings.s3.secret_key)):
        if given is not None:
            variable = f"VEERY_{key.upper().replace('.', '_')}"
            raise UsageWrong(
                f"`{key}` is a secret and is not written from a command line",
                remedy=f"Leave it away here; then set {variable} where the server runs, or write it into the file",
            )


def run(options: Namespace, console: Console) -> int:
    """Run the file server until it is told to stop."""
    settings = load_settings(ROLE, options).values
    directory = private_directory(data_directory(ROLE, options))
    server = FileServerService(settings, directory)

    def facts() -> dict[str, Any]:
        return {
            "role": ROLE.name,
            "address": settings.host,
            "port": server.port,
            "url": server.url,
            "ed25519": server.keys.ed25519.hex(),
            "x25519": server.keys.x25519.hex(),
            "directory": str(directory),
        }

    def tell() -> None:
        if console.as_json:
            console.record(facts())
        else:
            console.line(f"File server {shorten(server.keys.ed25519.hex())} listens on {server.url}")
            console.flush()

    return run_service(console, Announced(server, directory, facts, tell), log_json=options.log_json)


def status(options: Namespace, console: Console) -> int:
    """Ask the running file server."""
    found = running(ROLE, data_directory(ROLE, options), LOCK_FILE)
    with console.progress("Asking the file server"):
        serves = run_coroutine(console, _serves(found["url"]))
    told = {**{name: found[name] for name in ("role", "url", "ed25519", "pid")}, "serves": serves}
    if console.as_json:
        console.record(told)
    else:
        state = "serves" if serves else "does not answer"
        console.fields([("File server", f"{told['url']} (process {told['pid']})"), ("State", state)])
    return Exit.DONE if serves else Exit.FAILED


async def _serves(url: str) -> bool:
    """Whether it answers at all: a file that nobody has stored is answered with 404."""
    try:
        timeout = aiohttp.ClientTimeout(total=_ASK_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{url}/file/0/info") as answer:
            return answer.status < 500
    except (aiohttp.ClientError, TimeoutError):
        return False
