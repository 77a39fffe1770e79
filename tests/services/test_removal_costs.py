"""What a deleted queue or table left is removed in one pass: no step walks over what the steps before it deleted."""

import pytest

from cloudlet.store.database import Database
from tests.client import TestNode

KEYS = 5_500  # more than a scan may skip


@pytest.fixture
def node(tmp_path):
    with TestNode(Database.open(tmp_path / "store")) as running:
        running.node.database.journal._sync = lambda: None
        yield running


@pytest.mark.slow
def test_of_a_deleted_table(node):
    key = [{"AttributeName": "id", "KeyType": "HASH"}]
    definitions = [{"AttributeName": "id", "AttributeType": "N"}]
    node.aws("dynamodb", "CreateTable", TableName="table", BillingMode="PAY_PER_REQUEST", KeySchema=key,
             AttributeDefinitions=definitions)  # fmt: skip
    for first in range(0, KEYS, 25):
        puts = [{"PutRequest": {"Item": {"id": {"N": str(first + number)}}}} for number in range(25)]
        node.aws("dynamodb", "BatchWriteItem", RequestItems={"table": puts})
    node.aws("dynamodb", "DeleteTable", TableName="table")
    node.settle()
    assert node.node.database.stats().guard_hits == 0


@pytest.mark.slow
def test_of_a_purged_queue(node):
    url = node.aws("sqs", "CreateQueue", QueueName="q")["QueueUrl"]
    for _ in range(0, KEYS // 2, 10):
        entries = [{"Id": str(number), "MessageBody": "m"} for number in range(10)]
        node.aws("sqs", "SendMessageBatch", QueueUrl=url, Entries=entries)
    node.aws("sqs", "PurgeQueue", QueueUrl=url)
    node.settle()
    assert node.node.database.stats().guard_hits == 0
