"""Moving a profile to another device."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

from veery.app.session import Session
from veery.cli.account_commands import free_directory
from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.device_link import NEXT
from veery.cli.engine import with_session
from veery.cli.local import reading_whole
from veery.cli.network_files import network_text
from veery.cli.profiles import existing_profile
from veery.cli.progress import Progress as Line
from veery.cli.running import run_coroutine
from veery.cli.text import count, now_ms, size
from veery.cli.unlock import new_unlock, unlock_of
from veery.client.transfer import (
    ProfileSender,
    TransferCode,
    TransferCodeWrong,
    receive_over_network,
    receive_profile,
)
from veery.client.transfer.messages import ID_SIZE
from veery.network.proxy import Proxy
from veery.registry.network_file import NetworkFile
from veery.runtime.randomness import Randomness, random_bytes
from veery.secret import Secret
from veery.store.backup import Summary, create_backup
from veery.store.database import FILES_NAME
from veery.store.keys import Passphrase, Unlock

_NAME: Final = "transfer.backup"
_PORT_MAX: Final = 65_535
_LOOPBACK: Final = "127.0.0.1"
_STAYS: Final = "The profile has arrived on the other device. It stays here as well."


def send(options: Namespace, console: Console) -> int:
    """Offer this profile."""
    if options.via == "server":
        if options.listen is not None:
            raise UsageWrong("--listen is for the local network", remedy="Leave it out with --via server")
        with_session(options, console, lambda session: _offer_by_server(console, session, anew=options.new))
    else:
        _send_directly(options, console)
    if not console.as_json:
        console.talk(_STAYS)
    return Exit.DONE


def receive(options: Namespace, console: Console) -> int:
    """Fetch a profile."""
    directory = free_directory(options)
    code = TransferCode.parse(options.code)
    _check_way(code, options)
    if code.nameplate is not None:
        proxy = None if options.proxy is None else Proxy.parse(options.proxy)
        network = NetworkFile.parse(network_text(options.network, proxy, console))
        unlock = new_unlock(options, console, directory)
        with console.progress("Looking for the other device") as line:
            moved = _teller(line)
            receiving = receive_over_network(network, code, directory, unlock, moved, proxy=proxy)
            summary = run_coroutine(console, receiving)
    else:
        summary = _receive_directly(options, console, code, directory)
    _tell(options, console, summary)
    return Exit.DONE


# -- over the file server --------------------------------------------------------------------------------------


async def _offer_by_server(console: Console, session: Session, *, anew: bool) -> None:
    with console.progress("Waiting for the other device") as line:
        async with aclosing(session.stream("transfer_send", anew=anew)) as steps:
            async for step in steps:
                if console.as_json:
                    console.record(step)
                    console.flush()
                    continue
                match step["event"]:
                    case "packing":
                        line.update("Packing")
                    case "offered":
                        _show_offer(console, step["code"], resumed=step["resumed"])
                        line.update("Waiting for the other device")
                    case "moved":
                        done, total = int(step["done"]), int(step["total"])
                        ending = "; waiting for the other device" if done == total else ""
                        line.update(f"{size(done)} of {size(total)} on the file server{ending}")


def _show_offer(console: Console, code: str, *, resumed: bool) -> None:
    if resumed:
        console.talk("The offer that was broken off goes on, with the code that it had.")
    console.talk("Run this on the other device, with the file or seed of this network in place of NETWORK:")
    console.line(f"veery transfer receive {code} --network NETWORK")
    console.flush()


# -- over the local network ------------------------------------------------------------------------------------


def _send_directly(options: Namespace, console: Console) -> None:
    directory = existing_profile(options)
    host, port = _address(options.listen or _LOOPBACK, 0)
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
            backup.with_name(f"{_NAME}.part").unlink(missing_ok=True)
    if console.as_json:
        console.record({"event": "arrived"})


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


def _receive_directly(options: Namespace, console: Console, code: TransferCode, directory: Path) -> Summary:
    host, port = _address(options.address, None)
    unlock: Unlock = new_unlock(options, console, directory)
    with console.progress("Fetching the profile") as line:
        moved = _teller(line)
        return run_coroutine(console, receive_profile(host, port, code, directory, unlock, random_bytes, moved))


# -- parts -----------------------------------------------------------------------------------------------------


def _check_way(code: TransferCode, options: Namespace) -> None:
    """Raise TransferCodeWrong or UsageWrong unless code and options are for the same way."""
    if code.nameplate is None and options.address is None:
        raise TransferCodeWrong(
            "this code is for devices in one network", remedy="Give the address that the other device shows as well"
        )
    if code.nameplate is not None and options.address is not None:
        raise TransferCodeWrong("this code is for the file server", remedy="Leave the address out, and give --network")
    if code.nameplate is not None and options.network is None:
        raise UsageWrong("the network of the other device is not known", remedy="Name it with --network")


def _tell(options: Namespace, console: Console, summary: Summary) -> None:
    messages = summary.rows.get("messages", 0)
    if console.as_json:
        console.record({"profile": options.profile, "messages": messages, "files": summary.files, "linked": False})
        return
    files = f", {count(summary.files, 'file')}" if summary.files else ""
    console.talk(f"The profile `{options.profile}` is here: {count(messages, 'message')}{files}.")
    console.talk(NEXT)


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
