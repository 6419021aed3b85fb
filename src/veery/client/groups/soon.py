"""How long whoever changes a group waits for its swarm: a change is on the disk, and goes out by itself later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from veery.errors import ClockWrong, NetworkError, PeerRefused

log: Final = logging.getLogger(__name__)

ANSWER_S: Final = 8.0


async def soon(work: Coroutine[Any, Any, object], *, within_s: float = ANSWER_S) -> bool:
    """Do what must reach the network, but only so long; tells whether it has. What was cut off is repeated later.

    Raises PeerRefused when the swarm has refused the change, and ClockWrong: waiting does not help then.
    """
    try:
        async with asyncio.timeout(within_s):
            await work
    except TimeoutError:
        log.info("The swarm of a group gives no answer yet")
        return False
    except (ClockWrong, PeerRefused):
        raise
    except NetworkError as error:
        log.info("The swarm of a group cannot be reached: %s", error)
        return False
    return True
