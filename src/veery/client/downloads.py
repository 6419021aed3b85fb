"""What is fetched by itself: files of groups, of own devices, and of contacts that the user trusts for that (09.6).

Everything else waits until somebody asks for it. Only the file server of the network is asked by itself: it learns
nothing of who fetches, while another server, which a sender can name, would learn that and when somebody does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from veery.client.attachments.faults import FileServerMissing
from veery.client.attachments.servers import server_of
from veery.client.settings import DOWNLOADS, OFF, value_of
from veery.protocol.attachments import FileServer, FileServerUnknown, FileUrlMalformed, parse_url
from veery.protocol.constants import ATTACHMENT_MAX
from veery.registry.network_file import NetworkFile
from veery.store.conversations import CONTACT, Conversation
from veery.store.message_values import NewAttachment
from veery.store.tables import Tables

_NETWORKS: Final = 8


def fetched_by_itself(tables: Tables, conversation: Conversation, pointer: NewAttachment, *, own: bool) -> bool:
    """Whether a file that has just come is to be fetched without being asked for. own: another own device sent it."""
    if pointer.key is None or not 0 < pointer.size <= ATTACHMENT_MAX:
        return False
    if value_of(tables, DOWNLOADS) == OFF or conversation.blocked or conversation.is_request:
        return False
    if conversation.kind == CONTACT and not (own or conversation.downloads):
        return False
    return _is_own(pointer.url, tables.accounts.get().network)


def _is_own(text: str, network: str) -> bool:
    server = _server(network)
    try:
        found = None if server is None else parse_url(text).server(server)
    except (FileUrlMalformed, FileServerUnknown):
        return False
    return server is not None and found is not None and found.destination() == server.destination()


@lru_cache(_NETWORKS)
def _server(network: str) -> FileServer | None:
    try:
        return server_of(NetworkFile.parse(network))
    except FileServerMissing:
        return None
