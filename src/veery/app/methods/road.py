"""The way to the network."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import asdict

from veery.app.methods.parameters import Json, Params, flag_of
from veery.client.client import Client


async def path(client: Client, params: Params) -> Json:
    """The standing paths; with `new`, after building new ones."""
    if flag_of(params, "new"):
        await client.road.new_paths()
    state = client.road.status()
    return {
        "network": state.network,
        "pool": state.pool,
        "height": state.height,
        "diversity": state.diversity,
        "clock_offset_ms": state.clock_offset_ms,
        "proxy": state.proxy,
        "paths": [
            {
                "state": each.state,
                "age_s": round(each.age_s, 1),
                "in_flight": each.in_flight,
                "failures": each.failures,
                "hops": [
                    {"ed25519": hop.ed25519.hex(), "ip": hop.ip, "https_port": hop.https_port} for hop in each.hops
                ],
            }
            for each in state.paths
        ],
    }


async def doctor(client: Client, params: Params) -> AsyncGenerator[Json, None]:
    """The steps of the doctor's walk as they end."""
    async for step in client.doctor.steps():
        yield asdict(step)
