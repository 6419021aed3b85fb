"""The state of a seed: its key, its history on disk, and, if it is the writer, its decisions.

One seed writes the history: the leader, listed first in the network file. Others follow: they fetch its entries, check
each of them, keep them and hand them out. All work here is done without waiting; `seed_server` is the shell around it.

The directory holds `identity` (the Ed25519 seed, mode 0600), `history` and `lock`. An entry is on the disk before
anybody learns of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from veery.errors import RegistryError, Retry
from veery.protocol import crypto
from veery.protocol.constants import HISTORY_PAGE
from veery.registry.admission import Admission
from veery.registry.entries import Entry
from veery.registry.history import History
from veery.registry.history_file import HistoryFile
from veery.registry.membership import HistoryBroken
from veery.registry.proofs import Proof
from veery.registry.seed_settings import SeedSettings, key_of
from veery.registry.signed_snapshot import encode_answer
from veery.registry.snapshot import Snapshot
from veery.runtime.faults import FileMissing
from veery.runtime.identity import create_key_file, load_key_file
from veery.runtime.locks import FileLock
from veery.runtime.paths import private_directory
from veery.runtime.randomness import random_bytes
from veery.secret import Secret

IDENTITY: Final = "identity"
HISTORY: Final = "history"
LOCK: Final = "lock"
_MS: Final = 1_000


class NotTheWriter(RegistryError):
    """This seed follows another one and takes no proofs."""

    default_kind = "registry.seed.follower"
    default_retry = Retry.ELSEWHERE
    default_remedy = "Send proofs to the first seed of the network file"


class NoHistoryYet(RegistryError):
    """This seed has not fetched the history from its leader yet."""

    default_kind = "registry.seed.empty"
    default_retry = Retry.LATER
    default_remedy = "Ask again in a moment, or ask another seed"


class Seed:
    """One seed, without its listener. Open it with a directory; close it in the end."""

    def __init__(
        self,
        settings: SeedSettings,
        directory: Path,
        *,
        now_ms: Callable[[], int],
        random: Callable[[int], bytes] = random_bytes,
    ) -> None:
        """Load or begin. Raises LockHeld, KeyFileBroken, FileUnsafe, HistoryBroken, SettingsError, RegistryError."""
        self.settings = settings
        self.now_ms = now_ms
        self.torn_bytes = 0
        self._history: History | None = None
        self._file: HistoryFile | None = None
        self.rules = settings.rules()
        self._lock = FileLock(private_directory(directory) / LOCK)
        self._lock.acquire_now()
        try:
            self._path = directory / HISTORY
            self.key, self._secret = _identity(directory / IDENTITY, random)
            self._load()
            self._admission = (
                None if settings.leader is not None else Admission(self.rules, self.history.members, now_ms())
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of files and lock. Does nothing the second time."""
        if self._file is not None:
            self._file.close()
        self._lock.release()

    # -- what is known ---------------------------------------------------------------------------------------------

    @property
    def writes(self) -> bool:
        """Whether this seed is the writer of the history."""
        return self.settings.leader is None

    @property
    def history(self) -> History:
        """The history. Raises NoHistoryYet at a follower that has none."""
        if self._history is None:
            raise NoHistoryYet("This seed knows no history yet")
        return self._history

    @property
    def head_hash(self) -> bytes | None:
        """The block hash of the latest entry, None without history."""
        return None if self._history is None else self._history.head.block_hash

    def snapshot(self) -> Snapshot:
        """The list of nodes now. Raises NoHistoryYet."""
        return self.history.snapshot(self.now_ms())

    def signed_snapshot(self, nonce: bytes, known_state: bytes | None = None) -> bytes:
        """The same as a signed answer to a nonce. Raises NoHistoryYet."""
        return encode_answer(
            self.history, seed=self.key, sign=self._sign, nonce=nonce, now_ms=self.now_ms(), known_state=known_state
        )

    def page(self, after: bytes | None) -> tuple[list[Entry], bool] | None:
        """Some entries behind a block, and whether there are more; None if the block is not known here."""
        entries = self.history.after(after)
        if entries is None:
            return None
        size = 0
        page: list[Entry] = []
        for entry in entries:
            size += len(entry.encoded)
            if page and size > HISTORY_PAGE:
                break
            page.append(entry)
        return page, len(page) < len(entries)

    # -- the writer ------------------------------------------------------------------------------------------------

    def submit_proof(self, data: bytes) -> Proof:
        """Take the proof of a node. Raises ProofRefused and its leaves, NotTheWriter."""
        return self._writer().receive_proof(data, self.now_ms())

    @property
    def waiting(self) -> bool:
        """Whether an entry is about to be written."""
        return self._admission is not None and self._admission.waiting

    def get_timer(self) -> int | None:
        """When `handle_timer` may have something to do, ms; None for never so far."""
        return None if self._admission is None else self._admission.get_timer()

    def handle_timer(self) -> Entry | None:
        """Write an entry if something has happened; gives it. Raises DiskFull and the like; then nothing changed."""
        now_ms = self.now_ms()
        events = self._writer().events(now_ms)
        if not events:
            return None
        entry = self.history.propose(events, now_ms, self._sign)
        self._keep([entry])
        self._writer().adopt(self.history.members)
        return entry

    def _writer(self) -> Admission:
        if self._admission is None:
            raise NotTheWriter("This seed only follows the history")
        return self._admission

    # -- the follower ----------------------------------------------------------------------------------------------

    def adopt(self, entries: Sequence[Entry]) -> None:
        """Take entries from the leader, all or none. Raises HistoryBroken."""
        if not entries:
            return
        if self._history is None:
            history = History.replay(entries)
            self._check_network(history)
            self._file = HistoryFile.create(self._path, history)
            self._history = history
        else:
            self._keep(entries)

    def _keep(self, entries: Sequence[Entry]) -> None:
        """Check, bring to the disk, and only then let others see."""
        history, file = self.history, self._file
        assert file is not None
        history.extend(entries, commit=lambda: file.append(entries))

    # -- beginning -------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        try:
            self._file, self._history, self.torn_bytes = HistoryFile.load(self._path)
        except FileMissing:
            if self.writes:
                self._found()
        if self._history is not None:
            self._check_network(self._history)

    def _found(self) -> None:
        settings = self.settings
        interval_ms = round(settings.block_interval_s * _MS)
        history = History.found(
            settings.network,
            self.key,
            self._sign,
            self.now_ms(),
            block_interval_ms=interval_ms,
        )
        self._file = HistoryFile.create(self._path, history)
        self._history = history

    def _check_network(self, history: History) -> None:
        if history.network != self.settings.network:
            raise HistoryBroken(
                "The history is of another network than the settings name",
                kind="registry.history.network",
                remedy="Set `network` to its name, or choose another directory",
            )
        if self.writes and history.writer != self.key:
            raise HistoryBroken(
                "The history is written by another key than this seed's",
                kind="registry.history.writer",
                remedy="Set `leader` to follow its writer, or put the writer's `identity` into the directory",
            )
        named = self.settings.leader_key
        if named is not None and history.writer != key_of(named, "leader_key"):
            raise HistoryBroken(
                "The history is written by another key than `leader_key`",
                kind="registry.history.writer",
                remedy="Check `leader` and `leader_key`",
            )

    def _sign(self, message: bytes) -> bytes:
        return crypto.ed25519_sign(self._secret.reveal(), message)


def _identity(path: Path, random: Callable[[int], bytes]) -> tuple[bytes, Secret]:
    """The key pair in a file, made at the first start: public 32 bytes, libsodium secret 64."""
    try:
        seed = load_key_file(path)
    except FileMissing:
        seed = create_key_file(path, random)
    public, secret = crypto.ed25519_from_seed(seed.reveal())
    return public, Secret(secret)
