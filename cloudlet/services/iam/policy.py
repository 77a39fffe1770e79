"""Managed policies: the account's own, and AWS's, which all accounts see and none can change."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.tags import to_list
from cloudlet.services.iam import errors, managed_policies, rules
from cloudlet.services.iam.attachment import BOUNDARY, PERMISSIONS, find_policy
from cloudlet.services.iam.lookup import POLICY, find_by_id, insert, list_rows, new_id, remove
from cloudlet.services.iam.managed_policies import AwsPolicy
from cloudlet.services.iam.records import Policy, PolicyVersion
from cloudlet.services.iam.service import iam

_USES = {"PermissionsPolicy": PERMISSIONS, "PermissionsBoundary": BOUNDARY}
_AWS_OWN = 0  # begins the markers of ListPolicies that point among AWS's; the others begin with a name
_INVALID_MARKER = errors.ValidationError("Invalid Marker.")


def find_any_policy(call: Call, policy_arn: str) -> Policy | AwsPolicy | None:
    return managed_policies.POLICIES.get(policy_arn) or find_policy(call, policy_arn)


def require_any_policy(call: Call, policy_arn: str) -> Policy | AwsPolicy:
    policy = find_any_policy(call, policy_arn)
    if policy is None:
        raise errors.NoSuchEntity(f"Policy {policy_arn} was not found.")
    return policy


def require_policy(call: Call, request: dict[str, Any]) -> Policy:
    """One of the account's own: IAM has refused AWS's before, see iam.py."""
    policy = find_policy(call, request["PolicyArn"])
    if policy is None:
        raise errors.NoSuchEntity(f"Policy {request['PolicyArn']} was not found.")
    return policy


def put_version(call: Call, policy: Policy, number: int, document: str) -> PolicyVersion:
    version = PolicyVersion(number, document, rules.to_the_second(call.now_ms))
    call.tx.put(call.keys.version.key(policy.id, number), version.encode())
    return version


def listed_policy(call: Call, policy: Policy | AwsPolicy) -> dict[str, Any]:
    """A policy as lists tell it: without description and tags."""
    attachments, boundaries = call.keys.usage(policy.arn).values(call.tx)
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default_version}",
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": True,
        "CreateDate": policy.created_ms,
        "UpdateDate": policy.updated_ms,
    }


@iam.operation("CreatePolicy")
def create_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    document = request["PolicyDocument"]
    check_policy_document(document)
    now_ms = rules.to_the_second(call.now_ms)
    policy = Policy(
        id=new_id(POLICY),
        name=request["PolicyName"],
        path=request.get("Path", "/"),
        account=call.account,
        created_ms=now_ms,
        updated_ms=now_ms,
        document=document,
        description=request.get("Description"),
        tags=rules.tags_of(request.get("Tags")),
    )
    insert(call, POLICY, policy)
    put_version(call, policy, 1, document)
    return {"Policy": listed_policy(call, policy) | ({"Tags": to_list(policy.tags)} if policy.tags else {})}


def check_policy_document(document: str) -> None:
    rules.check_document(document)
    if rules.characters(document) > rules.POLICY_CHARACTERS_MAX:
        raise errors.LimitExceeded(quota="PolicySize", limit=rules.POLICY_CHARACTERS_MAX)


@iam.operation("GetPolicy")
def get_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    policy = require_any_policy(call, request["PolicyArn"])
    described = {} if policy.description is None else {"Description": policy.description}
    return {"Policy": listed_policy(call, policy) | described | {"Tags": to_list(policy.tags)}}


@iam.operation("DeletePolicy")
def delete_policy(call: Call, request: dict[str, Any]) -> None:
    policy = require_policy(call, request)
    if call.tx.scan(*call.keys.user_of.range(policy.arn), limit=1).rows:
        raise errors.DeleteConflict("Cannot delete a policy attached to entities.")
    versions = call.tx.all(*call.keys.version.range(policy.id), rows_max=rules.VERSIONS_MAX)
    if len(versions) > 1:
        raise errors.DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions."
            " The default version is deleted with the policy."
        )
    call.tx.delete(versions[0][0])
    remove(call, POLICY, policy)


@iam.operation("ListPolicies")
def list_policies(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The account's own first, then AWS's."""
    scope, prefix = request.get("Scope", "All"), request.get("PathPrefix", "/")

    def make(policy: Policy | AwsPolicy) -> dict[str, Any] | None:
        if not policy.path.startswith(prefix):
            return None
        shown = listed_policy(call, policy)
        use, in_use = request.get("PolicyUsageFilter"), shown["AttachmentCount"]
        if use == "PermissionsBoundary" or (use is None and not in_use):
            in_use = shown["PermissionsBoundaryUsageCount"]
        wants_use = request.get("OnlyAttached") or use is not None
        return None if wants_use and not in_use else shown

    position = page.decode_token(request["Marker"], _INVALID_MARKER) if request.get("Marker") else ()
    if position[:1] == (_AWS_OWN,) and [type(each) for each in position] != [int, str]:
        raise _INVALID_MARKER
    shown: list[dict[str, Any]] = []
    if scope != "AWS" and position[:1] != (_AWS_OWN,):
        shown, more = list_rows(
            call,
            request,
            call.keys.name[POLICY.in_arn],
            lambda _, policy_id: make(find_by_id(call.tx, call.keys, policy_id.decode())),
        )
        if more["IsTruncated"]:
            return {"Policies": shown} | more
    start = position[1] if position[:1] == (_AWS_OWN,) else ""
    for policy_arn in sorted(arn for arn in managed_policies.POLICIES if arn >= start) if scope != "Local" else ():
        made = make(managed_policies.POLICIES[policy_arn])
        if made and len(shown) == request.get("MaxItems", rules.LIST_DEFAULT):
            marker = page.encode_token(_AWS_OWN, policy_arn)
            return {"Policies": shown, "IsTruncated": True, "Marker": marker}
        shown += [made] if made else []
    return {"Policies": shown, "IsTruncated": False}


@iam.operation("ListEntitiesForPolicy")
def list_entities_for_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    policy_arn = require_any_policy(call, request["PolicyArn"]).arn
    users = call.keys.user_of[policy_arn]
    if request.get("PolicyUsageFilter"):
        users = users[_USES[request["PolicyUsageFilter"]]]
    prefix, wanted = request.get("PathPrefix", "/"), request.get("EntityFilter")

    def make(key: bytes, _: bytes) -> Any:
        entity = find_by_id(call.tx, call.keys, str(users.unpack(key)[-1]))
        kind = type(entity).__name__
        return entity if entity.path.startswith(prefix) and wanted in (None, kind) else None

    entities, more = list_rows(call, request, users, make)
    answer: dict[str, Any] = {f"Policy{word}s": [] for word in ("Group", "User", "Role")}
    for entity in {entity.id: entity for entity in entities}.values():
        word = type(entity).__name__
        answer[f"Policy{word}s"].append({f"{word}Name": entity.name, f"{word}Id": entity.id})
    return answer | more
