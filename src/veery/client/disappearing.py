"""Messages that disappear: when their time starts, and what the own swarm must then be told (02.8.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from veery.client.arrivals import Arrival, Batch, Shorten
from veery.client.contents import conversation_kind
from veery.client.core import Times
from veery.protocol.content import ExpirationType
from veery.protocol.expiry_rules import (
    Countdown,
    DisappearingMode,
    expiration_type,
    received_mode,
    when_fetched_read,
    when_read,
    when_received_after_send,
)
from veery.store.message_values import Expiration, Message
from veery.store.tables import Tables

LAST_NOTICE: Final = "timer_notice:"  # setting, one for each conversation: id of the timer notice that is shown


def arrived(batch: Batch, arrival: Arrival) -> Expiration:
    """Mode, timer and, where it runs already, the times of a fetched message."""
    content = arrival.opened.content
    kind = conversation_kind(arrival.conversation, batch.own)
    mode = received_mode(kind, content.expiration_type, content.expiration_timer)
    if mode is DisappearingMode.OFF:
        return Expiration()
    held = Expiration(int(expiration_type(mode)), content.expiration_timer)
    if mode is DisappearingMode.AFTER_READ and not arrival.own:
        return held
    countdown = when_received_after_send(
        content.expiration_timer,
        now_ms=batch.times.network_ms,
        timestamp_ms=arrival.timestamp_ms,
        expiration_ms=arrival.item.expires_ms,
    )
    return _running(held, countdown, batch.times)


def arrived_read(batch: Batch, arrival: Arrival, message: Message) -> None:
    """Start the time of a fetched message that counts as read already."""
    if not _waits_for_reading(message) or not message.read:
        return
    countdown = when_fetched_read(
        message.expiration.timer_s, now_ms=batch.times.network_ms, expiration_ms=arrival.item.expires_ms
    )
    batch.tables.reading.set_expiration(message.id, _running(message.expiration, countdown, batch.times))
    if countdown.shorten:
        batch.shorten.append(_noted(batch.tables, arrival.item.hash, countdown.expires_ms, batch.times))


def start_after_reading(tables: Tables, messages: Iterable[Message], times: Times) -> list[Shorten]:
    """Start the time of messages that have just been read; gives what the own swarm must be told."""
    shorten: list[Shorten] = []
    for message in messages:
        if not _waits_for_reading(message):
            continue
        countdown = when_read(message.expiration.timer_s, now_ms=times.network_ms)
        tables.reading.set_expiration(message.id, _running(message.expiration, countdown, times))
        if message.storage_hash is not None:
            shorten.append(_noted(tables, message.storage_hash, countdown.expires_ms, times))
    return shorten


def _noted(tables: Tables, hash_: str, expires_ms: int, times: Times) -> Shorten:
    """What the swarm must be told, kept until it was: a process may end before, and the road may be closed."""
    tables.shortenings.note(hash_, expires_ms, times.local_ms)
    return Shorten(hash_, expires_ms)


def _waits_for_reading(message: Message) -> bool:
    expiration = message.expiration
    waits = expiration.type == ExpirationType.DELETE_AFTER_READ and expiration.start_ms is None
    return waits and not message.outgoing


def _running(expiration: Expiration, countdown: Countdown, times: Times) -> Expiration:
    started, expires = times.to_local(countdown.started_ms), times.to_local(countdown.expires_ms)
    return replace(expiration, start_ms=started, expires_ms=expires)
