"""Running the event loop: uvloop where it can be imported, plain asyncio elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar, cast

T = TypeVar("T")
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def loop_factory() -> LoopFactory:
    """The function that makes new event loops on this machine."""
    if find_spec("uvloop") is None:
        return asyncio.new_event_loop
    return cast(LoopFactory, import_module("uvloop").new_event_loop)


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """Run `main` on a new loop to its end and give its result; what is left over is cancelled.

    SIGINT cancels `main` and then raises KeyboardInterrupt, unless `main` handles the signal itself.
    """
    with asyncio.Runner(debug=debug, loop_factory=loop_factory()) as runner:
        return runner.run(main)
