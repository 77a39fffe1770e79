"""Moving dead letters back: which moves are kept and shown, and how far one reaches."""

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.sqs import rules
from tests.client import ACCOUNT, REGION, TestNode


def dead_letter_queue(node: TestNode, sources: int = 1) -> str:
    """The ARN of a queue that takes the dead letters of others."""
    node.aws("sqs", "CreateQueue", QueueName="dead")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 1}}'
    for number in range(sources):
        node.aws("sqs", "CreateQueue", QueueName=f"q{number}", Attributes={"RedrivePolicy": policy})
    return arn


def test_the_ten_latest_moves_are_kept(node: TestNode) -> None:
    arn = dead_letter_queue(node)
    for number in range(12):
        node.aws("sqs", "StartMessageMoveTask", SourceArn=arn, MaxNumberOfMessagesPerSecond=number + 1)
        node.settle()
        node.advance(seconds=1)
    tasks = node.aws("sqs", "ListMessageMoveTasks", SourceArn=arn, MaxResults=10)["Results"]
    assert [task["MaxNumberOfMessagesPerSecond"] for task in tasks] == list(range(12, 2, -1))
    keys = node.node.services["sqs"].keys(ACCOUNT, REGION)
    kept, _ = node.node.database.transact(lambda tx: tx.all(*keys.task.range("dead"), rows_max=100))
    assert len(kept) == 10


def test_a_queue_of_the_same_name_knows_nothing_of_the_moves_before_it(node: TestNode) -> None:
    arn = dead_letter_queue(node)
    node.aws("sqs", "StartMessageMoveTask", SourceArn=arn)
    node.aws("sqs", "DeleteQueue", QueueUrl=f"http://127.0.0.1/{ACCOUNT}/dead")
    node.advance(minutes=2)
    node.aws("sqs", "CreateQueue", QueueName="dead")
    assert node.aws("sqs", "ListMessageMoveTasks", SourceArn=arn)["Results"] == []
    node.aws("sqs", "StartMessageMoveTask", SourceArn=arn)


def test_a_move_back_to_more_queues_than_it_may_reach_names_none(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOVE_SOURCES_MAX", 2)
    arn = dead_letter_queue(node, sources=3)
    with pytest.raises(AwsError, match="More than 2 queues have this Dead Letter Queue"):
        node.aws("sqs", "StartMessageMoveTask", SourceArn=arn)
    node.aws("sqs", "StartMessageMoveTask", SourceArn=arn, DestinationArn=arn.replace("dead", "q0"))
    node.settle()
    node.aws("sqs", "DeleteQueue", QueueUrl=f"http://127.0.0.1/{ACCOUNT}/q2")
    node.aws("sqs", "StartMessageMoveTask", SourceArn=arn)
