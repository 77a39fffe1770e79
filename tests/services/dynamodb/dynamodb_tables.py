"""What the tests of the DynamoDB service share."""

import json
from typing import Any, Protocol

import pytest

from cloudlet.base.errors import AwsError
from tests.client import TestNode


class Ddb(Protocol):
    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]: ...


def schema(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"))]


def definitions(**types: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def refusal(ddb: Ddb, operation: str, **parameters: Any) -> AwsError:
    """The error that a call is refused with."""
    with pytest.raises(AwsError) as refused:
        ddb(operation, **parameters)
    return refused.value


def refused_answer(node: TestNode, operation: str, **parameters: Any) -> dict[str, Any]:
    """The answer of a call that is refused, with all its members as they were sent."""
    response = node.send(node.caller(*node.key).request("dynamodb", operation, parameters))
    assert response.status == 400 and isinstance(response.body, bytes)
    return json.loads(response.body)
