"""A bucket to start from, and short ways to call S3."""

from collections.abc import Callable
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from tests.client import Caller, TestNode

BUCKET = "photos"


class S3:
    """S3 as one caller sees it."""

    def __init__(self, caller: TestNode | Caller) -> None:
        self._caller = caller

    def __call__(self, operation: str, Bucket: str | None = BUCKET, **parameters: Any) -> dict[str, Any]:
        if Bucket is not None:
            parameters["Bucket"] = Bucket
        return self._caller.aws("s3", operation, **parameters)

    def put(self, key: str, body: bytes = b"body", **parameters: Any) -> dict[str, Any]:
        return self("PutObject", Key=key, Body=body, **parameters)

    def read(self, key: str, **parameters: Any) -> str:
        return str(self("GetObject", Key=key, **parameters)["Body"])

    def refused(self, operation: str, Bucket: str | None = BUCKET, **parameters: Any) -> tuple[str, str]:
        """Code and message of the error that must come."""
        error = self.error(operation, Bucket, **parameters)
        return error.code, error.message

    def error(self, operation: str, Bucket: str | None = BUCKET, **parameters: Any) -> AwsError:
        with pytest.raises(AwsError) as refused:
            self(operation, Bucket, **parameters)
        return refused.value


def blob_count(node: TestNode) -> int:
    """How many bodies lie in files, once everything that is due was done and is durable."""
    node.settle()
    S3(node)("ListBuckets", None)  # answered when all is durable
    node.node.database.blobs.wait_quiet()
    return len(list(node.node.database.blobs.ids()))


@pytest.fixture
def s3(node: TestNode) -> S3:
    """S3 as the root of account 000000000000, who owns the bucket `photos`."""
    root = S3(node)
    root("CreateBucket")
    return root


@pytest.fixture
def user(node: TestNode) -> Callable[..., S3]:
    """S3 as a new user with these statements."""
    return lambda *policies: S3(node.as_user(*policies))


@pytest.fixture
def stranger(node: TestNode) -> S3:
    """S3 as the root of another account."""
    return S3(node.caller("111122223333", "test"))
