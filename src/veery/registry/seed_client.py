"""How clients and nodes learn the list of service nodes from the seeds of a network.

All seeds are asked at once, 5 seconds each; when none answers, or they contradict each other, three more times after
1, 2 and 4 seconds (03.7.1). Veery's seeds answer with lists that prove themselves (`signed_snapshot`); seeds of
deployed networks with plain ones. Where the network file names a seed's key, only a signed answer of that key is taken,
and a plain one of no seed. The history that a client saw first is the only one that it believes in as long as it runs.

When signed answers differ, it is nearly always because a follower is late. The client then fetches the entries between
the two from the seed that is ahead, and believes it if they chain.
"""

from __future__ import annotations

import asyncio
import binascii
import logging
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import aiohttp

from veery.errors import ProtocolError, RegistryError, Retry
from veery.protocol.constants import HARDFORK, KEY_SIZE, NONCE_SIZE, PROOF_EVERY_MS, SEED_PAUSES_S, SEED_TIMEOUT_S
from veery.protocol.crypto import CryptoFailed
from veery.protocol.swarm.node_json import read_nodes
from veery.registry.cross_check import Agreement, Answer, Claim, Dispute, agree
from veery.registry.following import fetch_page
from veery.registry.network_file import NetworkFile, SeedEntry
from veery.registry.node_state import NetworkState
from veery.registry.proofs import Proof, ProofRefused
from veery.registry.seed_call import SeedAnsweredStatus, SeedCaller, SeedMalformed, SeedRefused, SeedUnreachable
from veery.registry.seed_rpc import NOT_THE_WRITER, PROOF_REFUSED
from veery.registry.signed_snapshot import SeedAnswer, open_answer
from veery.registry.snapshot import Snapshot
from veery.runtime.randomness import random_bytes

log = logging.getLogger(__name__)

_FIELDS: Final = (
    "service_node_pubkey",
    "pubkey_ed25519",
    "pubkey_x25519",
    "public_ip",
    "storage_port",
    "storage_lmq_port",
    "swarm_id",
    "funded",
    "requested_unlock_height",
    "storage_server_version",
    "height",
    "block_hash",
    "hardfork",
    "snode_revision",
)
_PAGES_MAX: Final = 64  # of entries between a late seed and one ahead; further behind, a seed counts as another opinion


class NoSeedAnswers(RegistryError):
    """No seed of the network gave a list that can be used."""

    default_kind = "registry.unreachable"
    default_retry = Retry.LATER
    default_remedy = "Check the connection of this machine and the seeds in the network file, then try again"


@dataclass(frozen=True, slots=True)
class ProofReceipt:
    """What the writer said to a proof: height, whether the node is active by now, and when to send the next, ms."""

    height: int
    active: bool
    every_ms: int


