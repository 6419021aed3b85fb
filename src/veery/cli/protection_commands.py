"""What protects a profile from who gets at the device."""

from __future__ import annotations

from argparse import Namespace

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.local import own_account
from veery.cli.profiles import existing_profile
from veery.cli.questions import answer
from veery.cli.text import count
from veery.cli.unlock import unlock_of
from veery.store.header import read_header
from veery.store.keys import PassphraseWay
from veery.store.tries import read_tries, set_limit

_OFF = "off"


def lock_after(options: Namespace, console: Console) -> int:
    """Set or print the time without use after which an engine locks."""
    if options.minutes is None:
        found = answer(options, console, "lock_after")
    else:
        found = answer(options, console, "set_lock_after", minutes=_number(options.minutes, "MINUTES"))
    if console.as_json:
        console.record(found)
    elif found["minutes"] is None:
        console.talk("The engine does not lock by itself.")
    else:
        console.talk(f"The engine locks after {count(found['minutes'], 'minute')} without use.")
    return Exit.DONE


def wipe_after(options: Namespace, console: Console) -> int:
    """Set or print the number of wrong passphrases after which the profile is wiped."""
    directory = existing_profile(options)
    if options.tries is not None:
        limit = _number(options.tries, "TRIES")
        if limit is not None and not isinstance(read_header(directory).unlock, PassphraseWay):
            raise UsageWrong(
                "this profile has no passphrase, so nobody can give a wrong one",
                remedy="Set one with `veery profile passphrase`",
            )
        own_account(directory, unlock_of(directory, console))  # only who can open the profile may change this
        set_limit(directory, limit)
    tries = read_tries(directory)
    if console.as_json:
        console.record({"profile": options.profile, "wipe_after": None if tries is None else tries.limit})
    elif tries is None:
        console.talk("Wrong passphrases are not counted.")
    else:
        console.talk(
            f"After {count(tries.limit, 'wrong passphrase')} in a row the whole profile is removed."
            " A copy of its files is not protected by this."
        )
    return Exit.DONE


def _number(text: str, what: str) -> int | None:
    """A number, or None for `off`. Raises UsageWrong."""
    if text == _OFF:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > len("1000000"):
        raise UsageWrong(f"{what} is a number or `off`, not `{text}`")
    return int(text)
