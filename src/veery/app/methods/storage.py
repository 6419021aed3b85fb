"""Search, and what takes space."""

from __future__ import annotations

from typing import Final

from veery.app.methods.messages import PAGE_MAX
from veery.app.methods.parameters import Json, ParametersWrong, Params, conversation_of, flag_of, number_of, text_of
from veery.client.client import Client
from veery.client.storage_views import MIB, file_view, rule_view, storage_view
from veery.protocol.constants import DAY_MS
from veery.store.search import Search
from veery.store.sql import INTEGER_MAX

_DAYS_MAX: Final = 36_500
_LISTED_MAX: Final = 500  # files of one answer; the totals count all


async def search(client: Client, params: Params) -> Json:
    """A page of what is found, newest first. words: texts; before: id of a message, to go on below it."""
    conversation = await conversation_of(client, params) if params.get("conversation") is not None else None
    limit = max(1, min(number_of(params, "limit", 20), PAGE_MAX))
    return await client.search(search_of(params, conversation), limit)


def search_of(params: Params, conversation: str | None) -> Search:
    """The search that parameters describe. Raises ParametersWrong."""
    words = params.get("words")
    if not isinstance(words, list) or not all(isinstance(each, str) for each in words):
        raise ParametersWrong("`words` must be a list of texts")
    return Search(
        tuple(words),
        conversation=conversation,
        since_ms=_number(params, "since", 0),
        until_ms=_number(params, "until", INTEGER_MAX),
        kind=None if params.get("kind") is None else text_of(params, "kind"),
        before=_number(params, "before", INTEGER_MAX),
    )


async def storage(client: Client, params: Params) -> Json:
    """What takes space, by conversation, kind and age, and what the rules would free now."""
    return storage_view(await client.storage.show())


async def trim(client: Client, params: Params) -> Json:
    """Remove the files that the rules fit; with `dry_run` only tell which."""
    dry_run = flag_of(params, "dry_run")
    done = await client.storage.trim(dry_run=dry_run)
    return {
        "dry_run": dry_run,
        "trimmed": len(done.files),
        "freed_bytes": done.freed_bytes,
        "files": [file_view(each) for each in done.files[:_LISTED_MAX]],
    }


async def purge(client: Client, params: Params) -> Json:
    """Write the database anew, without anything of what was deleted."""
    done = await client.storage.purge()
    return {"before_bytes": done.before_bytes, "after_bytes": done.after_bytes}


async def trim_rules(client: Client, params: Params) -> Json:
    """The rules for trimming."""
    return [rule_view(each) for each in await client.storage.rules()]


async def set_trim_rule(client: Client, params: Params) -> Json:
    """Add a rule. older_days, larger_mib: both absent keeps everything; conversation: absent, the default."""
    conversation = await conversation_of(client, params) if params.get("conversation") is not None else None
    older, larger = _limit(params, "older_days"), _limit(params, "larger_mib")
    rule = await client.storage.set_rule(
        conversation, None if older is None else older * DAY_MS, None if larger is None else larger * MIB
    )
    return rule_view(rule)


async def remove_trim_rule(client: Client, params: Params) -> Json:
    """Remove a rule."""
    number = number_of(params, "id")
    await client.storage.remove_rule(number)
    return {"id": number}


def _number(params: Params, name: str, default: int) -> int:
    return default if params.get(name) is None else number_of(params, name)


def _limit(params: Params, name: str) -> int | None:
    if params.get(name) is None:
        return None
    number = number_of(params, name)
    if not 0 <= number <= _DAYS_MAX:
        raise ParametersWrong(f"`{name}` must be from 0 to {_DAYS_MAX}")
    return number
