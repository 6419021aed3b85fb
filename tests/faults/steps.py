"""Death at a step: a process that kills itself before a statement of a database, or before it touches a file."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from veery.runtime.sqlite import connect

_FILE_EVENTS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.truncate", "os.link", "os.chmod"})


class Steps:
    """Counts steps once it is armed: statements of all connections opened then, those of triggers among them, and
    what is done to files below a directory. left: steps to live; None: it counts only.
    """

    def __init__(self, left: int | None) -> None:
        self._left = left
        self._counter = itertools.count(1)  # whole in every thread
        self._root = ""

    def arm(self, root: Path) -> None:
        """From now on. Cannot be undone: for a process of its own."""
        self._root = str(root)
        prepared: Callable[..., Any] = connect._prepared

        def traced(*arguments: Any) -> Any:
            connection = prepared(*arguments)
            connection.set_trace_callback(lambda _: self._step())
            return connection

        connect._prepared = traced  # type: ignore[assignment]
        sys.addaudithook(self._heard)

    def count(self) -> int:
        """How many there were, this one included."""
        return next(self._counter)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FILE_EVENTS and arguments and self._root in str(arguments[0]):
            self._step()

    def _step(self) -> None:
        if self.count() == self._left:
            os.kill(os.getpid(), signal.SIGKILL)
