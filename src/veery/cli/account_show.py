"""Showing accounts."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from veery.cli.command import Exit
from veery.cli.console import Console, coloured
from veery.cli.profiles import existing_profile, profile_names, profiles_directory
from veery.cli.questions import answer
from veery.protocol.fingerprint import fingerprint_of


def show(options: Namespace, console: Console) -> int:
    """Print who the account is."""
    if options.words:
        return _show_words(options, console)
    own = answer(options, console, "account")
    if console.as_json:
        console.record({**own, "profile": options.profile})
        return Exit.DONE
    show_account(console, options, own["account_id"], own["name"])
    if options.qr:
        console.lines(["", *_code(console, own["account_id"])])
    return Exit.DONE


def _show_words(options: Namespace, console: Console) -> int:
    """Print the recovery password too. It is asked of nobody but the profile itself, so the passphrase is needed."""
    from veery.cli.local import own_account
    from veery.cli.unlock import unlock_of
    from veery.protocol.account import Account

    directory = existing_profile(options)
    row = own_account(directory, unlock_of(directory, console))
    account = Account.from_seed(row.seed.reveal())
    if console.as_json:
        id_ = account.account_id
        told = {"account_id": id_.hex, "fingerprint": id_.fingerprint, "name": row.display_name}
        console.record({**told, "profile": options.profile, "words": account.words()})
        return Exit.DONE
    show_account(console, options, account.account_id.hex, row.display_name)
    console.lines(["", "Recovery password:", "", f"  {account.words()}", ""])
    if options.qr:
        console.lines(_code(console, account.qr_recovery()))
    console.talk("Whoever sees these words is this account.")
    return Exit.DONE


def list_profiles(_options: Namespace, console: Console) -> int:
    """List the profiles of this machine."""
    names = profile_names()
    ways = {name: _way_in_header(profiles_directory() / name) for name in names}
    if console.as_json:
        for name in names:
            console.record({"profile": name, "unlock": ways[name], "directory": str(profiles_directory() / name)})
    elif names:
        console.table(
            ("PROFILE", "OPENS WITH", "DIRECTORY"), [(n, ways[n], str(profiles_directory() / n)) for n in names]
        )
    else:
        console.talk("There are no accounts on this machine yet. Make one with `veery account create`.")
    return Exit.DONE


def show_account(console: Console, options: Namespace, account_id: str, name: str) -> None:
    """Print who an account is."""
    of_key = ("Fingerprint", fingerprint_of(account_id) or "")
    console.fields([("Account ID", account_id), of_key, ("Name", name), ("Profile", str(options.profile))])


def _way_in_header(directory: Path) -> str:
    from veery.store.header import HeaderError, read_header
    from veery.store.keys import KeyFileWay, KeyringWay

    try:
        way = read_header(directory).unlock
    except HeaderError as error:
        return f"nothing: {error.message}"
    match way:
        case KeyFileWay():
            return "key file"
        case KeyringWay():
            return "keyring"
        case _:
            return "passphrase"


def _code(console: Console, text: str) -> list[str]:
    from veery.cli.qr import qr_lines

    return qr_lines(text, coloured=coloured(console.out))
