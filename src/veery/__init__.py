"""Veery: the messenger whose network nobody owns.

The public names are loaded on first use, so that `import veery` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veery.client.client import Client as Client
    from veery.client.profile import Profile as Profile
    from veery.client.profile import create as create_profile
    from veery.client.profile import restore as restore_profile
    from veery.errors import VeeryError as VeeryError
    from veery.protocol.account import Account as Account
    from veery.protocol.account import AccountId as AccountId
    from veery.store.keys import KeyFile as KeyFile
    from veery.store.keys import Passphrase as Passphrase

__version__ = "0.1.0"

_PUBLIC = {
    "Account": ("veery.protocol.account", "Account"),
    "AccountId": ("veery.protocol.account", "AccountId"),
    "KeyFile": ("veery.store.keys", "KeyFile"),
    "Passphrase": ("veery.store.keys", "Passphrase"),
    "Client": ("veery.client.client", "Client"),
    "Profile": ("veery.client.profile", "Profile"),
    "VeeryError": ("veery.errors", "VeeryError"),
    "create_profile": ("veery.client.profile", "create"),
    "restore_profile": ("veery.client.profile", "restore"),
}

__all__ = [
    "Account",
    "AccountId",
    "Client",
    "KeyFile",
    "Passphrase",
    "Profile",
    "VeeryError",
    "__version__",
    "create_profile",
    "restore_profile",
]


def __getattr__(name: str) -> object:
    place = _PUBLIC.get(name)
    if place is None:
        raise AttributeError(f"module 'veery' has no attribute {name!r}")
    module, attribute = place
    return getattr(import_module(module), attribute)
