"""Reading a profile without an engine: one connection that only reads.

For commands that only look. An engine would begin to send and to poll, which nobody asked for, and its start costs
several times as much. The answers are those of `veery.app.methods` under the same names, made of the same views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from veery.cli.text import now_ms
from veery.client.faults import no_conversation, no_message
from veery.client.finding import find_among, is_own_notes, whole_id
from veery.client.settings import SETTINGS, setting_view
from veery.client.storage_views import found_page, rule_view, storage_state, storage_view
from veery.client.views import conversation_view, message_view
from veery.errors import StoreError
from veery.runtime.sqlite import Connection, Options, open_encrypted, schema_version
from veery.store.accounts import AccountRow
from veery.store.conversations import Conversation
from veery.store.database import DATABASE_NAME
from veery.store.faults import store_faults
from veery.store.header import unlock_store
from veery.store.keys import Unlock
from veery.store.message_values import Message, Position
from veery.store.migrations import MIGRATIONS
from veery.store.search import Search
from veery.store.sql import INTEGER_MAX
from veery.store.tables import Tables

Params: TypeAlias = Mapping[str, Any]


class SchemaOther(StoreError):
    """The database must be migrated first, which an engine does, or is too new."""

    default_kind = "cli.schema_other"


def own_account(directory: Path, unlock: Unlock) -> AccountRow:
    """The account of a profile. Raises WrongKey, StoreError."""
    with _reading(directory, unlock) as tables:
        return tables.accounts.get()


def read_answers(directory: Path, unlock: Unlock, questions: Sequence[tuple[str, Params]]) -> list[Any]:
    """The answers to questions that are all in `READS`. Raises WrongKey, SchemaOther, StoreError, NotFound."""
    with _reading(directory, unlock) as tables:
        return [READS[method](tables, params) for method, params in questions]


def find_conversation(tables: Tables, named: str) -> str:
    """As `veery.app.methods.find_conversation`. Raises NotFound, AccountIdWrong."""
    typed = named.strip()
    if (found := whole_id(typed)) is not None:
        return found
    if is_own_notes(typed):
        return tables.accounts.get().account_id.hex
    return find_among(typed, tables.conversations.all(hidden=True))


def _account(tables: Tables, _params: Params) -> Any:
    row = tables.accounts.get()
    id_ = row.account_id
    return {"account_id": id_.hex, "fingerprint": id_.fingerprint, "name": row.display_name}


def _conversations(tables: Tables, params: Params) -> Any:
    found = tables.conversations.all(hidden=bool(params.get("hidden")))
    return [_shown(tables, each) for each in found if not each.is_request]


def _requests(tables: Tables, _params: Params) -> Any:
    return [_shown(tables, each) for each in tables.conversations.requests()]


def _shown(tables: Tables, conversation: Conversation) -> Any:
    return conversation_view(conversation, tables.accounts.get().account_id.hex)


def _messages(tables: Tables, params: Params) -> Any:
    conversation = find_conversation(tables, str(params["conversation"]))
    held = tables.conversations.get(conversation)
    if held is None:
        raise no_conversation()
    before = None
    if params.get("before") is not None:
        message = tables.messages.get(int(params["before"]))
        if message is None:
            raise no_message(int(params["before"]))
        before = Position(message.timestamp_ms, message.id)
    limit, now = int(params["limit"]), now_ms()
    kept: list[Message] = []
    while len(kept) < limit and (page := tables.messages.page(conversation, limit, before=before)):
        # An engine would have removed what has expired.
        kept += [each for each in page if each.expiration.expires_ms is None or each.expiration.expires_ms > now]
        before = page[-1].position
    return [message_view(tables, each, request=held.is_request) for each in kept[:limit]]


def _search(tables: Tables, params: Params) -> Any:
    named = params.get("conversation")
    search = Search(
        tuple(params["words"]),
        conversation=None if named is None else find_conversation(tables, str(named)),
        since_ms=params.get("since") or 0,
        until_ms=INTEGER_MAX if params.get("until") is None else int(params["until"]),
        kind=params.get("kind"),
        before=INTEGER_MAX if params.get("before") is None else int(params["before"]),
    )
    return found_page(tables, search, int(params["limit"]), now_ms())


def _storage(tables: Tables, _params: Params) -> Any:
    return storage_view(storage_state(tables, now_ms()))


def _trim_rules(tables: Tables, _params: Params) -> Any:
    return [rule_view(each) for each in tables.trimming.rules()]


def _settings(tables: Tables, _params: Params) -> Any:
    return [setting_view(tables, each) for each in SETTINGS]


READS: Final[Mapping[str, Callable[[Tables, Params], Any]]] = {
    "account": _account,
    "conversations": _conversations,
    "requests": _requests,
    "messages": _messages,
    "settings": _settings,
    "search": _search,
    "storage": _storage,
    "trim_rules": _trim_rules,
}


@contextmanager
def _reading(directory: Path, unlock: Unlock) -> Iterator[Tables]:
    with _connected(directory, unlock) as connection:
        if schema_version(connection) != len(MIGRATIONS):
            raise SchemaOther("the database has another schema than this version of Veery reads")
        yield Tables(connection, directory / DATABASE_NAME)


@contextmanager
def reading_whole(directory: Path, unlock: Unlock) -> Iterator[Connection]:
    """A connection that sees one state of the database, of whatever schema. Raises WrongKey, StoreError."""
    with _connected(directory, unlock) as connection:
        connection.execute("BEGIN")
        yield connection


@contextmanager
def _connected(directory: Path, unlock: Unlock) -> Iterator[Connection]:
    key = unlock_store(directory, unlock)
    with store_faults():
        connection = open_encrypted(directory / DATABASE_NAME, key, Options(read_only=True))
        try:
            yield connection
        finally:
            connection.close()