class SeedClient:
    """Asks the seeds of one network. `async with`, or `close` in the end."""

    def __init__(
        self,
        network: NetworkFile,
        *,
        session: aiohttp.ClientSession | None = None,
        connector: aiohttp.BaseConnector | None = None,
        random: Callable[[int], bytes] = random_bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timeout_s: float = SEED_TIMEOUT_S,
    ) -> None:
        """session: to use and leave open; without it one is made at the first call, over `connector` (a proxy's)."""
        self.network = network
        self.disputes: tuple[Dispute, ...] = ()
        self.genesis: bytes | None = None
        self._session = session
        self._own_session = session is None
        self._connector = connector
        self._random, self._sleep, self._timeout_s = random, sleep, timeout_s
        self._callers: tuple[SeedCaller, ...] = ()
        self._known: NetworkState | None = None
        self._known_hash = b""

    async def fetch(self) -> Snapshot:
        """The list of nodes that the seeds agree on. `disputes` then names seeds that said something else.

        Raises NoSeedAnswers, SeedsDisputed, SeedNotPinned (when every seed shows a wrong certificate).
        """
        for pause in SEED_PAUSES_S:
            try:
                return await self.fetch_once()
            except RegistryError as error:
                if error.retry is Retry.NEVER:
                    raise
                log.info("The seeds gave no list: %s", error)
            await self._sleep(pause)
        return await self.fetch_once()

    async def submit_proof(self, proof: Proof) -> ProofReceipt:
        """Give a proof to the writer: seeds are tried in their order until one takes or refuses it.

        Raises ProofRefused (`kind` says why), NoSeedAnswers.
        """
        failure: RegistryError | None = None
        for caller in self._open():
            try:
                result = await caller.call("veery_submit_proof", {"proof": b64encode(proof.encoded).decode()})
                return _receipt(result, caller)
            except SeedRefused as error:
                if error.code == PROOF_REFUSED:
                    raise _refusal(error) from error
                failure = failure if error.code == NOT_THE_WRITER else error
            except RegistryError as error:
                failure = failure or error
        raise NoSeedAnswers(f"No seed took the proof ({failure.message if failure else 'all of them follow'})")

    async def close(self) -> None:
        """Close the session if it was made here."""
        if self._own_session and self._session is not None:
            await self._session.close()
            self._session, self._callers = None, ()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # -- one round -------------------------------------------------------------------------------------------------

    def _open(self) -> tuple[SeedCaller, ...]:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=self._connector)
        if not self._callers:
            for entry in self.network.seeds:
                if not entry.authenticated:
                    log.warning("The seed %s is asked without encryption, and its key is not known", entry.url)
            self._callers = tuple(SeedCaller(entry, self._session, self._timeout_s) for entry in self.network.seeds)
        return self._callers

    async def fetch_once(self) -> Snapshot:
        """The same in one round, without trying again."""
        callers = self._open()
        results = await asyncio.gather(*map(self._ask, callers), return_exceptions=True)
        answers: list[Answer] = []
        failures: list[RegistryError] = []
        for result in results:
            if isinstance(result, Answer):
                answers.append(result)
            elif isinstance(result, RegistryError):
                failures.append(result)
            else:
                raise result
        if not answers:
            raise _nobody(failures)
        agreement = await self._agree(answers, callers)
        failed = [Dispute(caller.name, error.kind) for caller, error in _failed(callers, results)]
        self.disputes = (*agreement.disputes, *failed)
        for dispute in agreement.disputes:
            log.warning("The seed %s disagrees with the others: %s", dispute.seed, dispute.reason)
        self._remember(agreement.answer.signed)
        return agreement.answer.snapshot

    def _remember(self, signed: SeedAnswer | None) -> None:
        if signed is not None:
            self.genesis = signed.state.genesis
            self._known, self._known_hash = signed.state, signed.seal.state_hash

    async def _ask(self, caller: SeedCaller) -> Answer:
        nonce = self._random(NONCE_SIZE)
        params = {"nonce": nonce.hex()}
        if self._known_hash:
            params["known_state"] = self._known_hash.hex()
        try:
            result = await caller.call("veery_snapshot", params)
        except (SeedRefused, SeedMalformed, SeedAnsweredStatus):
            # Foreign seeds say in many ways that they do not know the method.
            if self._takes_plain():
                return await self._ask_plainly(caller)
            raise
        signed = open_answer(
            _bytes(result, "snapshot", caller),
            nonce=nonce,
            seed=caller.entry.key,
            writer=self._writer(),
            known=self._known,
            known_hash=self._known_hash,
        )
        self._check_network(signed.state, caller.entry)
        return Answer(caller.name, signed.snapshot, signed)

    async def _ask_plainly(self, caller: SeedCaller) -> Answer:
        params = {"active_only": False, "fields": dict.fromkeys(_FIELDS, True)}
        try:
            result = await caller.call("get_service_nodes", params)
        except (SeedRefused, SeedAnsweredStatus):  # the two are equivalent, but a small seed may know one of them
            result = await caller.call("get_n_service_nodes", params)
        try:
            return Answer(caller.name, _plain_snapshot(result, self.network.name))
        except ProtocolError as error:
            raise SeedMalformed(f"The list of the seed {caller.name} cannot be read: {error.message}") from error

    def _writer(self) -> bytes | None:
        return self.network.seeds[0].key

    def _takes_plain(self) -> bool:
        """Whether a list without signature will do: never where one is known to have a key or a history."""
        return self.genesis is None and all(seed.key is None for seed in self.network.seeds)

    def _check_network(self, state: NetworkState, entry: SeedEntry) -> None:
        if self.network.name not in ("", state.network):
            raise SeedMalformed(
                f"The seed {entry.url} serves another network",
                kind="registry.seed.network",
                retry=Retry.NEVER,
                remedy="Check `network.name` in the network file",
            )
        if self.genesis not in (None, state.genesis):
            raise SeedMalformed(
                f"The seed {entry.url} tells another history than before",
                kind="registry.seed.genesis",
                retry=Retry.NEVER,
                remedy="If the network was begun anew, start again; otherwise the seed is not to be trusted",
            )

    # -- seeds that differ -----------------------------------------------------------------------------------------

    async def _agree(self, answers: Sequence[Answer], callers: Sequence[SeedCaller]) -> Agreement:
        signed = {answer.claim: answer for answer in answers if answer.signed is not None}
        if len(signed) < 2:
            return agree(answers)
        by_name = {caller.name: caller for caller in callers}
        ahead = max(signed.values(), key=lambda answer: answer.signed.seal.height if answer.signed else -1)
        earlier: dict[Claim, Claim] = {}
        for claim, late in signed.items():
            if late is not ahead and await self._is_earlier(late, ahead, by_name[ahead.seed]):
                earlier[claim] = ahead.claim
        return agree(answers, earlier)

    async def _is_earlier(self, late: Answer, ahead: Answer, source: SeedCaller) -> bool:
        """Whether signed entries lead from the late answer's block to the one ahead."""
        if late.signed is None or ahead.signed is None or late.signed.state.genesis != ahead.signed.state.genesis:
            return False
        block = late.signed.seal.block_hash
        try:
            for _ in range(_PAGES_MAX):
                entries, more = await fetch_page(source, block)
                for entry in entries:
                    entry.seal.verify(ahead.signed.writer)
                    if entry.previous != block:
                        return False
                    block = entry.block_hash
                    if block == ahead.signed.seal.block_hash:
                        return True
                if not more:
                    return False
        except (RegistryError, CryptoFailed) as error:
            log.info("The entries between two seeds cannot be had: %s", error)
        return False


