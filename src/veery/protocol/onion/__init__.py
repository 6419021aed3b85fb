"""Onion requests (chapter 03): layers built and peeled, routes, replies, refusals, and the form of server requests.

    encryption     layer keys of both ends, seal and open          frames         LE32 frame, JSON object, sealed layer
    layers         build (client) and peel (hops)                  routes         what a hop does with a layer
    hosts          which literal server hosts are public           refusals       answers of the path in clear
    replies        a destination node's reply, both ways           node_to_node   hop to hop over the queue
    servers, server_v4, server_v3                                  requests to servers behind the last hop

A client: `build` -> POST `body` to the guard -> `open_reply` (node) or `open_v4_reply` (server) on status 200, else
`read_refusal`. A hop: `peel_outer` (guard) or `read_hop_request` and `peel` -> act on the route -> `seal_reply`, or the
answer of the next hop untouched; an `OnionRefused` is written out in clear, an `AnsweredRefusal` by its `answer`.
"""

from veery.protocol.onion.encryption import EncType, EncTypeNotSent, EncTypeUnknown, LayerKey, client_key, server_key
from veery.protocol.onion.frames import FrameMalformed, FrameTooLarge, Layer, read_outer
from veery.protocol.onion.hosts import is_public_address
from veery.protocol.onion.layers import (
    Built,
    Destination,
    Hop,
    NodeDestination,
    Peeled,
    ReplyKey,
    ServerDestination,
    build,
    overhead,
    peel,
    peel_outer,
)
from veery.protocol.onion.node_to_node import (
    HopReply,
    encode_hop_reply,
    encode_hop_request,
    read_hop_reply,
    read_hop_request,
)
from veery.protocol.onion.refusals import (
    BodyTooLarge,
    CiphertextInvalid,
    ContentLengthInvalid,
    GuardBusy,
    GuardNotReady,
    HopReplyUnreadable,
    HopRequestUnreadable,
    NamesNode,
    NextHopCongested,
    NextHopTimedOut,
    NextNodeNotFound,
    NextNodeUnreachable,
    NodeNotReady,
    OnionRefused,
    OtherRefusal,
    PathTooLong,
    RequestUnreadable,
    ServerTimedOut,
    ServerUnreachable,
    named_node,
    passed_code,
    read_refusal,
)
from veery.protocol.onion.replies import NodeReply, ReplyMalformed, open_reply, seal_reply
from veery.protocol.onion.routes import (
    AnsweredRefusal,
    JsonInvalid,
    ReplyForm,
    Route,
    ToDestination,
    ToNode,
    ToServer,
    UrlInvalid,
    read_route,
)
from veery.protocol.onion.server_v3 import (
    V3_UNREADABLE,
    encode_v3_request,
    open_v3_reply,
    read_v3_request,
    seal_v3_reply,
)
from veery.protocol.onion.server_v4 import (
    V4_UNREADABLE,
    encode_v4_request,
    open_v4_reply,
    read_v4_request,
    seal_v4_reply,
)
from veery.protocol.onion.servers import (
    ServerFrameRefused,
    ServerMessageMalformed,
    ServerReply,
    ServerRequest,
    open_server_request,
)

__all__ = [
    "V3_UNREADABLE",
    "V4_UNREADABLE",
    "AnsweredRefusal",
    "BodyTooLarge",
    "Built",
    "CiphertextInvalid",
    "ContentLengthInvalid",
    "Destination",
    "EncType",
    "EncTypeNotSent",
    "EncTypeUnknown",
    "FrameMalformed",
    "FrameTooLarge",
    "GuardBusy",
    "GuardNotReady",
    "Hop",
    "HopReply",
    "HopReplyUnreadable",
    "HopRequestUnreadable",
    "JsonInvalid",
    "Layer",
    "LayerKey",
    "NamesNode",
    "NextHopCongested",
    "NextHopTimedOut",
    "NextNodeNotFound",
    "NextNodeUnreachable",
    "NodeDestination",
    "NodeNotReady",
    "NodeReply",
    "OnionRefused",
    "OtherRefusal",
    "PathTooLong",
    "Peeled",
    "ReplyForm",
    "ReplyKey",
    "ReplyMalformed",
    "RequestUnreadable",
    "Route",
    "ServerDestination",
    "ServerFrameRefused",
    "ServerMessageMalformed",
    "ServerReply",
    "ServerRequest",
    "ServerTimedOut",
    "ServerUnreachable",
    "ToDestination",
    "ToNode",
    "ToServer",
    "UrlInvalid",
    "build",
    "client_key",
    "encode_hop_reply",
    "encode_hop_request",
    "encode_v3_request",
    "encode_v4_request",
    "is_public_address",
    "named_node",
    "open_reply",
    "open_server_request",
    "open_v3_reply",
    "open_v4_reply",
    "overhead",
    "passed_code",
    "peel",
    "peel_outer",
    "read_hop_reply",
    "read_hop_request",
    "read_outer",
    "read_refusal",
    "read_route",
    "read_v3_request",
    "read_v4_request",
    "seal_reply",
    "seal_v3_reply",
    "seal_v4_reply",
    "server_key",
]
