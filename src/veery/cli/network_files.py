"""Network files: reading one by path or seed URL, and writing one for a seed."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from veery.registry.network_file import NetworkFile
from veery.runtime.settings.write import to_toml


def is_url(text: str) -> bool:
    """Whether a text names a seed and not a file."""
    return text.startswith(("http://", "https://"))


def network_of(text: str) -> NetworkFile:
    """The network that a path or the URL of a seed names. Raises NetworkFileWrong, FileMissing and the like."""
    return NetworkFile.from_seed_url(text) if is_url(text) else NetworkFile.load(Path(text).expanduser())


def seed_network_text(name: str, url: str, certificate_sha256: bytes | None, key: bytes | None) -> str:
    """The text of a network file with one seed."""
    entry = [f"url = {to_toml(url)}"]
    if certificate_sha256 is not None:
        entry.append(f'certificate_sha256 = "{certificate_sha256.hex()}"')
    if key is not None:
        entry.append(f'key = "{key.hex()}"')
    return f"[network]\nname = {to_toml(name)}\nseeds = [\n  {{ {', '.join(entry)} }},\n]\n"


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
