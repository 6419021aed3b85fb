"""Whatever can end a message, a copy or a file, or let it wait, has words that say what to do."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import veery
from veery.client.attachments.faults import AttachmentGone, FileServerMissing, LargeFileRefused
from veery.client.attachments.local_files import FileDamaged
from veery.client.fates import CANCELLED, EXPIRED
from veery.client.groups.faults import GroupClosed
from veery.client.levels.notices import FOR_CONTACT, OWN_KEYS
from veery.client.reasons import FAMILIES, REASONS, find_reason, reason_of
from veery.errors import NetworkError, ProtocolError, VeeryError
from veery.store.backup.settling import RESTORED

# What `outbox_pump`, `uploading` and `downloading` write down; what else is raised there never becomes a reason.
WRITTEN = (NetworkError, ProtocolError, AttachmentGone, FileServerMissing, LargeFileRefused, FileDamaged, GroupClosed)
CONSTANTS = (CANCELLED, EXPIRED, OWN_KEYS, RESTORED, *FOR_CONTACT)
ROOMS = ("client", "network", "policy", "protocol")
# Of moving a profile, of communities, of names: no message, copy or file has to do with them.
ELSEWHERE = ("client.transfer.", "blinded.", "blinding.", "name.")
EXACT = ("client", "network")  # where each kind has words of its own


def modules() -> Iterator[ModuleType]:
    yield importlib.import_module("veery.errors")
    for room in ROOMS:
        package = importlib.import_module(f"veery.{room}")
        yield package
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(each.name)


def written(module: ModuleType, node: ast.AST) -> bool:
    """Whether something is a call of an error class whose kind is written down."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    made = getattr(module, node.func.id, None)
    return isinstance(made, type) and issubclass(made, WRITTEN)


def literals(module: ModuleType, value: ast.AST, tree: ast.AST) -> Iterator[str]:
    """The kinds that an expression can give; those that are made of pieces by how they begin."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from literals(module, value.body, tree)
        yield from literals(module, value.orelse, tree)
    elif isinstance(value, ast.JoinedStr):
        first = value.values[0]
        named = first.value if isinstance(first, ast.FormattedValue) else first
        yield from (each.rstrip(".") for each in literals(module, named, tree))
    elif isinstance(value, ast.Name) and isinstance(getattr(module, value.id, None), str):
        yield getattr(module, value.id)
    elif isinstance(value, ast.Name):  # a local variable
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and any(ast.unparse(each) == value.id for each in node.targets):
                yield from literals(module, node.value, tree)


def subclasses(parent: type[VeeryError]) -> Iterator[type[VeeryError]]:
    yield parent
    for each in parent.__subclasses__():
        yield from subclasses(each)


@cache
def kinds() -> frozenset[str]:
    """Every kind that can become a reason."""
    found = set(CONSTANTS)
    for module in modules():
        assert module.__file__ is not None
        tree = ast.parse(Path(module.__file__).read_text())
        for node in filter(lambda each: written(module, each), ast.walk(tree)):
            assert isinstance(node, ast.Call)
            for argument in node.keywords:
                if argument.arg == "kind":
                    found |= set(literals(module, argument.value, tree))
    for parent in WRITTEN:
        found |= {each.default_kind for each in subclasses(parent) if each.__module__.startswith("veery.")}
    return frozenset(each for each in found if not f"{each}.".startswith(ELSEWHERE))


def test_every_kind_has_words() -> None:
    found = kinds()
    assert len(found) > 200
    assert {"network.proxy.unreachable", "network.store.answer", "client.group.kicked", "files.digest"} <= found
    assert sorted(each for each in found if find_reason(each) is None) == []


def test_what_a_user_can_do_something_about_has_words_of_its_own() -> None:
    shared = ("network.page", "network.queue")  # of previews and of service nodes: they end no message
    own = [each for each in kinds() if each.split(".")[0] in EXACT and not each.startswith(shared)]
    assert sorted(set(own) - REASONS.keys()) == []


@pytest.mark.parametrize("kind", [*REASONS, *FAMILIES])
def test_words_are_plain(kind: str) -> None:
    reason = reason_of(kind)
    for words in (reason.said, reason.remedy):
        assert words == words.strip(" .;:")
        assert len(words) > 5
        plain = re.sub(r"`[^`]*`|--\w+|VEERY_\w+|socks5:\S+", "", words)
        assert not re.search(r"[a-z]+\.[a-z_]+|_", plain), words


@pytest.mark.parametrize("kind", [*REASONS, *FAMILIES])
def test_no_words_are_for_a_kind_that_does_not_exist(kind: str) -> None:
    assert any(each == kind or each.startswith(f"{kind}.") for each in [*kinds(), *OTHERS]), kind


OTHERS = ("client.send_failed", "account", "registry", "runtime", "store")  # handed on by what wraps an error


def test_a_kind_of_another_version_is_told_as_such() -> None:
    assert "another version" in str(reason_of("moon.phase"))
    assert veery.__version__
