"""Moving a profile to another device."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from veery.cli.account_commands import free_directory
from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.local import reading_whole
from veery.cli.profiles import existing_profile
from veery.cli.progress import Progress as Line
from veery.cli.running import run_coroutine
from veery.cli.text import count, now_ms, size
from veery.cli.unlock import new_unlock, unlock_of
from veery.client.transfer import ProfileSender, TransferCode, receive_profile
from veery.client.transfer.messages import ID_SIZE
from veery.runtime.randomness import Randomness, random_bytes
from veery.secret import Secret
from veery.store.backup import create_backup
from veery.store.database import FILES_NAME
from veery.store.keys import Passphrase

_NAME: Final = "transfer.backup"
_PORT_MAX: Final = 65_535


def send(options: Namespace, console: Console) -> int:
    """Offer this profile."""
    directory = existing_profile(options)
    host, port = _address(options.listen, 0)
    secret = Secret(random_bytes(32).hex().encode())
    backup = directory / _NAME
    backup.unlink(missing_ok=True)  # of an offer that was killed: nobody knows its passphrase any more
    backup.with_name(f"{_NAME}.part").unlink(missing_ok=True)
    try:
        with reading_whole(directory, unlock_of(directory, console)) as connection, console.progress("Packing"):
            passphrase = Passphrase.of(secret.reveal().decode())
            files = directory / FILES_NAME
            create_backup(connection, files, backup, passphrase, now_ms(), random_bytes, lambda _: None)
        run_coroutine(console, _offer(console, backup, secret, host, port))
    finally:
        with suppress(OSError):
            backup.unlink(missing_ok=True)
    if console.as_json:
        console.record({"event": "arrived"})
    else:
        console.talk("The profile has arrived on the other device. It stays here as well.")
    return Exit.DONE


async def _offer(console: Console, backup: Path, secret: Secret, host: str, port: int) -> None:
    code = TransferCode.create(Randomness().randbelow)
    with console.progress("Waiting for the other device") as line:
        sender = ProfileSender(backup, secret, random_bytes(ID_SIZE), code, _teller(line), host, port)
        async with sender:
            _show(console, code, host, sender.port)
            await sender.arrived()


def _show(console: Console, code: TransferCode, host: str, port: int) -> None:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if console.as_json:
        console.record({"event": "offered", "code": code.text, "address": address})
        console.flush()
        return
    console.talk("Run this on the other device, within the same network:")
    console.line(f"veery transfer receive {code.text} {address}")
    console.flush()
    if host in ("0.0.0.0", "::"):
        console.talk("In place of the address put one of this machine.")


def receive(options: Namespace, console: Console) -> int:
    """Fetch a profile."""
    directory = free_directory(options)
    code = TransferCode.parse(options.code)
    host, port = _address(options.address, None)
    unlock = new_unlock(options, console, directory)
    with console.progress("Fetching the profile") as line:
        moved = _teller(line)
        summary = run_coroutine(console, receive_profile(host, port, code, directory, unlock, random_bytes, moved))
    messages = summary.rows.get("messages", 0)
    if console.as_json:
        console.record({"profile": options.profile, "messages": messages, "files": summary.files})
    else:
        console.talk(f"The profile `{options.profile}` is here: {count(messages, 'message')}.")
    return Exit.DONE


def _teller(line: Line) -> Callable[[int, int], None]:
    return lambda done, total: line.update(f"{size(done)} of {size(total)}")


def _address(given: str, default_port: int | None) -> tuple[str, int]:
    """Host and port of what was typed. Raises UsageWrong."""
    host, colon, port = given.rpartition(":")
    if not colon or given.endswith("]") or (given.count(":") > 1 and not given.startswith("[")):
        host, port = given, "" if default_port is None else str(default_port)
    if not host or not port.isdecimal() or int(port) > _PORT_MAX:
        raise UsageWrong(f"`{given}` is not an address with a port", remedy="Write it as in 192.168.1.20:40123")
    return host.strip("[]"), int(port)
