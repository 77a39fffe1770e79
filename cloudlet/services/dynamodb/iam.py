"""Which action and resource each DynamoDB operation asks IAM about, with DynamoDB's own condition keys.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.kit import tags
from cloudlet.kit.arn import arn
from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Access
from cloudlet.kit.service import AccessRule
from cloudlet.services.dynamodb import rules
from cloudlet.services.dynamodb.expressions.request import attributes_of, placeholders_of_key
from cloudlet.services.dynamodb.lookup import find_table
from cloudlet.services.dynamodb.records import Table

_EXPRESSIONS = (
    "UpdateExpression",
    "ConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
    "KeyConditionExpression",
)
_BY_ATTRIBUTE = ("Item", "Key", "AttributeUpdates", "Expected", "QueryFilter", "ScanFilter", "KeyConditions")


class ItemContext(Mapping[str, Any]):
    """The condition keys of a request about items, worked out only if a policy has conditions or variables."""

    def __init__(
        self, call: Call, request: Mapping[str, Any], items: Sequence[Mapping[str, Any]], enclosing: str
    ) -> None:
        """`items` are the parts of the request about the one table: those of a batch, or the request itself."""
        self._call, self._request, self._items, self._enclosing = call, request, items, enclosing
        self._values: dict[str, Any] | None = None

    def _known(self) -> dict[str, Any]:
        if self._values is None:
            self._values = _context(self._call, self._request, self._items, self._enclosing)
        return self._values

    def __getitem__(self, key: str) -> Any:
        return self._known()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())


def _context(
    call: Call, request: Mapping[str, Any], items: Sequence[Mapping[str, Any]], enclosing: str
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if enclosing:
        values["dynamodb:EnclosingOperation"] = enclosing
    for name in ("Select", "ReturnValues", "ReturnConsumedCapacity"):
        if request.get(name) is not None:
            values[f"dynamodb:{name}"] = request[name]
    table = _find_table(call, items[0].get("TableName", request.get("TableName", "")) if items else "")
    attributes: dict[str, None] = {}
    leading: dict[str, None] = {}
    for item in items:
        attributes.update(dict.fromkeys(_attributes(item)))
        if table is not None:
            leading.update(dict.fromkeys(_leading_keys(table, item)))
    if attributes:
        values["dynamodb:Attributes"] = tuple(attributes)
    if leading:
        values["dynamodb:LeadingKeys"] = tuple(leading)
    values |= tags.asked(tags.from_list(request.get("Tags")), request.get("TagKeys"))
    return values | (tags.of_resource(table.tags) if table else {})


def _attributes(item: Mapping[str, Any]) -> Iterator[str]:
    for name in _BY_ATTRIBUTE:
        yield from item.get(name) or ()
    yield from item.get("AttributesToGet") or ()
    try:
        yield from attributes_of(item, *_EXPRESSIONS)
    except AwsError:
        return  # the request will be refused for it


def _leading_keys(table: Table, item: Mapping[str, Any]) -> Iterator[str]:
    """The partition keys that an item, key or key condition names."""
    index = table.indexes.get(item.get("IndexName") or "")
    name = index.schema.hash if index is not None else table.schema.hash
    for member in ("Item", "Key"):
        yield from _texts((item.get(member) or {}).get(name))
    condition = (item.get("KeyConditions") or {}).get(name) or {}
    for value in condition.get("AttributeValueList") or ():
        yield from _texts(value)
    yield from _leading_key_of_expression(name, item)


def _texts(value: Mapping[str, Any] | None) -> Iterator[str]:
    """A key value as conditions compare it."""
    for content in (value or {}).values():
        yield base64.b64encode(content).decode() if isinstance(content, bytes) else str(content)


def _leading_key_of_expression(name: str, item: Mapping[str, Any]) -> Iterator[str]:
    try:
        placeholders = placeholders_of_key(item, name)
    except AwsError:
        return
    for placeholder in placeholders:
        yield from _texts((item.get("ExpressionAttributeValues") or {}).get(placeholder))


def _find_table(call: Call, table_name: str) -> Table | None:
    account, name = _address(call, table_name)
    return find_table(call.tx, call.service.keys(account or call.account, call.region), name)


def _address(call: Call, table_name: str) -> tuple[str | None, str]:
    try:
        return rules.table_address(table_name, call.region)
    except AwsError:
        return None, table_name or "*"


def _arn(call: Call, table_name: str, index: str | None = None) -> tuple[str, str]:
    """The resource and its account."""
    account, name = _address(call, table_name)
    account = account or call.account
    of_table = arn("dynamodb", call.region, account, f"table/{name}")
    return (f"{of_table}/index/{index}" if index is not None else of_table), account


def _access(
    call: Call, action: str, request: Mapping[str, Any], items: Sequence[Mapping[str, Any]], enclosing: str = ""
) -> Access:
    table_name = items[0].get("TableName") or request.get("TableName") or ""
    resource, account = _arn(call, table_name, items[0].get("IndexName"))
    return Access(f"dynamodb:{action}", resource, account, None, ItemContext(call, request, items, enclosing))


def _on_table(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return (_access(call, action, request, (request,)),)

    return rule


def _create_table(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """Tags given at once are asked for as TagResource too."""
    actions = ("CreateTable", "TagResource") if request.get("Tags") else ("CreateTable",)
    return [_access(call, action, request, (request,)) for action in actions]


def _on_arn(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return (_access(call, action, request, ({"TableName": request.get("ResourceArn", "")},)),)

    return rule


def _on_everything(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return (Access(f"dynamodb:{action}", "*", call.account),)

    return rule


def _batch(action: str, items_of: Callable[[Any], list[dict[str, Any]]]) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        tables = request.get("RequestItems") or {}
        return [
            _access(
                call,
                action,
                request,
                [{"TableName": name, **item} for item in items_of(given)] or [{"TableName": name}],
            )
            for name, given in tables.items()
        ] or [Access(f"dynamodb:{action}", "*", call.account)]

    return rule


def _batch_get_items(given: dict[str, Any]) -> list[dict[str, Any]]:
    shared = {key: value for key, value in given.items() if key != "Keys"}
    return [{"Key": key, **shared} for key in given.get("Keys") or ()]


def _batch_write_items(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each.get("PutRequest") or each.get("DeleteRequest") or {} for each in given]


_TRANSACTION_ACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Put": "PutItem",
    "Delete": "DeleteItem",
    "Update": "UpdateItem",
    "Get": "GetItem",
}


def _transaction(operation: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return [
            _access(call, _TRANSACTION_ACTIONS[kind], request, (action,), operation)
            for given in request.get("TransactItems") or ()
            for kind, action in given.items()
            if kind in _TRANSACTION_ACTIONS
        ] or [Access(f"dynamodb:{operation}", "*", call.account)]

    return rule


_ON_TABLE = (
    "DeleteTable DescribeTable UpdateTable PutItem GetItem UpdateItem DeleteItem Query Scan"
    " DescribeTimeToLive DescribeContinuousBackups DescribeContributorInsights DescribeKinesisStreamingDestination"
).split()
_ON_ARN = "TagResource UntagResource ListTagsOfResource GetResourcePolicy".split()
_ON_EVERYTHING = "ListTables DescribeLimits DescribeEndpoints".split()

ACCESS: dict[str, AccessRule] = {
    **{operation: _on_table(operation) for operation in _ON_TABLE},
    **{operation: _on_arn(operation) for operation in _ON_ARN},
    **{operation: _on_everything(operation) for operation in _ON_EVERYTHING},
    "CreateTable": _create_table,
    "BatchGetItem": _batch("BatchGetItem", _batch_get_items),
    "BatchWriteItem": _batch("BatchWriteItem", _batch_write_items),
    "TransactWriteItems": _transaction("TransactWriteItems"),
    "TransactGetItems": _transaction("TransactGetItems"),
}
