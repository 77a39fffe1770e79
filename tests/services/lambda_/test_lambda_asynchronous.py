"""Asynchronous calls: run once each, retried as on AWS, given up in time; destinations and dead letters hear of it."""

import json
from typing import Any

import pytest
from lambda_functions import ARN, Lambda

from cloudlet.base.errors import AwsError

QUEUE = "arn:aws:sqs:us-east-1:000000000000:heard"
URL = "http://127.0.0.1:4566/000000000000/heard"
FAILS = "def handler(event, context):\n    raise Exception('intentional failure')\n"
ANSWERS = "def handler(event, context):\n    return {'heard': event}\n"


@pytest.fixture(scope="module")
def queue(running: Lambda) -> Lambda:
    """With a queue that the functions' role may send to."""
    running.node.aws("sqs", "CreateQueue", QueueName="heard")
    running.make_role({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE}, name="sender")
    return running


SENDER = "arn:aws:iam::000000000000:role/sender"


def heard(fn: Lambda) -> list[dict[str, Any]]:
    answer = fn.node.aws("sqs", "ReceiveMessage", QueueUrl=URL, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    messages = answer.get("Messages", [])
    for message in messages:
        fn.node.aws("sqs", "DeleteMessage", QueueUrl=URL, ReceiptHandle=message["ReceiptHandle"])
    return messages


def destinations(success: str = QUEUE, failure: str = QUEUE) -> dict[str, Any]:
    return {"OnSuccess": {"Destination": success}, "OnFailure": {"Destination": failure}}


def event(fn: Lambda, name: str, payload: Any = None, **more: Any) -> None:
    answer = fn("Invoke", FunctionName=name, InvocationType="Event", Payload=json.dumps(payload).encode(), **more)
    assert answer["StatusCode"] == 202
    fn.node.settle()


def runs(fn: Lambda, name: str) -> float:
    return fn.counted("Invocations", FunctionName=name)


def test_the_destination_hears_of_success_in_the_form_of_aws(queue: Lambda) -> None:
    queue.create("good", ANSWERS, Role=SENDER)
    queue("PutFunctionEventInvokeConfig", FunctionName="good", DestinationConfig=destinations())
    event(queue, "good", {"a": 1})
    (message,) = heard(queue)
    record = json.loads(message["Body"])
    assert len(record["requestContext"].pop("requestId")) == 36
    assert record.pop("timestamp").startswith("2026-01-01T")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "functionArn": f"{ARN}:good:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"a": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"heard": {"a": 1}},
    }


def test_a_failure_is_retried_after_one_minute_and_two_more_with_the_same_request_id(queue: Lambda) -> None:
    queue.create(
        "bad", "import sys\ndef handler(event, context):\n    raise Exception(context.aws_request_id)\n", Role=SENDER
    )
    queue("PutFunctionEventInvokeConfig", FunctionName="bad", DestinationConfig=destinations())
    event(queue, "bad", {"a": 1})
    assert (runs(queue, "bad"), heard(queue)) == (1, [])
    queue.node.advance(59)
    assert runs(queue, "bad") == 1
    queue.node.advance(1)
    assert runs(queue, "bad") == 2
    queue.node.advance(119)
    assert (runs(queue, "bad"), heard(queue)) == (2, [])
    queue.node.advance(1)
    (message,) = heard(queue)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorMessage"] == record["requestContext"]["requestId"]
    queue.node.advance(hours=8)
    assert runs(queue, "bad") == 3


@pytest.mark.parametrize(("retries", "count"), [(0, 1), (1, 2)])
def test_as_many_retries_as_configured(queue: Lambda, retries: int, count: int) -> None:
    name = f"retried{retries}"
    queue.create(name, FAILS, Role=SENDER)
    config = {"MaximumRetryAttempts": retries, "DestinationConfig": destinations()}
    queue("PutFunctionEventInvokeConfig", FunctionName=name, **config)
    event(queue, name)
    queue.node.advance(minutes=5)
    (message,) = heard(queue)
    assert json.loads(message["Body"])["requestContext"]["approximateInvokeCount"] == count


def test_an_event_too_old_for_its_retry_is_given_up_at_once(queue: Lambda) -> None:
    queue.create("aged", FAILS, Role=SENDER)
    config = {"MaximumEventAgeInSeconds": 60, "DestinationConfig": destinations()}
    queue("PutFunctionEventInvokeConfig", FunctionName="aged", **config)
    event(queue, "aged")
    (message,) = heard(queue)
    context = json.loads(message["Body"])["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("EventAgeExceeded", 1)


def test_a_dead_letter_is_the_event_with_what_went_wrong_beside_it(queue: Lambda) -> None:
    queue.create("dying", FAILS, Role=SENDER, DeadLetterConfig={"TargetArn": QUEUE})
    queue("PutFunctionEventInvokeConfig", FunctionName="dying", MaximumRetryAttempts=0)
    event(queue, "dying", {"raise_error": 1})
    (message,) = heard(queue)
    assert json.loads(message["Body"]) == {"raise_error": 1}
    attributes = {
        name: (value["DataType"], value["StringValue"]) for name, value in message["MessageAttributes"].items()
    }
    assert attributes.pop("RequestID")[0] == "String"
    assert attributes == {"ErrorCode": ("Number", "200"), "ErrorMessage": ("String", "intentional failure")}


def test_a_destination_the_role_may_not_reach_hears_nothing_and_is_counted(queue: Lambda) -> None:
    queue.create("mute", ANSWERS)  # as a role without any policy
    queue("PutFunctionEventInvokeConfig", FunctionName="mute", DestinationConfig=destinations())
    event(queue, "mute")
    assert heard(queue) == []
    assert queue.counted("DestinationDeliveryFailures", FunctionName="mute") > 0


def test_a_function_may_be_the_destination(queue: Lambda) -> None:
    role = queue.make_role(
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"{ARN}:second"}, name="chaining"
    )
    queue.create("first", ANSWERS, Role=role)
    queue.create("second", ANSWERS)
    queue("PutFunctionEventInvokeConfig", FunctionName="first",
          DestinationConfig={"OnSuccess": {"Destination": f"{ARN}:second"}})  # fmt: skip
    event(queue, "first", 1)
    assert runs(queue, "second") == 1


