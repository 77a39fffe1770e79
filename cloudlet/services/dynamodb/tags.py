"""Tags of tables."""

from typing import Any

from cloudlet.kit import tags
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.dynamodb import rules
from cloudlet.services.dynamodb.errors import ResourceNotFoundException, invalid, invalid_parameter
from cloudlet.services.dynamodb.keys import Keys
from cloudlet.services.dynamodb.lookup import find_table, keys_of, put_table
from cloudlet.services.dynamodb.records import Table
from cloudlet.services.dynamodb.service import dynamodb


def checked_tags(old: dict[str, str], given: list[dict[str, str]]) -> dict[str, str]:
    """`old` and `given` together."""
    new = tags.from_list(given)
    if tags.are_reserved(new):
        raise invalid_parameter("Tag keys starting with 'aws:' are reserved for system use")
    too_many = invalid_parameter(f"Too many tags: {len(old | new)}, the limit is {rules.TAGS_MAX}")
    return tags.added(old, new, rules.TAGS_MAX, too_many)


def _locate(call: Call, arn: str) -> tuple[Table, Keys]:
    if not arn.startswith("arn:"):
        raise invalid(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    keys, name = keys_of(call, arn)
    table = find_table(call.tx, keys, name)
    if table is None:
        raise ResourceNotFoundException(f"Requested resource not found: ResourcArn: {arn} not found")
    return table, keys


@dynamodb.operation("TagResource")
def tag_resource(call: Call, request: dict[str, Any]) -> None:
    table, keys = _locate(call, request["ResourceArn"])
    put_table(call.tx, keys, replace(table, tags=checked_tags(table.tags, request["Tags"])))


@dynamodb.operation("UntagResource")
def untag_resource(call: Call, request: dict[str, Any]) -> None:
    table, keys = _locate(call, request["ResourceArn"])
    put_table(call.tx, keys, replace(table, tags=tags.without(table.tags, request["TagKeys"])))


@dynamodb.operation("ListTagsOfResource")
def list_tags_of_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    table, _ = _locate(call, request["ResourceArn"])
    return {"Tags": tags.to_list(table.tags)}
