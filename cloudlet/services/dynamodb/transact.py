"""Transactions: up to 100 writes, or reads, of several tables, all or none."""

import hashlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import msgspec

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.services.dynamodb import engine, rules, schema, sizes
from cloudlet.services.dynamodb.capacity import Meter
from cloudlet.services.dynamodb.engine import Change
from cloudlet.services.dynamodb.errors import (
    ConditionalCheckFailedException,
    IdempotentParameterMismatchException,
    TransactionCanceledException,
    ValidationException,
    invalid,
)
from cloudlet.services.dynamodb.expressions.paths import PathTree
from cloudlet.services.dynamodb.expressions.request import read
from cloudlet.services.dynamodb.item import (
    MEMBERS_AT_ONCE_MAX,
    Write,
    all_projected,
    check_write,
    delete_write,
    failed_condition,
    index_units,
    put_write,
    update_write,
)
from cloudlet.services.dynamodb.lookup import Require, checked, require_table
from cloudlet.services.dynamodb.records import StoredItem, Token
from cloudlet.services.dynamodb.service import dynamodb
from cloudlet.services.dynamodb.values import canonical_item

_FORGOTTEN_PER_CALL = 10
_NONE = {"Code": "None"}
_KINDS: dict[str, Callable[[Require, dict[str, Any]], Write]] = {
    "ConditionCheck": check_write,
    "Put": put_write,
    "Delete": delete_write,
    "Update": update_write,
}
_Actions = list[tuple[dict[str, Any], Write]]


