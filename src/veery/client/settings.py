"""Settings of an account on this device: what it tells others, and whom it listens to (01.4).

Everything that tells others more than a message says is off until the user switches it on. Values are texts, kept in
the store under the `key` of their setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from veery.client.core import Core
from veery.errors import ClientError
from veery.store.tables import Tables

ON, OFF = "on", "off"
SETTING_EVENT: Final = "setting"


class Switch(Enum):
    """Settings that are on or off, and off in a new account. The value is the key in the store."""

    READ_RECEIPTS = "read_receipts"  # sends read receipts, and looks at those that come
    TYPING = "typing_indicators"  # sends typing indicators, and looks at those that come
    LINK_PREVIEWS = "link_previews"  # makes previews of links in own messages
    NOTIFY_REQUESTS = "notify_requests"  # message requests notify as messages of contacts do
    TELL_SAVED = "tell_saved"  # tells a contact when a file of theirs is saved, 02.8.8


class Strangers(Enum):
    """What becomes of messages of people whom this account has not accepted."""

    OPEN = "open"  # who writes is accepted, and told so
    REQUESTS = "requests"  # they wait as message requests
    CONTACTS = "contacts"  # they are dropped


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name for people, its key in the store, the values it takes, the first being the default."""

    name: str
    key: str
    values: tuple[str, ...]
    about: str

    @property
    def default(self) -> str:
        """The value of a new account."""
        return self.values[0]


STRANGERS: Final = Setting(
    "strangers",
    "strangers",
    (Strangers.REQUESTS.value, Strangers.OPEN.value, Strangers.CONTACTS.value),
    "people you have not accepted: they may ask (requests), write (open), or are dropped (contacts)",
)
DOWNLOADS: Final = Setting(
    "auto-downloads",
    "auto_downloads",
    (ON, OFF),
    "fetch files of groups, your own devices, and contacts you trust for that, by itself",
)
LARGE_FILES: Final = Setting(
    "large-files",
    "large_files",
    (OFF, "proxy", "direct"),
    "files above 10 MB, straight to the file server: over your --proxy, or direct, which shows it your address",
)
SETTINGS: Final = (
    Setting("read-receipts", Switch.READ_RECEIPTS.value, (OFF, ON), "tell contacts what you have read, and be told"),
    Setting("typing", Switch.TYPING.value, (OFF, ON), "tell contacts that you are typing, and be told"),
    Setting("link-previews", Switch.LINK_PREVIEWS.value, (OFF, ON), "send title and picture of links; needs --proxy"),
    Setting("notify-requests", Switch.NOTIFY_REQUESTS.value, (OFF, ON), "let message requests notify"),
    STRANGERS,
    Setting("tell-saved", Switch.TELL_SAVED.value, (OFF, ON), "tell contacts when you save a file of theirs"),
    DOWNLOADS,
    LARGE_FILES,
)


class SettingWrong(ClientError):
    """There is no such setting, or it does not take this value. `kind`: client.setting.name or .value."""

    default_kind = "client.setting"


def switched_on(tables: Tables, switch: Switch) -> bool:
    """Whether the user has switched something on."""
    return tables.accounts.setting(switch.value) == ON


def strangers(tables: Tables) -> Strangers:
    """What becomes of messages of strangers."""
    return Strangers(value_of(tables, STRANGERS))


def value_of(tables: Tables, setting: Setting) -> str:
    """The value that counts; one that is not known counts as the default."""
    held = tables.accounts.setting(setting.key)
    return held if held in setting.values else setting.default


def setting_view(tables: Tables, setting: Setting) -> dict[str, object]:
    """A setting as JSON."""
    return {
        "name": setting.name,
        "value": value_of(tables, setting),
        "default": setting.default,
        "values": list(setting.values),
        "about": setting.about,
    }


class SettingsService:
    """The settings of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def all(self) -> dict[str, str]:
        """The value of every setting, by its name."""
        return await self._core.read(lambda tables: {each.name: value_of(tables, each) for each in SETTINGS})

    async def get(self, name: str) -> str:
        """The value of one setting. Raises SettingWrong."""
        wanted = _setting(name)
        return await self._core.read(lambda tables: value_of(tables, wanted))

    async def set(self, name: str, value: str) -> None:
        """Change one setting. Raises SettingWrong."""
        wanted = _setting(name)
        if value not in wanted.values:
            choices = ", ".join(wanted.values)
            raise SettingWrong(f"`{name}` is one of {choices}", kind="client.setting.value", remedy="Give one of these")
        now_ms = self._core.clock.now_ms()

        def work(tables: Tables) -> None:
            before = value_of(tables, wanted)
            tables.accounts.set_setting(wanted.key, value)
            if before != value:
                tables.events.append(SETTING_EVENT, {"name": wanted.name, "value": value}, now_ms)

        await self._core.write(work)


def _setting(name: str) -> Setting:
    for each in SETTINGS:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in SETTINGS)
    raise SettingWrong(
        f"there is no setting of this name; there are {names}",
        kind="client.setting.name",
        remedy="`veery settings show` lists them",
    )
