"""Query and Scan."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb import rules, sort_key
from cloudlet.services.dynamodb.errors import invalid
from cloudlet.services.dynamodb.expressions.key_condition import KeyCondition
from cloudlet.services.dynamodb.expressions.request import Expressions, read
from cloudlet.services.dynamodb.keys import SLOTS, Bounds, after, item_key, sole, starting_with
from cloudlet.services.dynamodb.reading import Page, Target, check_select, fill, require_target, start_key
from cloudlet.services.dynamodb.service import dynamodb
from cloudlet.store.transaction import Tx

_QUERY_EXPRESSIONS = ("ProjectionExpression", "FilterExpression", "KeyConditionExpression")
_QUERY_LEGACY = ("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions")
_SCAN_EXPRESSIONS = ("ProjectionExpression", "FilterExpression")
_SCAN_LEGACY = ("AttributesToGet", "ScanFilter", "ConditionalOperator")


@dynamodb.operation("Query")
async def query(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return (await fill(call, _query_page, request)).answer(call)


def _query_page(tx: Tx, call: Call, request: dict[str, Any]) -> Page:
    """The page to be filled: a partition or a stretch of it."""
    expressions = read(request, *_QUERY_EXPRESSIONS, legacy=_QUERY_LEGACY)
    if expressions.key is None:
        raise invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
    target = require_target(call, request)
    key = expressions.key.for_schema(target.schema.hash, target.schema.range, target.table.types)
    _check_filter(target, expressions, request)
    check_select(request, target, expressions, "Querying")
    bounds = _stretch(target, key)
    page = Page(request, target, expressions, bounds, is_reverse=not request.get("ScanIndexForward", True))
    start = start_key(request, target)
    if start is not None:
        item, place = start
        partition = _stretch(target, KeyCondition(key.hash_value, None))
        if item[target.schema.hash] != key.hash_value or not partition.begin <= place < partition.end:
            raise invalid("The provided starting key is outside query boundaries based on provided conditions")
        page.begin_after(place)
    return page


def _check_filter(target: Target, expressions: Expressions, request: dict[str, Any]) -> None:
    name = next((name for name in target.schema.names if name in expressions.filter_names), None)
    if name is not None:
        which = "Filter Expression" if request.get("FilterExpression") is not None else "QueryFilter"
        raise invalid(f"{which} can only contain non-primary key attributes: Primary key attribute: {name}")


def _stretch(target: Target, key: KeyCondition) -> Bounds:
    """Where the items lie that satisfy a key condition."""
    hash_ = item_key(sort_key.encode(key.hash_value), None)
    partition = sole(target.prefix(*hash_.parts))
    if key.range is None:
        return partition
    places = [target.prefix(*hash_.parts, sort_key.encode(value)) for value in key.range.values]
    match key.range.operator:
        case "=":
            return sole(places[0])
        case "<":
            return Bounds(partition.begin, places[0])
        case "<=":
            return Bounds(partition.begin, after(places[0]))
        case ">":
            return Bounds(after(places[0]), partition.end)
        case ">=":
            return Bounds(places[0], partition.end)
        case "BETWEEN":
            return Bounds(places[0], after(places[1]))
    assert key.range.operator == "begins_with"
    return starting_with(places[0])


@dynamodb.operation("Scan")
async def scan(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return (await fill(call, _scan_page, request)).answer(call)


def _scan_page(tx: Tx, call: Call, request: dict[str, Any]) -> Page:
    """The page to be filled: everything, or a segment of it."""
    rules.check_segments(request)
    expressions = read(request, *_SCAN_EXPRESSIONS, legacy=_SCAN_LEGACY)
    target = require_target(call, request)
    check_select(request, target, expressions, "Scanning")
    bounds = _segment(target, request.get("Segment", 0), request.get("TotalSegments", 1))
    page = Page(request, target, expressions, bounds)
    start = start_key(request, target)
    if start is not None:
        _, place = start
        if not bounds.begin <= place < bounds.end:
            raise invalid(
                "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with "
                f"correct Segment. TotalSegments: {request.get('TotalSegments')} Segment: {request.get('Segment')}"
            )
        page.begin_after(place)
    return page


def _segment(target: Target, segment: int, total: int) -> Bounds:
    """One of `total` even parts of the slots."""
    first, behind = SLOTS * segment // total, SLOTS * (segment + 1) // total
    return Bounds(target.prefix(first), target.prefix(behind))