@dynamodb.operation("TransactWriteItems")
def transact_write_items(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    token = request.get("ClientRequestToken")
    if token is not None and (done := _find_token(call, token, request)) is not None:
        return _repeated(request, call, done)
    actions = checked(call, _actions, request, _table_names(request))
    found = [write.find(call.tx) for _, write in actions]
    if sum(write.members(before) for (_, write), before in zip(actions, found)) > MEMBERS_AT_ONCE_MAX:
        tables = tuple(write.table for _, write in actions)
        wires = tuple(before and before.wire for before in found)
        after = call.apart("after", (tables, wires), _after, actions, found)
    else:
        after = _after(actions, found)
    counts = engine.Counts()
    changes = [_perform(call, write, counts, *images) for (_, write), *images in zip(actions, found, after)]
    counts.store(call.tx)
    meters = _meters(call, request, actions, changes)
    if token is not None:
        _remember(call, token, request, actions, changes)
    for meter in meters.values():
        meter.count(call, "Write")
    return _with_capacity({}, meters, "WriteCapacityUnits")


def _table_names(request: dict[str, Any]) -> set[str]:
    return {action["TableName"] for given in request["TransactItems"] for action in given.values() if action}


def _actions(require: Require, request: dict[str, Any]) -> _Actions:
    """Every action checked; raises what is wrong with the request, before any item is looked at."""
    actions: _Actions = []
    seen = set()
    require = cache(require)
    for given in request["TransactItems"]:
        kinds = [kind for kind in _KINDS if given.get(kind) is not None]
        if len(kinds) != 1:
            raise invalid(
                "TransactItems can only contain one of Check, Put, Update or Delete"
                if kinds
                else "Supplied TransactWriteItem must contain one of ConditionCheck, Put, Update or Delete"
            )
        action = given[kinds[0]]
        write = _KINDS[kinds[0]](require, action)
        at = write.place.at
        if at in seen:
            raise invalid("Transaction request cannot include multiple operations on one item")
        seen.add(at)
        actions.append((action, write))
    return actions


def _after(actions: _Actions, found: list[StoredItem | None]) -> list[StoredItem | None]:
    """What each write leaves; raises the cancellation if a condition fails or an update doesn't fit its item."""
    left: list[StoredItem | None] = []
    reasons: list[dict[str, Any]] = []
    tables: list[str] = []
    for (action, write), before in zip(actions, found):
        reason: dict[str, Any] = _NONE
        after = None
        try:
            write.check(before)
            after = None if write.is_check else write.after(before)
        except ConditionalCheckFailedException:
            error = failed_condition(action, write.table, before)
            tables += error.tables
            reason = {"Code": "ConditionalCheckFailed", "Message": error.message, **error.members}
        except ValidationException as error:
            reason = {"Code": "ValidationError", "Message": error.message}
        left.append(after)
        reasons.append(reason)
    if any(reason is not _NONE for reason in reasons):
        raise _canceled(reasons, tables)
    if sum(after.size_bytes for after in left if after is not None) > rules.TRANSACTION_BYTES_MAX:
        raise invalid("Collective size of items in transaction cannot exceed 4MB")
    return left


def _canceled(reasons: list[dict[str, Any]], tables: Sequence[str]) -> AwsError:
    codes = ", ".join(reason["Code"] for reason in reasons)
    error = TransactionCanceledException(codes=codes, members={"CancellationReasons": reasons})
    error.tables = tuple(tables)
    return error


def _perform(
    call: Call, write: Write, counts: engine.Counts, before: StoredItem | None, after: StoredItem | None
) -> Change:
    if write.is_check:
        return Change(before, before)
    return engine.write(call.tx, write.place, before, after, counts)


def _meters(call: Call, request: dict[str, Any], actions: _Actions, changes: list[Change]) -> dict[str, Meter]:
    meters: dict[str, Meter] = {}
    for action, write in actions:
        name = action["TableName"]
        if name not in meters:
            meters[name] = Meter(request, write.table, name)
    indexes: list[dict[str, float]] = [{}] * len(actions)
    if any(meter.is_wanted for meter in meters.values()):
        changed = [(write.table, change) for (_, write), change in zip(actions, changes)]
        indexes = index_units(call, changed, transactional=True)
    for (action, _), change, of_indexes in zip(actions, changes, indexes):
        meters[action["TableName"]].add(sizes.write_units(change.size_bytes, transactional=True), of_indexes)
    return meters


def _with_capacity(answer: dict[str, Any], meters: dict[str, Meter], split: str) -> dict[str, Any]:
    told = [meter.told(split) for meter in meters.values() if meter.is_wanted]
    return answer | {"ConsumedCapacity": told} if told else answer


def _digest(call: Call, request: dict[str, Any]) -> bytes:
    return call.apart("digest", (), _digest_of, request) if call.asks_much else _digest_of(request)


def _digest_of(request: dict[str, Any]) -> bytes:
    """The same for requests that ask the same; what they want to be told doesn't matter."""
    return hashlib.sha256(msgspec.msgpack.encode(request["TransactItems"], order="sorted")).digest()


def _find_token(call: Call, token: str, request: dict[str, Any]) -> Token | None:
    stored = call.tx.get(call.keys.token.key(token))
    done = Token.decode(stored) if stored is not None else None
    if done is None or done.forgotten_at_ms <= call.now_ms:
        return None
    if done.digest != _digest(call, request):
        raise IdempotentParameterMismatchException()
    return done


def _remember(call: Call, token: str, request: dict[str, Any], actions: _Actions, changes: list[Change]) -> None:
    """For ten minutes the same token with the same request does nothing more."""
    keys = call.keys
    for old in keys.token_end.claim(call.tx, call.now_ms, _FORGOTTEN_PER_CALL):
        call.tx.delete(keys.token.key(*old.tie))
    forgotten_at_ms = call.now_ms + rules.TOKEN_MS
    read_units: dict[str, float] = {}
    for (action, _), change in zip(actions, changes):
        name, size_bytes = action["TableName"], change.after.size_bytes if change.after else 0
        read_units[name] = read_units.get(name, 0.0) + sizes.read_units(size_bytes, transactional=True)
    call.tx.put(keys.token.key(token), Token(_digest(call, request), forgotten_at_ms, read_units).encode())
    keys.token_end.put(call.tx, forgotten_at_ms, (token,))


def _repeated(request: dict[str, Any], call: Call, done: Token) -> dict[str, Any]:
    """The answer to a transaction that was done already: it consumes reads only."""
    meters = {}
    for name, units in done.read_units.items():
        table, _ = require_table(call, name)
        meters[name] = Meter(request, table, name)
        meters[name].add(units)
    return _with_capacity({}, meters, "ReadCapacityUnits")


@dynamodb.operation("TransactGetItems")
def transact_get_items(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    responses: list[dict[str, Any]] = []
    found: list[tuple[StoredItem, PathTree | None]] = []
    shown_in: list[dict[str, Any]] = []
    meters: dict[str, Meter] = {}
    size_bytes = 0
    require = cache(partial(require_table, call))
    for given in request["TransactItems"]:
        get = given["Get"]
        projection = read(get, "ProjectionExpression").projection
        key_item = canonical_item(get["Key"])
        table, contents = require(get["TableName"])
        stored = engine.find(call.tx, contents.item_at(schema.key_of_request(table, key_item)))
        found_bytes = stored.size_bytes if stored is not None else 0
        size_bytes += found_bytes
        meter = meters.setdefault(get["TableName"], Meter(request, table, get["TableName"]))
        meter.add(sizes.read_units(found_bytes, transactional=True))
        responses.append({})
        if stored is not None:
            found.append((stored, projection))
            shown_in.append(responses[-1])
    if size_bytes > rules.TRANSACTION_BYTES_MAX:
        raise invalid("Collective size of items in transaction cannot exceed 4MB")
    for meter in meters.values():
        meter.count(call, "Read")
    for response, shown in zip(shown_in, all_projected(call, found)):
        response["Item"] = shown
    return _with_capacity({"Responses": responses}, meters, "ReadCapacityUnits")
