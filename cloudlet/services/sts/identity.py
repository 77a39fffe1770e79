"""Who am I, and whose key is this?"""

from typing import Any

from cloudlet.kit.access_key_id import account_of
from cloudlet.kit.call import Call
from cloudlet.services.sts import errors
from cloudlet.services.sts.service import sts


@sts.operation("GetCallerIdentity")
def get_caller_identity(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    principal = call.principal
    return {"UserId": principal.user_id, "Account": principal.account, "Arn": principal.arn}


@sts.operation("GetAccessKeyInfo")
def get_access_key_info(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The account is part of the key id, so this answers for deleted and temporary keys too."""
    account = account_of(request["AccessKeyId"])
    if account is None:
        raise errors.ValidationError(f"Invalid Access Key ID {request['AccessKeyId']}")
    return {"Account": account}
