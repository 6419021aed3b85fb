"""Taking out of texts what must not stand in logs: identifiers, addresses, hashes, keys and content.

`redact` works on finished texts, because that is the only place where everything meets: our own messages, arguments,
and the messages of exceptions of other people's libraries. Two degrees: by default nothing of an identifier or address
survives (13.4); the detailed one, for `--verbose`, keeps network addresses and the first six characters of identifiers
of 64 and 66 hex digits. Bytes, credentials, shorter keys and hashes never survive.

The rules rather take too much. Two texts that look like hashes are kept because operators need them: paths of files
without capitals, and names in program text.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

ADDRESS: Final = "<address>"
BYTES: Final = "<bytes>"
CREDENTIALS: Final = "<credentials>"
HASH: Final = "<hash>"
HEX: Final = "<hex>"
SNODE: Final = "<snode>"

_KEPT = 6  # characters of an identifier in detailed logs
_IDENTIFIERS = (64, 66)  # hex digits

_BYTES = re.compile(r"""\bb(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?:\\x[0-9a-fA-F]{2}){4,}""")
_CREDENTIALS = re.compile(
    r"(?i)(?<=://)[^\s/@]+@|\b(?:authorization|cookie)\b[^\r\n]*|\bbearer\s+[\w\-.~+/]{8,}=*"
    r"|(?<=token=)[^\s<&]+|(?<=password=)[^\s<&]+|(?<=secret=)[^\s<&]+|(?<=key=)[^\s<&]+"
)
_SNODE = re.compile(r"(?i)\b[a-z0-9]+\.(?:snode|loki|sesh)\b")
_BASE32Z = re.compile(r"(?<![A-Za-z0-9])[a-z0-9]{52}(?![A-Za-z0-9])")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0x)?[0-9a-fA-F]{32,}(?![0-9A-Za-z])")
_HEX_INSIDE = re.compile(r"[0-9a-fA-F]{60,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-]{43,}={0,2}")
_IPV4 = re.compile(r"(?<!\d)(?:\d{1,3}\.){3}\d{1,3}(?!\d)(?::\d{1,5}(?!\d))?")
_IPV6 = re.compile(
    r"(?<![0-9A-Za-z])\[?(?P<ip>(?:[0-9A-Fa-f]{0,4}:){2,8}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,5})?)"
    r"(?![0-9A-Za-z])(?:%[\w.\-]+)?\]?(?::\d{1,5}(?!\d))?"
)


def redact(text: str, *, detailed: bool = False) -> str:
    """Give `text` without identifiers, addresses, hashes, bytes and credentials."""
    text = _BYTES.sub(BYTES, text)
    text = _CREDENTIALS.sub(CREDENTIALS, text)
    text = _SNODE.sub(SNODE, text)
    text = _HEX.sub(_kept_or_hex if detailed else HEX, text)
    text = _BASE32Z.sub(SNODE, text)
    text = _HEX_INSIDE.sub(HEX, text)
    text = _BASE64.sub(_hash_or_path, text)
    if not detailed:
        text = _IPV6.sub(_address_or_text, text)
        text = _IPV4.sub(ADDRESS, text)
    return text


def _kept_or_hex(found: re.Match[str]) -> str:
    return f"{found[0][:_KEPT]}…" if len(found[0]) in _IDENTIFIERS else HEX


def _hash_or_path(found: re.Match[str]) -> str:
    """Base64 of 32 random bytes has no capital once in 10^9; a long word without digits is a name in a program."""
    text = found[0]
    has_capital, has_small = any(map(str.isupper, text)), any(map(str.islower, text))
    separated = any(mark in text for mark in "/_-")
    return HASH if (has_capital and has_small) or not separated else text


def _address_or_text(found: re.Match[str]) -> str:
    """A time of day or a `::` in program text has the form, but is no address."""
    for text in (found["ip"], found["ip"].rpartition(":")[0]):  # the second: a port may follow without brackets
        try:
            address = IPv6Address(text)
        except AddressValueError:
            continue
        return found[0] if address.is_unspecified else ADDRESS
    return found[0]
