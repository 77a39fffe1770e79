"""Tags decide too: what a request gives or takes, and what a queue has."""

from typing import Any

from cloudlet.base.errors import AwsError
from tests.client import ACCOUNT, Caller, TestNode

URL = f"http://127.0.0.1/{ACCOUNT}/q"


def statement(effect: str, *actions: str, **condition: Any) -> dict[str, Any]:
    whole = {"Effect": effect, "Action": [f"sqs:{action}" for action in actions], "Resource": "*"}
    return whole | ({"Condition": condition} if condition else {})


def is_denied(caller: Caller, operation: str, **parameters: Any) -> bool:
    try:
        caller.aws("sqs", operation, **parameters)
    except AwsError as error:
        if error.status == 403:
            return True
        raise
    return False


def test_a_queue_made_with_tags_needs_the_right_to_tag(node: TestNode) -> None:
    maker = node.as_user(statement("Allow", "CreateQueue"))
    assert is_denied(maker, "CreateQueue", QueueName="q", tags={"team": "red"})
    assert not is_denied(maker, "CreateQueue", QueueName="q")
    tagger = node.as_user(statement("Allow", "CreateQueue", "TagQueue"))
    assert not is_denied(tagger, "CreateQueue", QueueName="tagged", tags={"team": "red"})


def test_policies_see_the_tags_that_a_request_gives_and_takes(node: TestNode) -> None:
    node.aws("sqs", "CreateQueue", QueueName="q")
    blue_never = statement("Deny", "*", StringEquals={"aws:RequestTag/team": "blue"})
    user = node.as_user(statement("Allow", "*"), blue_never)
    assert is_denied(user, "TagQueue", QueueUrl=URL, Tags={"team": "blue"})
    assert is_denied(user, "CreateQueue", QueueName="other", tags={"team": "blue"})
    assert not is_denied(user, "TagQueue", QueueUrl=URL, Tags={"team": "red"})
    keeper = node.as_user(statement("Allow", "UntagQueue", **{"ForAllValues:StringEquals": {"aws:TagKeys": ["stage"]}}))
    assert is_denied(keeper, "UntagQueue", QueueUrl=URL, TagKeys=["stage", "team"])
    assert not is_denied(keeper, "UntagQueue", QueueUrl=URL, TagKeys=["stage"])
