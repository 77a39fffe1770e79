"""The node's own service: clock, status, decisions; signed and authorised like any other."""

import json

import pytest

from cloudlet.cli.client import own_request
from tests import sdk_wire
from tests.client import Caller, TestNode


def own(caller: Caller, operation: str, **parameters) -> tuple[int, dict]:
    """botocore has no model of it: the request is the command line's."""
    wall_ms = caller.node.clock.wall_ms()
    request = own_request(operation, parameters, sdk_wire.HOST, caller.key_id, caller.secret, wall_ms)
    response = caller.node.send(request)
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body or b"{}")


@pytest.fixture
def root(node: TestNode) -> Caller:
    return node.caller("test", "test")


def test_the_clock_moves_and_due_work_runs_on_the_way(node: TestNode, root: Caller) -> None:
    url = node.aws("sqs", "CreateQueue", QueueName="q", Attributes={"MessageRetentionPeriod": "60"})["QueueUrl"]
    node.aws("sqs", "SendMessage", QueueUrl=url, MessageBody="x")
    _, before = own(root, "GetClock")
    status, after = own(root, "AdvanceClock", Milliseconds=120_000)
    assert status == 200
    assert after["Now"] - before["Now"] == 120
    attributes = node.aws("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "0"


def test_the_clock_does_not_move_backwards(root: Caller) -> None:
    status, refused = own(root, "AdvanceClock", Milliseconds=-1)
    assert (status, refused["__type"].rpartition("#")[2]) == (400, "ValidationException")


def test_a_stranger_may_do_nothing_with_the_node(node: TestNode) -> None:
    stranger = node.as_user()
    for operation in node.node.services["cloudlet"].operations:
        parameters = {"AdvanceClock": {"Milliseconds": 1}, "GetMail": {"MailId": "x"}, "DeleteMail": {"MailId": "x"}}
        status, refused = own(stranger, operation, **parameters.get(operation, {}))
        assert status in (400, 403)
        assert "not authorized to perform: cloudlet:" + operation in refused["message"]


def test_a_user_may_read_the_clock_if_a_policy_says_so(node: TestNode) -> None:
    reader = node.as_user({"Effect": "Allow", "Action": "cloudlet:GetClock", "Resource": "*"})
    assert own(reader, "GetClock")[0] == 200
    assert own(reader, "AdvanceClock", Milliseconds=1)[0] in (400, 403)


def test_decisions_tell_what_decided(node: TestNode, root: Caller) -> None:
    user = node.as_user({"Sid": "lists", "Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}, name="eve")
    user.aws("sqs", "ListQueues")
    _, answer = own(root, "ListDecisions", Principal="arn:aws:iam::000000000000:user/eve")
    (decision,) = answer["Decisions"]
    assert (decision["Allowed"], decision["Action"], decision["Statement"]) == (True, "sqs:ListQueues", "lists")


def test_status_names_services_and_store(root: Caller) -> None:
    status, answer = own(root, "GetStatus")
    assert status == 200
    assert "sqs" in answer["Services"]
    assert answer["Data"] == "in memory"
    assert answer["IsFull"] is False
