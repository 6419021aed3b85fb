"""An account: a random seed of 16 bytes, and everything that follows from it (01.1 to 01.4).

    seed (16) -> seed32 (zeros on the right) -> Ed25519 key pair -> X25519 key pair -> Account ID (05, X25519 key)

No server takes part in any step. Whoever has the seed is the account, so the seed and the private keys are `Secret`;
the Account ID names its owner, so it prints shortened and only `.hex` gives it whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from veery.errors import Malformed, Misuse
from veery.protocol import crypto, given, recovery, xed25519
from veery.protocol.constants import (
    ACCOUNT_ID_HEX,
    ACCOUNT_ID_SIZE,
    DISPLAY_NAME_MAX,
    KEY_SIZE,
    PREFIX_BLIND15,
    PREFIX_BLIND25,
    PREFIX_GROUP,
    PREFIX_UNBLINDED,
    PREFIX_USER,
    PREFIX_VERSION_AUTH,
    SEED_SIZE,
)
from veery.protocol.fingerprint import fingerprint
from veery.secret import Secret, shorten

KNOWN_PREFIXES: Final = frozenset(
    {PREFIX_USER, PREFIX_GROUP, PREFIX_BLIND15, PREFIX_BLIND25, PREFIX_UNBLINDED, PREFIX_VERSION_AUTH}
)
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_NOT_A_USER: Final = {
    PREFIX_GROUP: "this is the ID of a group, not of a user",
    PREFIX_BLIND15: "this is a blinded ID: it is valid in one community only",
    PREFIX_BLIND25: "this is a blinded ID: it is valid in one community only",
}


class AccountIdWrong(Malformed):
    """Not an identifier, or not of the kind that is asked for. `kind`: account.id.length, .hex or .prefix."""

    default_kind = "account.id"
    default_remedy = "An Account ID is 66 characters, 0 to 9 and a to f, and begins with 05"


class AccountSeedWrong(Malformed):
    """A seed or a scanned recovery code is not one."""

    default_kind = "account.seed"


class DisplayNameWrong(Misuse):
    """A display name is empty or too long. `kind`: account.name.empty, .too_long or .not_text."""

    default_kind = "account.name"


@dataclass(frozen=True, order=True, slots=True, repr=False)
class AccountId:
    """An identifier of 33 bytes: one prefix byte and a key of 32 (01.2). Ordered by its bytes.

    The constructor takes any prefix byte, as storage does; `from_hex` takes only those that the book knows.
    Raises AccountIdWrong for other sizes.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != ACCOUNT_ID_SIZE:
            raise AccountIdWrong(
                f"an identifier has {ACCOUNT_ID_SIZE} bytes, this has {len(self.raw)}", kind="account.id.length"
            )
        object.__setattr__(self, "raw", bytes(self.raw))

    @classmethod
    def from_hex(cls, text: str, *, any_prefix: bool = False) -> AccountId:
        """Read 66 hex characters of either case; nothing is trimmed. Raises AccountIdWrong, WrongType."""
        given.text(text, "an identifier")
        if len(text) != ACCOUNT_ID_HEX:
            raise AccountIdWrong(
                f"an identifier has {ACCOUNT_ID_HEX} characters, this has {len(text)}", kind="account.id.length"
            )
        if not _HEX.fullmatch(text):
            raise AccountIdWrong("this holds characters other than 0 to 9 and a to f", kind="account.id.hex")
        found = cls(bytes.fromhex(text))
        if not any_prefix and found.prefix not in KNOWN_PREFIXES:
            raise AccountIdWrong("no kind of identifier begins with these two characters", kind="account.id.prefix")
        return found

    @classmethod
    def parse_user(cls, text: str) -> AccountId:
        """Read what a person typed, pasted or scanned to begin a conversation: trimmed, 66 hex, prefix 05 (01.2).

        Raises AccountIdWrong with a message for that person. The key may still be no valid point: that shows later.
        """
        found = cls.from_hex(given.text(text, "an identifier").strip(), any_prefix=True)
        if found.prefix != PREFIX_USER:
            reason = _NOT_A_USER.get(found.prefix, "an Account ID begins with 05, this does not")
            raise AccountIdWrong(reason, kind="account.id.prefix")
        return found

    @classmethod
    def from_x25519(cls, public: bytes) -> AccountId:
        """The Account ID of an X25519 public key (32 bytes), 01.1. Raises Misuse for other sizes."""
        if len(public) != KEY_SIZE:
            raise Misuse(f"an X25519 key must be {KEY_SIZE} bytes, not {len(public)}")
        return cls(bytes([PREFIX_USER]) + public)

    @classmethod
    def from_ed25519(cls, public: bytes) -> AccountId:
        """The Account ID of an Ed25519 public key (32 bytes), 01.1. Raises CryptoFailed when it does not convert."""
        return cls.from_x25519(crypto.ed25519_public_to_x25519(public))

    @property
    def prefix(self) -> int:
        """The first byte: what kind of key follows (01.2)."""
        return self.raw[0]

    @property
    def key(self) -> bytes:
        """The key that follows the prefix, 32 bytes."""
        return self.raw[1:]

    @property
    def hex(self) -> str:
        """The whole identifier: 66 lower-case hex characters."""
        return self.raw.hex()

    @property
    def can_exist(self) -> bool:
        """Whether anybody can have this key: an account's converts to a point of the main Ed25519 group (01.5).

        Of random keys one in sixteen does, so this finds most slips of the pen.
        """
        try:
            return crypto.ed25519_is_point(xed25519.public_to_ed25519(self.key))
        except crypto.CryptoFailed:
            return False

    @property
    def fingerprint(self) -> str:
        """Four groups of four hex characters to compare by eye or voice: a hash of the whole identifier, our own."""
        return fingerprint(self.raw)

    def __repr__(self) -> str:
        return f"AccountId({shorten(self.hex)})"

    def __str__(self) -> str:
        return shorten(self.hex)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Account:
    """All keys of one account (01.1). Make one with `create`, `from_seed`, `from_words` or `from_qr`."""

    seed: Secret  # 16 bytes; 32 for a seed of that size, which nothing creates today
    seed32: Secret
    ed25519_public: bytes
    ed25519_secret: Secret  # libsodium form, 64 bytes
    x25519_public: bytes
    x25519_secret: Secret  # also the private scalar of the Ed25519 key
    account_id: AccountId

    @classmethod
    def from_seed(cls, seed: bytes) -> Account:
        """Derive the keys of a seed: 16 bytes, or 32 used as they are (01.1). Raises AccountSeedWrong for other sizes.

        32 bytes whose right half is zero are the padded form of a seed of 16.
        """
        if len(seed) not in (SEED_SIZE, KEY_SIZE):
            raise AccountSeedWrong(f"an account seed has {SEED_SIZE} bytes, this has {len(seed)}")
        padded = bytes(seed).ljust(KEY_SIZE, b"\0")
        short = not any(padded[SEED_SIZE:])
        public, secret = crypto.ed25519_from_seed(padded)
        converted = crypto.ed25519_public_to_x25519(public)
        return cls(
            seed=Secret(padded[:SEED_SIZE] if short else padded),
            seed32=Secret(padded),
            ed25519_public=public,
            ed25519_secret=Secret(secret),
            x25519_public=converted,
            x25519_secret=Secret(crypto.ed25519_secret_to_x25519(secret)),
            account_id=AccountId.from_x25519(converted),
        )

    @classmethod
    def from_words(cls, text: str) -> Account:
        """Restore from 13 recovery words (01.3). Raises RecoveryWordsWrong."""
        return cls.from_seed(recovery.decode(text))

    @classmethod
    def from_qr(cls, text: str) -> Account:
        """Restore from a scanned recovery code (01.3.6): 32 hex characters.

        The 13 words are taken as well, and the seed written out with its zero padding (64 hex characters).
        Raises AccountSeedWrong, or RecoveryWordsWrong for a text of several words.
        """
        trimmed = text.strip()
        if len(trimmed.split(None, 1)) > 1:
            return cls.from_words(trimmed)
        seed = bytes.fromhex(trimmed) if len(trimmed) in _SEED_HEX and _HEX.fullmatch(trimmed) else b""
        if not seed or any(seed[SEED_SIZE:]):
            raise AccountSeedWrong(
                "this is not a recovery code",
                kind="account.seed.code",
                remedy="Scan the code of the recovery password, not that of the Account ID",
            )
        return cls.from_seed(seed)

    @classmethod
    def create(cls, random: crypto.RandomBytes) -> Account:
        """A new account from 16 random bytes (01.4)."""
        return cls.from_seed(random(SEED_SIZE))

    def words(self) -> str:
        """The recovery password: 13 words (01.3). Raises Misuse for a seed of 32 bytes, which no client restores."""
        if len(self.seed) != SEED_SIZE:
            raise Misuse("only accounts with a seed of 16 bytes have recovery words", kind="account.words.seed")
        return recovery.encode(self.seed.reveal())

    def qr_account_id(self) -> str:
        """What the QR code of the Account ID holds (01.3.6)."""
        return self.account_id.hex

    def qr_recovery(self) -> str:
        """What the QR code of the recovery password holds: the seed in hex (01.3.6). As secret as the words."""
        return self.seed.reveal().hex()

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature of the account, 64 bytes."""
        return crypto.ed25519_sign(self.ed25519_secret.reveal(), message)

    def __repr__(self) -> str:
        return f"Account({self.account_id})"


_SEED_HEX: Final = (2 * SEED_SIZE, 2 * KEY_SIZE)


def display_name(text: str) -> str:
    """A display name as it is kept: trimmed, not empty, at most 100 bytes of UTF-8 (01.4). Raises DisplayNameWrong."""
    name = given.text(text, "a display name").strip()
    if not name:
        raise DisplayNameWrong("the display name is empty", kind="account.name.empty", remedy="Type a name")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise DisplayNameWrong("the display name is not text", kind="account.name.not_text") from None
    if size > DISPLAY_NAME_MAX:
        raise DisplayNameWrong(
            f"the display name has {size} bytes, the most is {DISPLAY_NAME_MAX}",
            kind="account.name.too_long",
            remedy="Choose a shorter name",
        )
    return name
