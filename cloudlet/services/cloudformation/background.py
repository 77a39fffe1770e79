"""What CloudFormation does unasked: carry on with a stack's operation, and forget stacks deleted long ago."""

import logging
from collections.abc import Callable
from typing import Any

from cloudlet.base.errors import AwsError, InternalFailure
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.cloudformation import engine, inventory, lookup, making
from cloudlet.services.cloudformation.acting import MustWait, become, call_apart, call_within, drive
from cloudlet.services.cloudformation.ending import give_up
from cloudlet.services.cloudformation.kinds.kind import CallAws, Made, Stage
from cloudlet.services.cloudformation.kinds.registry import require_kind
from cloudlet.services.cloudformation.notification import tell_topics
from cloudlet.services.cloudformation.service import cloudformation
from cloudlet.services.cloudformation.taken import check_name, check_places
from cloudlet.services.cloudformation.work import Act, Work, bare
from cloudlet.store.errors import StoreError, TransactionTooLarge
from cloudlet.store.transaction import Tx

STEPS_PER_TURN = 50
CLEARED_PER_STEP = 200

log = logging.getLogger("cloudlet.cloudformation")


@cloudformation.task("advance", in_flight_max=16, lease_ms=600_000, on_exhausted="resume")
async def advance(call: Call, payload: dict[str, Any]) -> Callable[[Call], None] | None:
    """Do what is next on a stack, step by step, until its operation is over."""
    for _ in range(STEPS_PER_TURN):
        if not await _step(call, payload["stack"], payload["operation"]):
            return None
        await call.pause()

    def go_on(finishing: Call) -> None:
        finishing.later("advance", payload)

    return go_on


@cloudformation.task("resume")
def resume(call: Call, payload: dict[str, Any]) -> None:
    """A stack's operation is never given up for its age: the node may have been away, or its disk full."""
    call.later("advance", {"stack": payload["stack"], "operation": payload["operation"]})


async def _step(call: Call, stack_id: str, operation_id: str) -> bool:
    """One step; False once there is none. One that can't be taken fails what it is about: no stack is stuck."""
    try:
        try:
            return call.transact(_step_at_once, call, stack_id, operation_id)
        except MustWait:
            return await _step_in_pieces(call, stack_id, operation_id)
    except StoreError as error:
        if not isinstance(error, TransactionTooLarge):
            raise  # the store takes nothing just now: the step comes again
        failure: Exception = error
    except Exception as error:
        failure = error
    return call.transact(_fail_step, call, stack_id, operation_id, failure)


def _fail_step(tx: Tx, call: Call, stack_id: str, operation_id: str, error: Exception) -> bool:
    """What the step was about fails; where even that can't be told, its phase; and else the operation."""
    work = Work.open(call, stack_id, operation_id)
    if work is None:
        return False
    for attempt in (_fail_act, _fail_phase):
        try:
            with tx.savepoint():
                attempt(work, error)
                return engine.is_open(work)
        except Exception as again:
            if isinstance(again, StoreError) and not isinstance(again, TransactionTooLarge):
                raise
            log.error("a step of stack %s could not be failed", stack_id, exc_info=again)
            work = Work.open(call, stack_id, operation_id) or work
    give_up(work, making.told(work.stack.name, error).message)
    return engine.is_open(work)


def _fail_act(work: Work, error: Exception) -> None:
    act = engine.next_act(work)
    if act is None:
        raise error
    engine.record(work, bare(act), making.told(act.resource.logical_id, error))


def _fail_phase(work: Work, error: Exception) -> None:
    if work.operation.phase not in ("make", "tell"):
        raise error
    engine.fail(work, f"{making.told(work.stack.name, error).message.rstrip('.')}. ")


