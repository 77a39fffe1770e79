"""Tags of alarms."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.cloudwatch import errors, rules
from cloudlet.services.cloudwatch.lookup import find_alarm, tags_of
from cloudlet.services.cloudwatch.records import Tags
from cloudlet.services.cloudwatch.service import cloudwatch


def _alarm_of(call: Call, arn: str) -> str:
    prefix = call.arn("alarm:")
    if not arn.startswith("arn:"):
        raise errors.InvalidValue(value=arn, name="ResourceARN")
    name = arn.removeprefix(prefix)
    if name == arn or find_alarm(call.tx, call.keys, name) is None:
        raise errors.NoSuchResource()
    return name


def replace_tags(call: Call, name: str, listed: list[dict[str, str]] | None) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in listed or ()}
    if len(tags) > rules.TAGS_MAX:
        raise errors.InvalidValue(f"The resource has too many tags: {rules.TAGS_MAX} are the most.")
    if tags:
        call.tx.put(call.keys.tags.key(name), Tags(tags).encode())
    else:
        call.tx.delete(call.keys.tags.key(name))


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@cloudwatch.operation("TagResource")
def tag_resource(call: Call, request: dict[str, Any]) -> None:
    name = _alarm_of(call, request["ResourceARN"])
    replace_tags(call, name, _listed(tags_of(call.tx, call.keys, name)) + request["Tags"])


@cloudwatch.operation("UntagResource")
def untag_resource(call: Call, request: dict[str, Any]) -> None:
    name = _alarm_of(call, request["ResourceARN"])
    kept = {key: value for key, value in tags_of(call.tx, call.keys, name).items() if key not in request["TagKeys"]}
    replace_tags(call, name, _listed(kept))


@cloudwatch.operation("ListTagsForResource")
def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": _listed(tags_of(call.tx, call.keys, _alarm_of(call, request["ResourceARN"])))}
