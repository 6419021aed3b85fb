"""What the road raises when no answer could be had.

Unreachable
├── NoPath            no path could be built                (path_keeper)
├── NoNodeList        who the service nodes are is unknown  (pool_keeper)
├── NoSwarm           which nodes hold an account is unknown
├── NoAnswer          asked on several ways, nothing usable came back
└── NodeUnreachable, NodeSilent, AnswerTooLarge             (transport; inside of the road only)
PeerRefused
├── NodeRefused       nodes answered with an error code of theirs
├── SwarmMoved        the node says that the account is held by others
└── ServerRefused     a server cannot answer now
ClockWrong
└── TimeCorrected     sign anew, then it will pass          (time_keeper)
NetworkError
└── ProxyFailed       the proxy cannot be used              (transport)
"""

from __future__ import annotations

from veery.errors import PeerRefused, Retry, Unreachable


class NoSwarm(Unreachable):
    """Which service nodes hold an account could not be learnt."""

    default_kind = "network.no_swarm"
    default_retry = Retry.LATER


class NoAnswer(Unreachable):
    """Asked several times on different ways, and nothing came back that could be used."""

    default_kind = "network.no_answer"
    default_retry = Retry.LATER
    default_remedy = "Try again in a minute; `veery path` shows the ways to the network"


class NodeRefused(PeerRefused):
    """Service nodes answered with an error of their own, each that was asked."""

    default_kind = "network.refused.node"
    default_retry = Retry.LATER


class SwarmMoved(PeerRefused):
    """The node does not hold the account any more. `Road.members` knows who does."""

    default_kind = "network.refused.swarm_moved"
    default_retry = Retry.ELSEWHERE


class ServerRefused(PeerRefused):
    """A server answered that it cannot serve the request now."""

    default_kind = "network.refused.server"
    default_retry = Retry.LATER
