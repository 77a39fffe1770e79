"""What CloudFormation does unasked: carry on with a stack's operation, and forget stacks deleted long ago."""

import logging
from collections.abc import Callable
from typing import Any

from cloudlet.base import ids
from cloudlet.base.errors import AwsError, InternalFailure
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import engine, lookup, making
from cloudlet.services.cloudformation.acting import MustWait, become, call_apart, call_within, drive
from cloudlet.services.cloudformation.errors import ResourceExists
from cloudlet.services.cloudformation.kinds.kind import CallAws, Made, Stage
from cloudlet.services.cloudformation.kinds.registry import require_kind
from cloudlet.services.cloudformation.service import cloudformation
from cloudlet.services.cloudformation.work import Act, Work
from cloudlet.store.errors import StoreError

STEPS_PER_TURN = 50
FORGOTTEN_PER_STEP = 1000

log = logging.getLogger("cloudlet.cloudformation")


@cloudformation.task("advance", in_flight_max=16, lease_ms=600_000)
async def advance(call: Call, payload: dict[str, Any]) -> Callable[[Call], None] | None:
    """Do what is next on a stack, step by step, until its operation is over."""
    for _ in range(STEPS_PER_TURN):
        if not await _step(call, payload["stack"], payload["operation"]):
            return None
        await call.pause()

    def go_on(finishing: Call) -> None:
        finishing.later("advance", payload)

    return go_on


async def _step(call: Call, stack_id: str, operation_id: str) -> bool:
    """One step; False once there is none."""
    try:
        return call.transact(_step_at_once, call, stack_id, operation_id)
    except MustWait:
        return await _step_in_pieces(call, stack_id, operation_id)


def _step_at_once(tx: Any, call: Call, stack_id: str, operation_id: str) -> bool:
    """Look, act and record, all in one transaction."""
    work = Work.open(call, stack_id, operation_id)
    if work is None:
        return False
    act = engine.next_act(work)
    if act is None:
        return engine.is_open(work)
    if act.is_repeated:
        raise MustWait  # what an interrupted try left behind has to go first
    making.announce(work, act)
    become(call, work.operation.acting)
    outcome = drive(_outcome(call, work, act, tx.savepoint()))
    engine.record(work, act, outcome)
    return engine.is_open(work)


async def _outcome(call: Call, work: Work, act: Act, savepoint: Any) -> Made | AwsError:
    async def call_aws(service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return await call_within(call, service, operation, request)

    stage = _stage(call, work, act, call_aws)
    try:
        with savepoint:
            await _check_name(act, stage)
            return await _perform(act, stage)
    except (MustWait, StoreError):
        raise
    except Exception as error:
        return _told(act, error)


async def _step_in_pieces(call: Call, stack_id: str, operation_id: str) -> bool:
    """Announce, act, record: each by itself, so that an operation which waits can be part of it."""
    begun = call.transact(_begin_piece, call, stack_id, operation_id)
    if begun is None:
        return True  # it went on by itself; the next look says whether there is more
    work, act = begun
    succeeded: list[str] = []

    async def call_aws(service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        answer = await call_apart(call, service, operation, request)
        succeeded.append(operation)
        return answer

    become(call, work.operation.acting)
    stage = _stage(call, work, act, call_aws)
    outcome: Made | AwsError
    try:
        if act.is_repeated and act.kind != "delete":
            await _perform(Act("delete", replace(act.resource, physical_id=act.name), name=act.name), stage)
            succeeded.clear()
        outcome = await _perform(act, stage)
    except StoreError:
        raise
    except Exception as error:
        outcome = _told(act, error)
        act.in_pieces = bool(succeeded)
    return call.transact(_end_piece, call, stack_id, operation_id, act, outcome)


def _begin_piece(tx: Any, call: Call, stack_id: str, operation_id: str) -> tuple[Work, Act] | None:
    work = Work.open(call, stack_id, operation_id)
    act = engine.next_act(work) if work is not None else None
    if work is None or act is None:
        return None
    making.announce(work, act)
    become(call, work.operation.acting)
    refusal = drive(_refusal(call, work, act))
    if refusal is not None:
        engine.record(work, act, refusal)
        return None
    making.mark_begun(work, act)
    return work, act


async def _refusal(call: Call, work: Work, act: Act) -> AwsError | None:
    """Why it isn't begun. What is marked as begun had a free name: an interrupted try's may be removed."""

    async def call_aws(service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return await call_within(call, service, operation, request)

    try:
        await _check_name(act, _stage(call, work, act, call_aws))
    except StoreError:
        raise
    except Exception as error:
        return _told(act, error)
    return None


async def _check_name(act: Act, stage: Stage) -> None:
    """A name that the template gives may be somebody else's already, and many services would hand theirs over."""
    if act.kind not in ("create", "replace") or act.reason is not None or act.is_repeated:
        return
    kind, properties = require_kind(act.resource.type), act.resource.properties
    if kind.exists is None or not (kind.identified_by or kind.name_property in properties):
        return
    if await kind.exists(stage, properties):
        identifier = "|".join(str(properties[name]) for name in kind.identified_by) or act.name
        told = f"Resource of type '{kind.type}' with identifier '{identifier}' already exists."
        raise ResourceExists(told=told, token=ids.uuid4())


def _end_piece(tx: Any, call: Call, stack_id: str, operation_id: str, act: Act, outcome: Made | AwsError) -> bool:
    work = Work.open(call, stack_id, operation_id)
    if work is None:
        return False
    if isinstance(outcome, AwsError) and not act.in_pieces:
        making.unmark_begun(work, act)
    engine.record(work, act, outcome)
    return engine.is_open(work)


def _stage(call: Call, work: Work, act: Act, call_aws: CallAws) -> Stage:
    stack = work.stack
    return Stage(
        call_aws,
        stack.account,
        stack.region,
        stack.name,
        stack.arn,
        act.resource.logical_id,
        act.name,
        stack.settings.tags,
    )


async def _perform(act: Act, stage: Stage) -> Made:
    if act.reason is not None:
        raise InternalFailure(act.reason)
    kind = require_kind(act.resource.type)
    if act.kind == "delete":
        if act.resource.physical_id is not None:
            await kind.delete(stage, act.resource)
        return Made(act.name)
    if act.kind == "update":
        assert kind.update is not None and act.before is not None, "an update changes what is there"
        return await kind.update(stage, act.before, act.resource.properties)
    return await kind.create(stage, act.resource.properties)


def _told(act: Act, error: Exception) -> AwsError:
    if isinstance(error, AwsError):
        return error
    log.error("%s %s of a stack failed", act.kind, act.resource.logical_id, exc_info=error)
    return InternalFailure("Internal Failure")


@cloudformation.task("forget")
def forget(call: Call, payload: dict[str, Any]) -> None:
    """Remove everything of a stack deleted 90 days ago, up to a thousand keys a step."""
    stack = lookup.find_stack(call.tx, call.keys, payload["stack"])
    if stack is None:
        return
    room = FORGOTTEN_PER_STEP
    for begin, end in call.keys.of_stack(stack.id):
        found = call.tx.scan(begin, end, limit=room)
        for key, _ in found.rows:
            call.tx.delete(key)
        room -= len(found.rows)
        if found.resume is not None or room <= 0:
            call.later("forget", payload)
            return
    call.tx.delete(call.keys.listed.key(lookup.LATEST_MS - stack.created_ms, stack.id))
    call.tx.delete(call.keys.sequence.key(stack.id))
    call.tx.delete(call.keys.stack.key(stack.id))
