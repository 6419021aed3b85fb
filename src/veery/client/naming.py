"""Names of accounts: what three nodes say of a name, if they agree (01.8)."""

from __future__ import annotations

from dataclasses import dataclass

from veery.client.core import Core
from veery.network.road import MemberAnswer
from veery.protocol.account import AccountId
from veery.protocol.constants import NAME_ANSWERS, NAME_TIMEOUT_S
from veery.protocol.names import Name, NameAnswerWrong, agree
from veery.protocol.storage_rpc.requests import OxendRequest


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whom a name stands for. name: as it was looked up."""

    name: str
    account: AccountId


class Naming:
    """Looks names up."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def resolve(self, typed: str) -> Resolved:
        """The account that has registered a name, by three random nodes that do not learn who asks.

        Raises NameNotRecognised (it cannot be a name, or nobody has it), NameSearchFailed (too few nodes answer, or
        they differ) and NetworkError.
        """
        name = Name.parse(typed)
        asked = name.request()
        endpoint, params = str(asked["endpoint"]), asked["params"]
        assert isinstance(params, dict)
        request = OxendRequest(endpoint, params)
        answers = await self._core.road.ask_nodes(request, NAME_ANSWERS, timeout_s=NAME_TIMEOUT_S)
        return Resolved(name.text, agree([found for each in answers for found in _read(name, each)]))


def _read(name: Name, answer: MemberAnswer) -> tuple[AccountId | None, ...]:
    """What a node says, none if that is no answer: then fewer than three have answered."""
    if answer.status != 200:
        return ()
    try:
        return (name.read_answer(answer.body),)
    except NameAnswerWrong:
        return ()
