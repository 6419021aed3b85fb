"""Frames of the node message queue (chapter 15)."""

from __future__ import annotations

from typing import Any

from tests.vectors.harness import Case, topic
from veery.protocol import queue


@topic("queue-frames")
def queue_frames(inputs: Case, expected: Case) -> None:
    parts = [bytes.fromhex(part) for part in inputs.get("parts", [])]
    if inputs["op"] == "message":
        assert [part.hex() for part in message(inputs, parts)] == expected["parts"]
        return
    commands = {
        name.encode(): queue.CommandRule(
            rule["request"],
            level_of(rule.get("level")),
            rule.get("remote_sn", False),
            rule.get("local_sn", False),
        )
        for name, rule in inputs.get("commands", {}).items()
    }
    connection = queue.Connection(
        inputs["connection"] == "outgoing",
        inputs.get("connecting", False),
        level_of(inputs.get("level")),
        inputs.get("remote_sn", False),
        inputs.get("local_sn", False),
    )
    pending = {bytes.fromhex(tag) for tag in inputs.get("pending", [])}
    assert told(queue.receive(parts, connection, commands, pending)) == {"send": [], "parts": []} | dict(expected)


def level_of(name: str | None) -> queue.Level:
    return queue.Level[(name or "none").upper()]


def message(inputs: Case, parts: list[bytes]) -> list[bytes]:
    match inputs["kind"]:
        case "request":
            return queue.request(bytes.fromhex(inputs["command"]), bytes.fromhex(inputs["tag"]), *parts)
        case "command":
            return queue.command(bytes.fromhex(inputs["command"]), *parts)
        case "reply":
            return queue.reply(bytes.fromhex(inputs["tag"]), *parts)
        case "hello":
            return queue.hello()
        case kind:
            raise AssertionError(f"no message of the kind {kind}")


def told(outcome: queue.Outcome) -> dict[str, Any]:
    """An outcome as the vectors write it; `send` and `parts` always stand there."""
    name = {"Replied": "reply"}.get(type(outcome).__name__, type(outcome).__name__.lower())
    found: dict[str, Any] = {"outcome": name, "send": [], "parts": []}
    for field in ("code", "command", "tag", "parts", "send"):
        if hasattr(outcome, field):
            value = getattr(outcome, field)
            if isinstance(value, queue.Refusal):
                value = value.value.decode()
            elif isinstance(value, bytes):
                value = value.hex()
            else:
                value = [part.hex() for part in value]
            found[field] = value
    return found
