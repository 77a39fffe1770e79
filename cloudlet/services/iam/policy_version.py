"""Versions of managed policies. The default version's document stands in the policy's record too: decisions read it."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.iam import errors, rules
from cloudlet.services.iam.documents import sent
from cloudlet.services.iam.lookup import list_rows, put
from cloudlet.services.iam.managed_policies import AwsPolicy
from cloudlet.services.iam.policy import check_policy_document, put_version, require_any_policy, require_policy
from cloudlet.services.iam.records import Policy, PolicyVersion
from cloudlet.services.iam.service import iam


def _listed(policy: Policy | AwsPolicy, version: PolicyVersion) -> dict[str, Any]:
    is_default = version.number == policy.default_version
    return {"VersionId": f"v{version.number}", "IsDefaultVersion": is_default, "CreateDate": version.created_ms}


def _require_version(call: Call, policy: Policy, version_id: str) -> PolicyVersion:
    number = version_id.removeprefix("v").partition(".")[0]
    stored = call.tx.get(call.keys.version.key(policy.id, int(number))) if len(number) < 10 else None
    if stored is None:
        raise _no_such_version(policy.arn, version_id)
    return PolicyVersion.decode(stored)


def _no_such_version(policy_arn: str, version_id: str) -> errors.NoSuchEntity:
    return errors.NoSuchEntity(f"Policy {policy_arn} version {version_id} does not exist or is not attachable.")


@iam.operation("CreatePolicyVersion")
def create_policy_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    policy, document = require_policy(call, request), request["PolicyDocument"]
    check_policy_document(document)
    if len(call.tx.all(*call.keys.version.range(policy.id), rows_max=rules.VERSIONS_MAX)) == rules.VERSIONS_MAX:
        raise errors.LimitExceeded(
            f"A managed policy can have up to {rules.VERSIONS_MAX} versions. Before you create a new version, you must"
            " delete an existing version."
        )
    number = policy.latest_version + 1
    version = put_version(call, policy, number, document)
    changed = replace(policy, latest_version=number, updated_ms=rules.to_the_second(call.now_ms))
    if request.get("SetAsDefault"):
        changed = replace(changed, default_version=number, document=document)
    put(call.tx, call.keys, changed)
    return {"PolicyVersion": _listed(changed, version)}


@iam.operation("GetPolicyVersion")
def get_policy_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    policy, version_id = require_any_policy(call, request["PolicyArn"]), request["VersionId"]
    if isinstance(policy, Policy):
        version = _require_version(call, policy, version_id)
    elif version_id == f"v{policy.default_version}":
        version = policy.version
    else:
        raise _no_such_version(policy.arn, version_id)
    return {"PolicyVersion": {"Document": sent(version.document)} | _listed(policy, version)}


@iam.operation("ListPolicyVersions")
def list_policy_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    policy = require_any_policy(call, request["PolicyArn"])
    if not isinstance(policy, Policy):
        return {"Versions": [_listed(policy, policy.version)], "IsTruncated": False}

    def make(_: bytes, stored: bytes) -> dict[str, Any]:
        return _listed(policy, PolicyVersion.decode(stored))

    versions, more = list_rows(call, request, call.keys.version[policy.id], make)
    return {"Versions": versions[::-1]} | more  # the newest first


@iam.operation("DeletePolicyVersion")
def delete_policy_version(call: Call, request: dict[str, Any]) -> None:
    policy = require_policy(call, request)
    version = _require_version(call, policy, request["VersionId"])
    if version.number == policy.default_version:
        raise errors.DeleteConflict("Cannot delete the default version of a policy.")
    call.tx.delete(call.keys.version.key(policy.id, version.number))


@iam.operation("SetDefaultPolicyVersion")
def set_default_policy_version(call: Call, request: dict[str, Any]) -> None:
    policy = require_policy(call, request)
    version = _require_version(call, policy, request["VersionId"])
    changed = replace(
        policy,
        default_version=version.number,
        document=version.document,
        updated_ms=rules.to_the_second(call.now_ms),
    )
    put(call.tx, call.keys, changed)
