"""The service clock: read it, move it forward."""

from typing import Any

from cloudlet.base.errors import aws_error
from cloudlet.kit.call import Call
from cloudlet.services.cloudlet.service import cloudlet


@cloudlet.operation("GetClock")
def get_clock(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    clock = call.node.clock
    return {"Now": clock.now_ms(), "Wall": clock.wall_ms(), "OffsetMilliseconds": clock.offset_ms}


@cloudlet.operation("AdvanceClock")
async def advance_clock(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Moves the clock and runs what becomes due, in due order; answers when all of it has run."""
    controls = call.node.controls
    if controls is None:
        raise aws_error("NotImplemented", "This node's clock cannot be moved.", 501)
    call.horizon = max(call.horizon, await controls.advance(request["Milliseconds"]))
    return get_clock(call, {})
