"""The name service: short names that stand for Account IDs, kept by the chain behind the service nodes (01.8).

A node is asked for the hash of a name and gives an Account ID encrypted under the name, so that it can answer without
learning the name. Three random nodes are asked; `agree` lets the answer pass only when all three gave the same.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from veery.errors import Malformed, Rejected, Retry
from veery.protocol import crypto, given
from veery.protocol.account import AccountId
from veery.protocol.constants import ACCOUNT_ID_SIZE, KEY_SIZE, NAME_ANSWERS, NAME_MAX, NAME_TYPE_ACCOUNT, PREFIX_USER

NAME_METHOD: Final = "oxend_request"
NAME_ENDPOINT: Final = "ons_resolve"
_PATTERN: Final = re.compile(r"\w([\w-]*\w)?", re.ASCII)
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")  # full stops of other scripts, which Punycode takes for dots
_ENCRYPTED_SIZE: Final = ACCOUNT_ID_SIZE + crypto.XCHACHA_TAG_SIZE
_HEX: Final = re.compile(r"([0-9A-Fa-f]{2})*")


class NameNotRecognised(Rejected):
    """No account has this name. `kind`: name.pattern (it cannot be a name) or name.not_registered."""

    default_kind = "name.not_recognised"
    default_remedy = "Check the spelling, or ask for the Account ID"


class NameAnswerWrong(Malformed):
    """A node's answer is not one, or its value does not open to an Account ID."""

    default_kind = "name.answer"
    default_retry = Retry.ELSEWHERE


class NameSearchFailed(Rejected):
    """The nodes did not all answer, or not all the same. `kind`: name.unanswered or name.disagreement."""

    default_kind = "name.search"
    default_retry = Retry.LATER
    default_remedy = "Try again later"


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is looked up: ASCII, lower case. Made by `parse`."""

    text: str

    @classmethod
    def parse(cls, typed: str) -> Name:
        """Read what a person typed: trimmed, Punycode, tested, lower case. Raises NameNotRecognised."""
        trimmed = given.text(typed, "a name").strip()
        ascii_name = _to_ascii(trimmed) if len(trimmed) <= NAME_MAX else ""
        if not _PATTERN.fullmatch(ascii_name):
            raise NameNotRecognised("this cannot be a name", kind="name.pattern")
        return cls(ascii_name.lower())

    @property
    def hash(self) -> bytes:
        """What the nodes are asked for, 32 bytes."""
        return crypto.blake2b(KEY_SIZE, self.text.encode())

    def request(self) -> dict[str, object]:
        """The parameters of the method `oxend_request` that asks for this name."""
        hashed = base64.b64encode(self.hash).decode()
        return {"endpoint": NAME_ENDPOINT, "params": {"type": NAME_TYPE_ACCOUNT, "name_hash": hashed}}

    def decrypt(self, encrypted_value: bytes, nonce: bytes) -> AccountId:
        """Open a registered value. Raises NameAnswerWrong when it does not hold a user's Account ID."""
        if len(encrypted_value) != _ENCRYPTED_SIZE or len(nonce) != crypto.XCHACHA_NONCE_SIZE:
            raise NameAnswerWrong("the value or nonce of the name has a wrong size", kind="name.answer.size")
        key = crypto.blake2b(KEY_SIZE, self.text.encode(), key=self.hash)
        try:
            found = AccountId(crypto.xchacha_decrypt(key, nonce, encrypted_value))
        except crypto.CryptoFailed:
            raise NameAnswerWrong("the value of the name does not open", kind="name.answer.crypto") from None
        if found.prefix != PREFIX_USER:
            raise NameAnswerWrong("the name does not stand for the account of a user", kind="name.answer.prefix")
        return found

    def read_answer(self, answer: object) -> AccountId | None:
        """Read the JSON body of a node's answer: the Account ID, or None when the name is not registered.

        Raises NameAnswerWrong, also for the abandoned form without a nonce.
        """
        result = answer.get("result") if isinstance(answer, Mapping) else None
        if not isinstance(result, Mapping):
            raise NameAnswerWrong("the answer has no result")
        encrypted, nonce = result.get("encrypted_value"), result.get("nonce")
        if encrypted is None or encrypted == "":
            return None
        return self.decrypt(_from_hex(encrypted), _from_hex(nonce))


def agree(answers: Sequence[AccountId | None]) -> AccountId:
    """The Account ID of a name from the answers of the nodes that did answer; None is "not registered".

    Raises NameSearchFailed when fewer than three answered or they differ, NameNotRecognised when all say None.
    """
    if len(answers) < NAME_ANSWERS:
        raise NameSearchFailed("unable to search: not enough nodes answered", kind="name.unanswered")
    if len(set(answers)) != 1:
        raise NameSearchFailed("unable to search: the nodes do not agree", kind="name.disagreement")
    if answers[0] is None:
        raise NameNotRecognised("nobody has registered this name", kind="name.not_registered")
    return answers[0]


def _to_ascii(name: str) -> str:
    """Punycode of a single label; a name with dots stays one with dots, which the pattern refuses."""
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: not text
        return ""
    dotted = _DOTS.sub(".", name)
    return dotted if "." in dotted else "xn--" + dotted.encode("punycode").decode("ascii")


def _from_hex(value: object) -> bytes:
    if not isinstance(value, str) or len(value) > 4 * _ENCRYPTED_SIZE or not _HEX.fullmatch(value):
        raise NameAnswerWrong("the value or nonce of the name is not hex", kind="name.answer.hex")
    return bytes.fromhex(value)
