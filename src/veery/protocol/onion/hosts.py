"""Server hosts of a route: what may stand in a URL, and which literal addresses are public (03.12).

A relay that POSTs to whatever host a stranger names is a way into its operator's network. This room is pure, so it can
only judge what is *written*: literal addresses in every spelling that resolvers take for one, and `localhost`. A name
may still resolve to a private address; the shell that connects must give the resolved address to
`is_public_address` before it sends a byte, and connect to that very address.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from veery.protocol.constants import ONION_TARGET_MAX

_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_NAT64: Final = IPv6Network("64:ff9b::/96")  # carries an IPv4 address in its last 4 bytes
_TRANSLATED: Final = (IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))  # local NAT64; IPv4-compatible


def is_public_address(text: str) -> bool:
    """Whether a literal IPv4 or IPv6 address is public unicast. False for anything that is not such a literal."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if getattr(address, "scope_id", None) is not None or any(address in net for net in _TRANSLATED):
            return False
        inner = _carried(address)
        if inner is not None:
            address = inner
    return address.is_global and not address.is_multicast and not address.is_reserved


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return IPv4Address(address.packed[-4:]) if address in _NAT64 else None


def url_host(host: str, *, allow_private: bool) -> str | None:
    """The host as it stands in a URL (IPv6 in brackets), or None for what must not be contacted.

    None for: texts that are neither a DNS name nor an address (so that nobody smuggles a port, path or user into the
    URL; international names must come in their ASCII form, since mapping could turn them into an address);
    numbers that resolvers read as addresses (`127.1`, `0x7f000001`); and, unless `allow_private`, literal addresses
    that are not public and `localhost`.
    """
    if not 0 < len(host) <= ONION_TARGET_MAX:
        return None
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ip_address(bare)
    except ValueError:
        return host if _is_name(host, allow_private) else None
    if not (allow_private or is_public_address(bare)) or "%" in bare:
        return None
    if isinstance(address, IPv6Address):
        return f"[{bare}]"
    return None if bare is not host else host


def _is_name(host: str, allow_private: bool) -> bool:
    if not _NAME.fullmatch(host):
        return False
    last = host.rstrip(".").rpartition(".")[2]
    return not _NUMBER.fullmatch(last) and (allow_private or last.lower() != "localhost")
