"""Network files: reading one by path or seed URL, and writing one for a seed."""

from __future__ import annotations

import binascii
from base64 import b64decode
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from veery.cli.console import Console
from veery.cli.running import run_coroutine
from veery.network.proxy import Proxy, make_connector, open_session
from veery.protocol.constants import NETWORK_FILE_MAX, NONCE_SIZE
from veery.registry.network_file import NetworkFile
from veery.registry.seed_call import SeedCaller, SeedMalformed, SeedRefused
from veery.registry.seed_rpc import METHOD_NOT_FOUND
from veery.registry.signed_snapshot import open_answer
from veery.runtime.paths import read_bounded
from veery.runtime.randomness import random_bytes
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


def is_wildcard(host: str) -> bool:
    """Whether an address to listen on stands for all addresses of this machine, so that nobody can call it."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def network_text(named: str, proxy: Proxy | None, console: Console) -> str:
    """The text of a network file, or of one that a seed's URL leads to. Raises NetworkFileWrong, RegistryError."""
    if is_url(named):
        NetworkFile.from_seed_url(named)
        return run_coroutine(console, _learned(named, proxy, console))
    path = Path(named).expanduser()
    NetworkFile.load(path)
    return read_bounded(path, NETWORK_FILE_MAX).decode()


async def _learned(url: str, proxy: Proxy | None, console: Console) -> str:
    """Ask a seed for the name of its network and its keys, which hold from then on: it is trusted once, now."""
    entry = NetworkFile.from_seed_url(url).seeds[0]
    if not entry.authenticated:
        console.talk(f"veery: {url} is asked without encryption, so somebody on the way could answer in its place.")
    nonce = random_bytes(NONCE_SIZE)
    async with open_session(make_connector(proxy)) as session:
        with console.progress("Asking the seed for its network"):
            try:
                result = await SeedCaller(entry, session).call("veery_snapshot", {"nonce": nonce.hex()})
            except SeedRefused as error:
                if error.code != METHOD_NOT_FOUND:
                    raise
                return seed_network_text(urlsplit(url).hostname or "network", url, None, None)
    try:
        data = b64decode(str(result.get("snapshot", "")), validate=True)
    except binascii.Error as error:
        raise SeedMalformed(f"The answer of the seed {url} is not base64") from error
    answer = open_answer(data, nonce=nonce, seed=None, writer=None, known=None, known_hash=b"")
    # The key of the first seed in a network file is the writer's, so that of a follower is not written down.
    key = answer.seed if answer.seed == answer.writer else None
    return seed_network_text(answer.state.network, url, None, key)