def test_throttled_events_back_off_and_run_when_they_may(queue: Lambda) -> None:
    queue.create("busy", "import time\ndef handler(event, context):\n    time.sleep(0.2)\n", Role=SENDER)
    queue("PutFunctionConcurrency", FunctionName="busy", ReservedConcurrentExecutions=1)
    for _ in range(3):
        queue("Invoke", FunctionName="busy", InvocationType="Event", Payload=b"{}")
    queue.node.settle()
    assert runs(queue, "busy") == 1, "the others found no place"
    queue.node.advance(seconds=20)
    assert runs(queue, "busy") == 3


def test_without_any_concurrency_events_go_to_the_dead_letters_unrun(queue: Lambda) -> None:
    queue.create("off", ANSWERS, Role=SENDER, DeadLetterConfig={"TargetArn": QUEUE})
    queue("PutFunctionConcurrency", FunctionName="off", ReservedConcurrentExecutions=0)
    event(queue, "off", "x")
    (message,) = heard(queue)
    assert json.loads(message["Body"]) == "x"
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"
    assert runs(queue, "off") == 0


def test_events_of_a_deleted_function_are_dropped(queue: Lambda) -> None:
    queue.create("gone", FAILS, Role=SENDER)
    event(queue, "gone")
    queue("DeleteFunction", FunctionName="gone")
    queue.node.advance(minutes=10)
    assert runs(queue, "gone") == 1 and heard(queue) == []


def test_settings_of_events_are_put_updated_got_listed_and_deleted(fn: Lambda) -> None:
    fn.create(Publish=True)
    empty = {"OnSuccess": {}, "OnFailure": {}}
    shown = {"FunctionArn": f"{ARN}:echo:$LATEST", "DestinationConfig": empty}
    answer = fn("PutFunctionEventInvokeConfig", FunctionName="echo", MaximumEventAgeInSeconds=60)
    shown["LastModified"] = answer["LastModified"]
    assert answer == shown | {"MaximumEventAgeInSeconds": 60}
    answer = fn("UpdateFunctionEventInvokeConfig", FunctionName="echo", MaximumRetryAttempts=1)
    assert answer == shown | {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 1}
    answer = fn("PutFunctionEventInvokeConfig", FunctionName="echo:$LATEST", MaximumRetryAttempts=0)
    assert answer == shown | {"MaximumRetryAttempts": 0}, "put replaces everything"
    fn("PutFunctionEventInvokeConfig", FunctionName="echo", Qualifier="1", MaximumRetryAttempts=2)
    listed = fn("ListFunctionEventInvokeConfigs", FunctionName="echo")["FunctionEventInvokeConfigs"]
    assert [config["FunctionArn"] for config in listed] == [f"{ARN}:echo:$LATEST", f"{ARN}:echo:1"]
    fn("DeleteFunctionEventInvokeConfig", FunctionName="echo")
    refused = refusal(fn, "GetFunctionEventInvokeConfig", FunctionName="echo")
    assert refused == (
        "ResourceNotFoundException", f"The function {ARN}:echo:$LATEST doesn't have an EventInvokeConfig",
    )  # fmt: skip


def refusal(fn: Any, operation: str, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        fn(operation, **parameters)
    return refused.value.code, refused.value.message


def test_settings_of_events_are_checked(fn: Lambda) -> None:
    fn.create()
    put = "PutFunctionEventInvokeConfig"
    for more, said in (
        ({"FunctionName": "echo"}, "You must specify at least one of error handling or destination setting."),
        ({"FunctionName": "nothing", "MaximumRetryAttempts": 1}, "The function doesn't exist."),
        ({"FunctionName": "echo", "Qualifier": "a", "MaximumRetryAttempts": 1}, "The function doesn't exist."),
        (
            {"FunctionName": "echo", "DestinationConfig": destinations(success=f"{ARN}:echo")},
            "You can't specify the function as a destination for itself.",
        ),
        (
            {"FunctionName": "echo", "DestinationConfig": destinations(success=f"{ARN}:other")},
            f"The destination ARN {ARN}:other is invalid.",
        ),
        (
            {
                "FunctionName": "echo",
                "DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:iam::000000000000:x"}},
            },
            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:iam::"
            "000000000000:x), onFailure=null) is invalid.",
        ),
    ):
        assert refusal(fn, put, **more)[1] == said
    bucket = {"OnFailure": {"Destination": "arn:aws:s3:::bucket"}}
    assert refusal(fn, put, FunctionName="echo", DestinationConfig=bucket)[0] == "NotImplemented"
