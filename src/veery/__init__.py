"""Veery: the messenger whose network nobody owns.

The public names are loaded on first use, so that `import veery` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veery.errors import VeeryError as VeeryError

__version__ = "0.1.0"

_PUBLIC = {"VeeryError": "veery.errors"}

__all__ = ["VeeryError", "__version__"]


def __getattr__(name: str) -> object:
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'veery' has no attribute {name!r}")
    return getattr(import_module(module), name)
