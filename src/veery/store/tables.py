"""All tables of one open transaction, as the one thing that is handed to whoever works with the store."""

from __future__ import annotations

from pathlib import Path

from veery.store.accounts import Accounts
from veery.store.attachments import Attachments
from veery.store.blobs import Blobs
from veery.store.config_changes import ConfigChanges
from veery.store.config_dumps import ConfigDumps
from veery.store.contact_keys import ContactKeysTable
from veery.store.conversations import Conversations
from veery.store.delivery import Deliveries
from veery.store.devices import Devices
from veery.store.events import Events
from veery.store.groups import Groups
from veery.store.held_copies import HeldCopies
from veery.store.inbox import Inbox
from veery.store.messages import Messages
from veery.store.moving import Moving
from veery.store.network_state import NetworkState
from veery.store.outbox import Outbox
from veery.store.own_echoes import OwnEchoesTable
from veery.store.pictures import Pictures
from veery.store.reactions import Reactions
from veery.store.reading import Reading
from veery.store.search import Searching
from veery.store.shortenings import Shortenings
from veery.store.sql import Connection
from veery.store.trimming import Trimming
from veery.store.unconfirmed import UnconfirmedMessages
from veery.store.usage import UsageReader


class Tables:
    """The tables. Valid only inside the function that it was handed to."""

    __slots__ = (
        "accounts",
        "attachments",
        "blobs",
        "changes",
        "configs",
        "contact_keys",
        "conversations",
        "deliveries",
        "devices",
        "events",
        "groups",
        "held",
        "inbox",
        "messages",
        "moving",
        "network",
        "outbox",
        "own_echoes",
        "pictures",
        "reactions",
        "reading",
        "search",
        "shortenings",
        "trimming",
        "unconfirmed",
        "usage",
    )

    def __init__(self, connection: Connection, path: Path) -> None:
        self.accounts = Accounts(connection)
        self.attachments = Attachments(connection)
        self.blobs = Blobs(connection)
        self.contact_keys = ContactKeysTable(connection)
        self.changes = ConfigChanges(connection)
        self.configs = ConfigDumps(connection)
        self.conversations = Conversations(connection)
        self.deliveries = Deliveries(connection)
        self.devices = Devices(connection)
        self.events = Events(connection)
        self.groups = Groups(connection)
        self.held = HeldCopies(connection)
        self.inbox = Inbox(connection)
        self.messages = Messages(connection)
        self.moving = Moving(connection)
        self.network = NetworkState(connection)
        self.outbox = Outbox(connection)
        self.own_echoes = OwnEchoesTable(connection)
        self.pictures = Pictures(connection)
        self.reactions = Reactions(connection)
        self.reading = Reading(connection)
        self.shortenings = Shortenings(connection)
        self.search = Searching(connection)
        self.trimming = Trimming(connection)
        self.unconfirmed = UnconfirmedMessages(connection)
        self.usage = UsageReader(connection, path)
