"""A policy that refuses plain HTTP: from elsewhere it does, on loopback there is nothing to listen in on."""

import json

import pytest

from tests.client import TestNode

DENY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": "arn:aws:s3:::files/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}


@pytest.mark.parametrize(
    ("peer", "secure", "status"),
    [
        ("127.0.0.1", False, 200),
        ("::1", False, 200),
        ("10.0.0.7", False, 403),
        ("10.0.0.7", True, 200),
        ("128.0.0.1", False, 403),
    ],
)
def test_plain_http_is_refused_unless_it_stays_on_the_machine(
    node: TestNode, peer: str, secure: bool, status: int
) -> None:
    node.aws("s3", "CreateBucket", Bucket="files")
    node.aws("s3", "PutBucketPolicy", Bucket="files", Policy=json.dumps(DENY))
    caller = node.caller("test", "test")
    request = caller.request("s3", "PutObject", {"Bucket": "files", "Key": "k", "Body": b"x"})
    request.peer, request.secure = peer, secure
    assert node.send(request).status == status
