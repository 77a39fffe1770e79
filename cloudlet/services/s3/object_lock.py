"""Object Lock: no bucket here can have it."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.s3 import errors
from cloudlet.services.s3.lookup import locate
from cloudlet.services.s3.service import s3


@s3.operation("GetObjectLockConfiguration")
def get_object_lock_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    raise errors.ObjectLockNotFound(members={"BucketName": locate(call, request).name})