def _failed(callers: Sequence[SeedCaller], results: Sequence[object]) -> list[tuple[SeedCaller, RegistryError]]:
    pairs = zip(callers, results, strict=True)
    return [(caller, result) for caller, result in pairs if isinstance(result, RegistryError)]


def _nobody(failures: Sequence[RegistryError]) -> RegistryError:
    """One error for a round in which no seed gave a list: what they have in common, else the first with its remedy."""
    if all(isinstance(failure, SeedUnreachable) for failure in failures):
        return NoSeedAnswers("No seed of the network answers")
    return next(failure for failure in failures if not isinstance(failure, SeedUnreachable))


def _plain_snapshot(result: Mapping[str, Any], network: str) -> Snapshot:
    nodes = read_nodes(result.get("service_node_states"))
    height, text = result.get("height"), result.get("block_hash", "")
    major, revision = result.get("hardfork", HARDFORK[0]), result.get("snode_revision", HARDFORK[1])
    if any(type(number) is not int or number < 0 for number in (height, major, revision)):
        raise SeedMalformed("A seed tells no height")
    try:
        block_hash = bytes.fromhex(text) if text else bytes(KEY_SIZE)
    except (TypeError, ValueError):
        raise SeedMalformed("A seed tells no block hash") from None
    return Snapshot(int(height or 0), block_hash, (major, revision), nodes, network)


def _receipt(result: Mapping[str, Any], caller: SeedCaller) -> ProofReceipt:
    match result:
        case {"height": int(height), "active": bool(active), "every_ms": int(every_ms)} if every_ms > 0:
            return ProofReceipt(height, active, min(every_ms, PROOF_EVERY_MS))
        case _:
            raise SeedMalformed(f"The seed {caller.name} gave no receipt for the proof")


def _refusal(error: SeedRefused) -> ProofRefused:
    told = {name: str(error.data.get(name, ""))[:300] for name in ("kind", "message", "remedy", "retry")}
    retry = Retry(told["retry"]) if told["retry"] in {each.value for each in Retry} else Retry.LATER
    kind = told["kind"] if told["kind"].startswith("registry.proof") else "registry.proof"
    return ProofRefused(told["message"] or error.message, kind=kind, remedy=told["remedy"], retry=retry)


def _bytes(result: Mapping[str, Any], name: str, caller: SeedCaller) -> bytes:
    try:
        return b64decode(result.get(name, ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise SeedMalformed(f"The answer of the seed {caller.name} is not base64") from None
