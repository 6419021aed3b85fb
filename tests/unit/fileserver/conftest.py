"""Fixtures of the tests of a file server."""

from __future__ import annotations

from tests.unit.fileserver.storages import opened, storage, storage_servers

__all__ = ["opened", "storage", "storage_servers"]
