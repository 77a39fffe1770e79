"""Tags of users, roles, managed policies and instance profiles."""

from typing import Any

from cloudlet.kit import tags
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
    merged = rules.merge_tags(entity.tags, rules.tags_of(request["Tags"]))
    put(call.tx, call.keys, replace(entity, tags=merged))


def untag(call: Call, request: dict[str, Any], kind: Kind) -> None:
    entity = _require(call, request, kind)
    kept = tags.without(entity.tags, request["TagKeys"], ignore_case=True)
    put(call.tx, call.keys, replace(entity, tags=kept))


def list_tags(call: Call, request: dict[str, Any], kind: Kind) -> dict[str, Any]:
    found = _require(call, request, kind).tags
    keys, more = list_names(request, list(found))
    return {"Tags": tags.to_list({key: found[key] for key in keys})} | more


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
