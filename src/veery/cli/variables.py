"""Every environment variable that Veery reads. The manual page tells of them, and services take none for a setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VARIABLES: Final[Mapping[str, str]] = {
    "VEERY_HOME": "One directory for everything, in place of the XDG directories.",
    "VEERY_PROFILE": "The profile to use, as --profile.",
    "VEERY_PROXY": "The SOCKS5 proxy to use, as --proxy.",
    "VEERY_PASSPHRASE_FILE": "A file whose first line is the passphrase of the profile.",
    "VEERY_NEW_PASSPHRASE_FILE": "The same for the new one of `veery account passphrase`.",
    "VEERY_BACKUP_PASSPHRASE_FILE": "The same for the passphrase of a backup.",
    "VEERY_...": (
        "A setting of a node, seed or file server, as in VEERY_LISTEN_PORT; `veery node init` writes them all down."
    ),
    "XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, XDG_CACHE_HOME": (
        "Where settings, profiles, logs and what can be made again lie, each in a directory `veery`."
    ),
    "XDG_RUNTIME_DIR": "Where services put their sockets.",
    "NOTIFY_SOCKET": "Set by systemd: where services say that they are ready.",
    "NO_COLOR": "If set, no colours.",
    "TERM": "If dumb, no colours and no lines that change.",
}
NOT_SETTINGS: Final = (*(name for name in VARIABLES if name.startswith("VEERY_")), "VEERY_VECTORS")
