"""Searching, and what takes space, without a network."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.harness import Home, Service
from tests.cli.test_cli_offline import STRANGER
from veery.cli.command import UsageWrong
from veery.cli.search_commands import moment
from veery.protocol.account import AccountId
from veery.secret import shorten
from veery.store.conversations import CONTACT
from veery.store.database import Store
from veery.store.keys import KeyFile
from veery.store.message_values import NewMessage
from veery.store.tables import Tables

NOW = time.time_ns() // 1_000_000
TEXTS = ("Tea at the Café", "明天去北京", "tea again tomorrow")


@pytest.fixture
def own(home: Home) -> str:
    """An account whose network does not answer, with some notes to itself and a message to a stranger."""
    args = ("account", "create", "--network", str(home.network()), "--no-passphrase", "--json")
    account = str(home.veery(*args).record["account_id"])
    (header,) = home.path.rglob("store.json")
    asyncio.run(_write(header.parent, AccountId.parse_user(account)))
    return account


async def _write(directory: Path, own: AccountId) -> None:
    def work(tables: Tables) -> None:
        said = [(own.hex, text) for text in TEXTS] + [(STRANGER, "tea for a stranger")]
        for at, (conversation, text) in enumerate(said):
            tables.conversations.ensure(conversation, CONTACT, NOW)
            tables.conversations.update(conversation, lambda held: replace(held, approved=True))
            tables.messages.insert(NewMessage(conversation, own, NOW + at, True, "text", text, b"", NOW))

    async with await Store.open(directory, KeyFile(directory / "key")) as store:
        await store.run(work)


def test_searching_finds_what_was_said(home: Home, own: str) -> None:
    texts = [each["text"] for each in home.veery("search", "TEA", "--json").records]
    assert texts == ["Tea at the Café", "tea again tomorrow", "tea for a stranger"]
    assert home.veery("search", "tea", "tom", "--json").record["text"] == "tea again tomorrow"
    assert home.veery("search", "北京", "--json").record["text"] == "明天去北京"
    assert home.veery("search", "tea", "--in", STRANGER, "--json").record["conversation"] == STRANGER
    assert len(home.veery("search", "tea", "--since", "1d", "--json").records) == 3
    assert home.veery("search", "tea", "--until", "1d", "--json").records == []
    assert home.veery("search", "tea", "--kind", "file", "--json").records == []
    shown = home.veery("search", "cafe")
    assert shown.out.splitlines()[1] == "    Tea at the Café"
    nothing = home.veery("search", "coffee")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "Nothing was found.\n")


def test_pages_of_a_search(home: Home, own: str) -> None:
    first = home.veery("search", "tea", "--limit", "2", "--json").records
    second = home.veery("search", "tea", "--limit", "2", "--before", str(first[0]["id"]), "--json").records
    assert [each["text"] for each in second + first] == [
        "Tea at the Café",
        "tea again tomorrow",
        "tea for a stranger",
    ]


def test_a_running_engine_finds_the_same(home: Home, own: str) -> None:
    alone = home.veery("search", "tea", "--json").out
    with Service(home, "app", "run"):
        assert home.veery("search", "tea", "--json").out == alone
        assert home.veery("storage", "show", "--json").record["messages"] == 4


def test_wrong_searches_are_said(home: Home, own: str) -> None:
    assert home.veery("search").code == 2
    assert home.veery("search", "!!!", "--json").error["kind"] == "store.search"
    for line in (("--since", "soon"), ("--until", "2026-13-01"), ("--limit", "0")):
        done = home.veery("search", "tea", *line)
        assert (done.code, done.err.startswith("veery: --")) == (2, True), line


def test_what_takes_space(home: Home, own: str) -> None:
    state = home.veery("storage", "show", "--json").record
    assert (state["messages"], state["files"], state["would_free_bytes"]) == (4, 0, 0)
    assert {(each["conversation"], each["kind"], each["count"]) for each in state["shares"]} == {
        (own, "text", 3),
        (STRANGER, "text", 1),
    }
    lines = home.veery("storage", "show").out.splitlines()
    assert lines[0].split() == ["CONVERSATION", "KIND", "AGE", "COUNT", "SIZE", "WOULD", "FREE"]
    assert lines[-1] == "Rules would free  0 bytes of 0 files"


def test_rules_are_set_listed_and_removed(home: Home, own: str) -> None:
    assert home.veery("storage", "rules", "list").err == "There are no rules: nothing is ever trimmed.\n"
    assert home.veery("storage", "trim").err == "No file fits a rule; `veery storage rules list` shows the rules.\n"
    first = home.veery("storage", "rules", "set", "--older-than", "365", "--larger-than", "10", "--json").record
    assert first == {"id": 1, "conversation": None, "older_days": 365, "larger_mib": 10}
    said = home.veery("storage", "rules", "set", "--in", STRANGER, "--keep")
    assert said.err == "Rule 2: none. See what it would take with `veery storage trim --dry-run`.\n"
    rows = [line.split(maxsplit=2) for line in home.veery("storage", "rules", "list").out.splitlines()]
    assert rows == [
        ["RULE", "CONVERSATION", "TAKES FILES"],
        ["1", "default", "older than 365 days and larger than 10 MiB"],
        ["2", shorten(STRANGER), "none"],
    ]
    assert home.veery("storage", "trim", "--dry-run", "--json").record["trimmed"] == 0
    assert home.veery("storage", "rules", "remove", "1").code == 0
    assert home.veery("storage", "rules", "remove", "1", "--json").error["kind"].startswith("client.not_found")
    for line in ((), ("--keep", "--older-than", "1"), ("--older-than", "-1"), ("--older-than", "100000")):
        assert home.veery("storage", "rules", "set", *line).code == 2, line


def test_writing_the_database_anew(home: Home, own: str) -> None:
    done = home.veery("storage", "purge", "--json").record
    assert done["after_bytes"] > 0
    assert [each["text"] for each in home.veery("search", "tea", "--json").records][:1] == [TEXTS[0]]


def test_moments_are_read_as_people_type_them() -> None:
    day = 86_400_000
    assert moment("2026-11-26", "--since") - moment("2026-11-25", "--since") == day
    assert moment("2026-11-25", "--until", end=True) == moment("2026-11-26", "--since") - 1
    assert moment("2026-11-25 01:30", "--since") == moment("2026-11-25", "--since") + 5_400_000
    assert moment("2026-11-25T01:30", "--until", end=True) == moment("2026-11-25 01:30", "--since")
    assert 0 <= moment("1h", "--since") - moment("60min", "--since") < 10_000
    for wrong in ("", "yesterday", "1w", "-1d", "2026-02-30", "1d2"):
        with pytest.raises(UsageWrong):
            moment(wrong, "--since")
