"""A node in the test's own process: real gateway, real store in memory, a clock turned by hand.

def test_something(node):
    node.aws("sqs", "CreateQueue", QueueName="q")             # as root, through the gateway, signed
    node.as_user(policy).aws("sqs", "ListQueues")             # as an IAM user with that policy
    node.advance(seconds=30)
"""

from collections.abc import Iterator

import pytest

from tests.client import TestNode


@pytest.fixture
def node() -> Iterator[TestNode]:
    with TestNode() as running:
        yield running