def _step_at_once(tx: Tx, call: Call, stack_id: str, operation_id: str) -> bool:
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
            check_places(work, act)
            await check_name(act, stage)
            return await _perform(act, stage)
    except MustWait:
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
    except Exception as error:
        outcome = _told(act, error)
        act.in_pieces = bool(succeeded)
    try:
        is_recorded, is_open_ = call.transact(_end_piece, call, stack_id, operation_id, act, outcome)
    except TransactionTooLarge as error:
        outcome = making.told(act.resource.logical_id, error)
        is_recorded, is_open_ = call.transact(_end_piece, call, stack_id, operation_id, bare(act), outcome)
    if not is_recorded and isinstance(outcome, Made) and act.kind != "delete":
        # The stack was deleted meanwhile, and this resource's turn came before it was there.
        await _perform(Act("delete", replace(act.resource, physical_id=outcome.physical_id)), stage)
    return is_open_


def _begin_piece(tx: Tx, call: Call, stack_id: str, operation_id: str) -> tuple[Work, Act] | None:
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
        check_places(work, act)
        await check_name(act, _stage(call, work, act, call_aws))
    except Exception as error:
        return _told(act, error)
    return None


def _end_piece(
    tx: Tx, call: Call, stack_id: str, operation_id: str, act: Act, outcome: Made | AwsError
) -> tuple[bool, bool]:
    """Whether it is known to the stack, and whether the operation goes on."""
    work = Work.open(call, stack_id, operation_id)
    if work is None:
        return _note_for_deletion(call, stack_id, operation_id, act, outcome), False
    if isinstance(outcome, AwsError) and not act.in_pieces:
        making.unmark_begun(work, act)
    engine.record(work, act, outcome)
    return True, engine.is_open(work)


def _note_for_deletion(call: Call, stack_id: str, operation_id: str, act: Act, outcome: Made | AwsError) -> bool:
    """The stack is being deleted: what was just made is deleted too, when its turn comes. False if that is over."""
    stack = lookup.find_stack(call.tx, call.keys, stack_id)
    present = inventory.find_resource(call.tx, call.keys, stack_id, act.resource.logical_id)
    if stack is None or present is None or present.begun != operation_id:
        return False
    if isinstance(outcome, Made):
        inventory.put_resource(call.tx, call.keys, stack, replace(present, physical_id=outcome.physical_id))
    return True


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
        act.resource.tags,
        act.before.tags if act.before is not None else [],
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
    """The failure of what it was about; what only means that the store takes nothing just now is raised again."""
    if isinstance(error, StoreError) and not isinstance(error, TransactionTooLarge):
        raise error
    return making.told(act.resource.logical_id, error)


cloudformation.task("tell_topics")(tell_topics)


@cloudformation.task("clear")
def clear(call: Call, payload: dict[str, Any]) -> None:
    """Empty ranges that nothing speaks of any more, some keys a step."""
    _clear(call, [(begin, end) for begin, end in payload["ranges"]], "clear", payload)


def _clear(call: Call, ranges: list[tuple[bytes, bytes]], task: str, payload: dict[str, Any]) -> bool:
    """False if there is more: the task comes again for it."""
    room = CLEARED_PER_STEP
    for begin, end in ranges:
        found = call.tx.scan(begin, end, limit=room)
        for key, _ in found.rows:
            call.tx.delete(key)
        room -= len(found.rows)
        if found.resume is not None or room <= 0:
            call.later(task, payload)
            return False
    return True


@cloudformation.task("forget")
def forget(call: Call, payload: dict[str, Any]) -> None:
    """Remove everything of a stack deleted 90 days ago, some keys a step."""
    stack = lookup.find_stack(call.tx, call.keys, payload["stack"])
    if stack is None or not _clear(call, call.keys.of_stack(stack.id), "forget", payload):
        return
    for name in inventory.lines_of(call.tx, call.keys, stack.id):
        inventory.forget_resource(call.tx, call.keys, stack.id, name)
    call.tx.delete(call.keys.listed.key(lookup.LATEST_MS - stack.created_ms, stack.id))
    call.tx.delete(call.keys.sequence.key(stack.id))
    call.tx.delete(call.keys.stack.key(stack.id))
