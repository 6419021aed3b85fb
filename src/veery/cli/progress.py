"""A line that says what is waited for, and for how long; it comes after half a second and leaves no trace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Self, TextIO

from veery.cli.text import printable

SHOWN_AFTER_S: Final = 0.5
_BEAT_S: Final = 0.5
_WIPE: Final = "\r\x1b[K"


class Progress:
    """A context manager. A thread draws, so that it shows whatever the body does.

    look: asked each time what is to be said, from that thread; None: the text.
    """

    def __init__(self, stream: TextIO, text: str, *, shown: bool, look: Callable[[], str | None] | None = None) -> None:
        self._stream = stream
        self._text = text
        self._look = look
        self._shown = shown
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def update(self, text: str) -> None:
        """Say something else from now on."""
        self._text = text

    def __enter__(self) -> Self:
        if self._shown:
            self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def _draw(self) -> None:
        began = time.monotonic()
        drawn = False
        pause = SHOWN_AFTER_S
        while not self._done.wait(pause):
            pause = _BEAT_S
            text = (self._look() if self._look is not None else None) or self._text
            if self._done.is_set():
                break
            self._stream.write(f"{_WIPE}{printable(text)} ({time.monotonic() - began:.0f} s)")
            self._stream.flush()
            drawn = True
        if drawn:
            self._stream.write(_WIPE)
            self._stream.flush()
