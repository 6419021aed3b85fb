"""Cached swarms and 421."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.policy.networks import chance, network, node
from veery.policy.swarms import SWARMS_MAX, Redirect, RedirectKind, SwarmCache
from veery.protocol.swarm.nodes import ServiceNode

ALICE, BOB = b"\x05" + b"a" * 32, b"\x05" + b"b" * 32
NODES = network(10)
POOL = {n.ed25519: n for n in NODES}


def redirect(
    cache: SwarmCache, named: list[ServiceNode], *, answered_by: ServiceNode = NODES[9], retried: bool = False
) -> Redirect:
    return cache.wrong_swarm(
        ALICE,
        [n.ed25519 for n in named],
        asked=(ALICE,),
        answered_by=answered_by.ed25519,
        known=POOL.get,
        retried=retried,
        randbelow=chance(),
    )


def test_members_come_from_the_list_or_from_an_answer() -> None:
    assert SwarmCache().members(ALICE) is None
    mapped = SwarmCache(lambda account: NODES[:5] if account == ALICE else ())
    assert mapped.members(ALICE) == tuple(NODES[:5])
    assert mapped.members(BOB) is None
    mapped.learn(BOB, NODES[5:8])
    assert mapped.members(BOB) == tuple(NODES[5:8])


def test_members_without_an_address_are_left_out() -> None:
    silent = replace(NODES[0], ip="0.0.0.0")
    cache = SwarmCache(lambda _: [silent, NODES[1]])
    assert cache.members(ALICE) == (NODES[1],)
    cache.learn(ALICE, [silent])
    assert cache.members(ALICE) == (NODES[1],)


def test_a_learned_swarm_below_three_is_asked_for_again_unless_it_never_had_more() -> None:
    cache = SwarmCache()
    cache.learn(ALICE, NODES[:4])
    cache.learn(BOB, NODES[:2])
    cache.forget_node(NODES[3].ed25519)
    assert cache.members(ALICE) == tuple(NODES[:3])
    assert cache.members(BOB) == tuple(NODES[:2])
    cache.forget_node(NODES[0].ed25519)
    assert cache.members(ALICE) is None
    assert cache.members(BOB) is None


def test_dropped_nodes_are_no_members_until_the_next_list() -> None:
    def mapping(_: bytes) -> list[ServiceNode]:
        return NODES[:3]

    cache = SwarmCache(mapping)
    cache.forget_node(NODES[0].ed25519)
    assert cache.members(ALICE) == tuple(NODES[1:3])
    cache.learn(BOB, NODES[5:8])
    cache.new_list(mapping)
    assert cache.members(ALICE) == tuple(NODES[:3])
    assert cache.members(BOB) == tuple(NODES[:3])


def test_a_421_is_followed_once_at_another_member() -> None:
    cache = SwarmCache(lambda _: NODES[8:])
    for seed in range(10):
        decided = cache.wrong_swarm(
            ALICE,
            [n.ed25519 for n in (*NODES[:3], NODES[9])],
            asked=(ALICE,),
            answered_by=NODES[9].ed25519,
            known=POOL.get,
            retried=False,
            randbelow=chance(seed),
        )
        assert decided.kind is RedirectKind.RETRY
        assert decided.member in NODES[:3]
    assert cache.members(ALICE) == (*NODES[:3], NODES[9])
    assert redirect(cache, NODES[:3], retried=True) == Redirect(RedirectKind.GIVE_UP)


def test_only_nodes_of_the_pool_are_believed() -> None:
    cache = SwarmCache()
    assert redirect(cache, [node(77), node(78)]) == Redirect(RedirectKind.REFRESH)
    assert cache.members(ALICE) is None
    assert redirect(cache, [node(77), NODES[1]]).member == NODES[1]
    assert cache.members(ALICE) == (NODES[1],)


def test_an_empty_421_or_one_that_names_only_itself_refreshes_the_pool() -> None:
    cache = SwarmCache()
    cache.learn(ALICE, NODES[:4])
    assert redirect(cache, []) == Redirect(RedirectKind.REFRESH)
    assert cache.members(ALICE) is None
    assert redirect(cache, [NODES[9]]) == Redirect(RedirectKind.REFRESH)


def test_a_421_about_another_account_is_ignored() -> None:
    cache = SwarmCache()
    cache.learn(BOB, NODES[:4])
    decided = cache.wrong_swarm(
        BOB,
        [NODES[7].ed25519],
        asked=(ALICE,),
        answered_by=NODES[9].ed25519,
        known=POOL.get,
        retried=False,
        randbelow=chance(),
    )
    assert decided == Redirect(RedirectKind.GIVE_UP)
    assert cache.members(BOB) == tuple(NODES[:4])


def test_stores_go_to_members_that_were_not_tried() -> None:
    cache = SwarmCache(lambda _: NODES[:5])
    tried: set[bytes] = set()
    for seed in range(5):
        member = cache.for_store(ALICE, tried, chance(seed))
        assert member is not None
        assert member.ed25519 not in tried
        tried.add(member.ed25519)
    assert cache.for_store(ALICE, tried, chance()) in NODES[:5]
    assert SwarmCache().for_store(ALICE, set(), chance()) is None


def test_the_cache_is_bounded_and_keeps_what_is_used() -> None:
    cache = SwarmCache()
    cache.learn(ALICE, NODES[:3])
    for number in range(SWARMS_MAX):
        assert cache.members(ALICE) is not None
        cache.learn(number.to_bytes(33, "big"), NODES[:3])
    assert cache.members(ALICE) is not None
    assert cache.members((0).to_bytes(33, "big")) is None
