"""The names of the package itself, loaded on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

import veery


@pytest.mark.parametrize("name", [name for name in veery.__all__ if name != "__version__"])
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(veery, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = veery.Nothing


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import sys, veery; print([n for n in ('asyncio', 'ssl', 'aiohttp', 'nacl', 'sqlite3') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
