"""Tags of users, roles, managed policies and instance profiles."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.iam import rules
from cloudlet.services.iam.lookup import POLICY, PROFILE, ROLE, USER, Kind, list_names, put, require_of
from cloudlet.services.iam.policy import require_policy
from cloudlet.services.iam.service import iam


def _require(call: Call, request: dict[str, Any], kind: Kind) -> Any:
    return require_policy(call, request) if kind is POLICY else require_of(call, request, kind)


def tag(call: Call, request: dict[str, Any], kind: Kind) -> None:
    entity = _require(call, request, kind)
    tags = rules.merge_tags(entity.tags, rules.tags_of(request["Tags"]))
    put(call.tx, call.keys, replace(entity, tags=tags))


def untag(call: Call, request: dict[str, Any], kind: Kind) -> None:
    entity = _require(call, request, kind)
    gone = {key.lower() for key in request["TagKeys"]}
    tags = {key: value for key, value in entity.tags.items() if key.lower() not in gone}
    put(call.tx, call.keys, replace(entity, tags=tags))


def list_tags(call: Call, request: dict[str, Any], kind: Kind) -> dict[str, Any]:
    tags = _require(call, request, kind).tags
    keys, more = list_names(request, list(tags))
    return {"Tags": [{"Key": key, "Value": tags[key]} for key in keys]} | more


def _register(kind: Kind) -> None:
    """The three operations of one kind, e.g. TagUser."""

    @iam.operation(f"Tag{kind.word}")
    def tag_(call: Call, request: dict[str, Any]) -> None:
        tag(call, request, kind)

    @iam.operation(f"Untag{kind.word}")
    def untag_(call: Call, request: dict[str, Any]) -> None:
        untag(call, request, kind)

    @iam.operation(f"List{kind.word}Tags")
    def list_(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        return list_tags(call, request, kind)


for _kind in (USER, ROLE, POLICY, PROFILE):
    _register(_kind)
