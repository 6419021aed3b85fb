"""The bounds of the HTTPS door."""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol.constants import MEMBER_TIMEOUT_S, REQUEST_BODY_MAX


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Bounds of the door. Times in seconds, sizes in bytes."""

    connections: int = 4096
    connections_per_address: int = 512
    head_max: int = 32_768
    body_max: int = REQUEST_BODY_MAX
    bodies_max: int = 268_435_456  # of all requests in flight together
    answers_max: int = 268_435_456  # of all answers that are not read yet; beyond, the oldest is cut off
    pipelined: int = 8
    handshake_s: float = 10.0
    head_s: float = 15.0
    body_s: float = 60.0
    idle_s: float = 75.0
    write_s: float = 60.0
    write_bytes_s: float = 32_768.0  # and so many bytes a second besides
    drain_s: float = MEMBER_TIMEOUT_S + 3.0  # a store whose members do not answer is still answered at the end
