"""Access keys of users. The secret is shown once, and stored sealed."""

from typing import Any

from cloudlet.base import ids
from cloudlet.base.errors import aws_error
from cloudlet.kit.access_key_id import new_access_key_id
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.iam import errors, rules
from cloudlet.services.iam.identities import ACCESS_KEY_PURPOSE
from cloudlet.services.iam.keys import Keys
from cloudlet.services.iam.lookup import find_by_id, list_rows
from cloudlet.services.iam.records import AccessKey, LastUse, User
from cloudlet.services.iam.service import iam
from cloudlet.services.iam.user import named_or_caller


def owner(call: Call, request: dict[str, Any]) -> User:
    """Whose keys the request is about. Root's own are settings of the node, not IAM's."""
    if request.get("UserName") is None and call.principal.type == "Root":
        raise aws_error("NotImplemented", "Access keys of the root user are not kept by IAM: give a UserName.", 501)
    return named_or_caller(call, request)


def find_key(call: Call, access_key_id: str) -> AccessKey | None:
    stored = call.tx.get(Keys.access_key.key(access_key_id))
    return AccessKey.decode(stored) if stored else None


def _require_key_of(call: Call, user: User, access_key_id: str) -> AccessKey:
    access_key = find_key(call, access_key_id)
    if access_key is None or access_key.user_id != user.id:
        raise errors.NoSuchEntity(f"The Access Key with id {access_key_id} cannot be found.")
    return access_key


@iam.operation("CreateAccessKey")
def create_access_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    user = owner(call, request)
    limit = rules.ACCESS_KEYS_PER_USER_MAX
    if len(call.tx.all(*call.keys.key.range(user.id), rows_max=limit)) == limit:
        raise errors.LimitExceeded(quota="AccessKeysPerUser", limit=limit)
    access_key_id, secret = new_access_key_id("AKIA", call.account), ids.secret_access_key()
    access_key = AccessKey(
        id=access_key_id,
        account=call.account,
        user_id=user.id,
        sealed_secret=call.node.sealer.seal(secret.encode(), ACCESS_KEY_PURPOSE, access_key_id.encode()),
        created_ms=rules.to_the_second(call.now_ms),
    )
    call.tx.put(Keys.access_key.key(access_key_id), access_key.encode())
    call.tx.put(call.keys.key.key(user.id, access_key_id), b"")
    return {"AccessKey": _shown(user, access_key) | {"SecretAccessKey": secret}}


def _shown(user: User, access_key: AccessKey) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "AccessKeyId": access_key.id,
        "Status": "Active" if access_key.is_active else "Inactive",
        "CreateDate": access_key.created_ms,
    }


@iam.operation("UpdateAccessKey")
def update_access_key(call: Call, request: dict[str, Any]) -> None:
    access_key = _require_key_of(call, owner(call, request), request["AccessKeyId"])
    if request["Status"] == "Expired":
        raise errors.ValidationError("Access keys can be set to Active or Inactive only.")
    changed = replace(access_key, is_active=request["Status"] == "Active")
    call.tx.put(Keys.access_key.key(access_key.id), changed.encode())


@iam.operation("DeleteAccessKey")
def delete_access_key(call: Call, request: dict[str, Any]) -> None:
    user = owner(call, request)
    access_key = _require_key_of(call, user, request["AccessKeyId"])
    call.tx.delete(Keys.access_key.key(access_key.id))
    call.tx.delete(call.keys.key.key(user.id, access_key.id))
    call.tx.delete(call.keys.used.key(access_key.id))


@iam.operation("ListAccessKeys")
def list_access_keys(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    user = owner(call, request)

    def make(key: bytes, _: bytes) -> dict[str, Any]:
        return _shown(user, _require_key_of(call, user, str(call.keys.key[user.id].unpack(key)[0])))

    shown, more = list_rows(call, request, call.keys.key[user.id], make)
    return {"AccessKeyMetadata": shown} | more


@iam.operation("GetAccessKeyLastUsed")
def get_access_key_last_used(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    access_key = find_key(call, request["AccessKeyId"])
    user = find_by_id(call.tx, call.keys, access_key.user_id) if access_key else None
    if access_key is None or user is None:
        # AWS answers so whether the key is another account's or nobody's.
        raise errors.AccessDenied(reason="User is not authorized to perform: iam:GetAccessKeyLastUsed")
    stored = call.tx.get(call.keys.used.key(access_key.id))
    if stored is None:
        return {"UserName": user.name, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    use = LastUse.decode(stored)
    used = {"LastUsedDate": use.at_ms, "ServiceName": use.service, "Region": use.region}
    return {"UserName": user.name, "AccessKeyLastUsed": used}
