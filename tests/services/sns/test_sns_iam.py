"""Who may do what with a topic: identity policies, topic policies, other accounts, services, strangers."""

import json
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call, Source, service_principal
from cloudlet.wire.message import HttpRequest
from tests.client import Caller, TestNode
from tests.services.sns.sns_client import (
    ACCOUNT,
    PREFIX,
    attributes_of,
    envelopes,
    metrics,
    publish,
    queue,
    receive,
    refusal,
    subscribe,
    topic,
)

DENIED = "AuthorizationError"
OTHER = "111111111111"


def allow(actions: str | list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def open_topic(node: TestNode, arn: str, *statements: dict[str, Any]) -> None:
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    node.aws("sns", "SetTopicAttributes", TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(policy))


def test_a_denial_names_everything(node: TestNode) -> None:
    arn = topic(node)
    user = node.as_user(name="eve")
    assert refusal(user, "Publish", TopicArn=arn, Message="x") == (
        DENIED,
        f"User: arn:aws:iam::{ACCOUNT}:user/eve is not authorized to perform: SNS:Publish on resource: {arn} because"
        " no identity-based policy allows the SNS:Publish action",
    )


def test_the_resource_is_the_topic(node: TestNode) -> None:
    arn, other = topic(node), topic(node, "other")
    user = node.as_user(allow(["sns:Publish", "sns:GetTopicAttributes"], arn))
    publish(user, arn)
    user.aws("sns", "PublishBatch", TopicArn=arn, PublishBatchRequestEntries=[{"Id": "1", "Message": "x"}])
    assert refusal(user, "Publish", TopicArn=other, Message="x")[0] == DENIED
    assert refusal(user, "DeleteTopic", TopicArn=arn)[0] == DENIED
    assert refusal(user, "GetTopicAttributes", TopicArn=f"{PREFIX}:none")[0] == DENIED


def test_what_may_be_subscribed_can_be_narrowed_by_protocol_and_endpoint(node: TestNode) -> None:
    arn = topic(node)
    only = {"StringEquals": {"sns:Protocol": "email"}, "StringLike": {"sns:Endpoint": "*@example.com"}}
    user = node.as_user(allow("sns:Subscribe", arn, Condition=only))
    subscribe(user, arn, "me@example.com", "email")
    assert refusal(user, "Subscribe", TopicArn=arn, Protocol="email", Endpoint="me@evil.test")[0] == DENIED
    assert refusal(user, "Subscribe", TopicArn=arn, Protocol="http", Endpoint="http://x@example.com")[0] == DENIED


def test_tagging_at_creation_needs_its_own_permission(node: TestNode) -> None:
    user = node.as_user(allow("sns:CreateTopic"))
    assert refusal(user, "CreateTopic", Name="t", Tags=[{"Key": "k", "Value": "v"}])[0] == DENIED
    topic(user)
    tagger = node.as_user(
        allow(["sns:CreateTopic", "sns:TagResource"], Condition={"StringEquals": {"aws:RequestTag/k": "v"}})
    )
    tagger.aws("sns", "CreateTopic", Name="t2", Tags=[{"Key": "k", "Value": "v"}])
    assert refusal(tagger, "CreateTopic", Name="t3", Tags=[{"Key": "k", "Value": "w"}])[0] == DENIED


def test_a_subscription_is_its_topics_and_its_owners(node: TestNode) -> None:
    arn = topic(node)
    subscription = subscribe(node, arn, f"arn:aws:sqs:us-east-1:{ACCOUNT}:q")
    reader = node.as_user(allow("sns:GetSubscriptionAttributes", arn))
    reader.aws("sns", "GetSubscriptionAttributes", SubscriptionArn=subscription)
    assert refusal(reader, "Unsubscribe", SubscriptionArn=subscription)[0] == DENIED
    stranger = node.as_user()
    for operation in ("GetSubscriptionAttributes", "Unsubscribe"):
        assert refusal(stranger, operation, SubscriptionArn=subscription)[0] == DENIED


def test_another_account_needs_the_topics_policy(node: TestNode) -> None:
    arn = topic(node)
    other = node.caller(OTHER, "test")
    assert refusal(other, "Publish", TopicArn=arn, Message="x")[0] == DENIED
    node.aws("sns", "AddPermission", TopicArn=arn, Label="l", AWSAccountId=[OTHER], ActionName=["Publish", "Subscribe"])
    publish(other, arn)
    assert (
        refusal(other, "SetTopicAttributes", TopicArn=arn, AttributeName="DisplayName", AttributeValue="x")[0] == DENIED
    )
    assert other.aws("sns", "ListTopics")["Topics"] == []


def test_another_accounts_subscription_is_listed_there(node: TestNode) -> None:
    arn = topic(node)
    node.aws("sns", "AddPermission", TopicArn=arn, Label="l", AWSAccountId=[OTHER], ActionName=["Publish", "Subscribe"])
    other = node.caller(OTHER, "test")
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": "*"}
    statement["Condition"] = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    url = other.aws("sqs", "CreateQueue", QueueName="theirs", Attributes=attributes)["QueueUrl"]
    subscription = subscribe(other, arn, f"arn:aws:sqs:us-east-1:{OTHER}:theirs")
    assert attributes_of(node, subscription)["Owner"] == OTHER
    assert [line["SubscriptionArn"] for line in other.aws("sns", "ListSubscriptions")["Subscriptions"]] == [
        subscription
    ]
    assert node.aws("sns", "ListSubscriptions")["Subscriptions"] == []
    publish(other, arn)  # the source is the topic's account all the same
    assert len(other.aws("sqs", "ReceiveMessage", QueueUrl=url)["Messages"]) == 1
    other.aws("sns", "Unsubscribe", SubscriptionArn=subscription)


def test_a_queue_of_another_account_must_want_the_messages(node: TestNode) -> None:
    arn = topic(node)
    other = node.caller(OTHER, "test")
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": "*"}
    attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    url = other.aws("sqs", "CreateQueue", QueueName="theirs", Attributes=attributes)["QueueUrl"]
    answer = node.aws(
        "sns", "Subscribe", TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{OTHER}:theirs"
    )
    assert answer == {"SubscriptionArn": "pending confirmation"}
    publish(node, arn, "too early")
    (message,) = other.aws("sqs", "ReceiveMessage", QueueUrl=url)["Messages"]
    request = json.loads(message["Body"])
    assert request["Type"] == "SubscriptionConfirmation"
    node.aws("sns", "ConfirmSubscription", TopicArn=arn, Token=request["Token"])
    publish(node, arn, "now")
    (message,) = other.aws("sqs", "ReceiveMessage", QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["Message"] == "now"


def as_service(node: TestNode, name: str, arn: str, source_account: str = ACCOUNT) -> None:
    """Publish as a service does that acts for a resource of `source_account`."""
    call = Call(
        node.node,
        node.node.services["sqs"],
        "-",
        account=ACCOUNT,
        region="us-east-1",
        principal=service_principal(name),
        source=Source(),
    )
    source_arn = f"arn:aws:x:us-east-1:{source_account}:y"
    request = {"TopicArn": arn, "Message": "x"}
    call.transact(
        lambda tx: call.aws(
            "sns", "Publish", request, as_service=name, source_arn=source_arn, source_account=source_account
        )
    )


def test_the_default_policy_lets_alarms_of_its_own_account_in(node: TestNode) -> None:
    arn = topic(node)
    as_service(node, "cloudwatch.amazonaws.com", arn)
    with pytest.raises(AwsError):
        as_service(node, "cloudwatch.amazonaws.com", arn, OTHER)
    with pytest.raises(AwsError):
        as_service(node, "s3.amazonaws.com", arn)


def test_other_services_need_a_statement(node: TestNode) -> None:
    arn = topic(node)
    condition = {"ArnLike": {"aws:SourceArn": f"arn:aws:x:*:{ACCOUNT}:*"}}
    open_topic(node, arn, allow("sns:Publish", arn, Principal={"Service": "s3.amazonaws.com"}, Condition=condition))
    as_service(node, "s3.amazonaws.com", arn)
    with pytest.raises(AwsError):
        as_service(node, "s3.amazonaws.com", arn, OTHER)


def unsigned(node: TestNode, query: str) -> int:
    return node.send(HttpRequest("GET", "/", query, [("host", "127.0.0.1:4566")])).status


def test_the_unsigned_may_publish_where_the_policy_lets_everybody(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn)
    query = f"Action=Publish&TopicArn={arn}&Message=x"
    assert unsigned(node, query) == 403
    open_topic(node, arn, allow("sns:Publish", arn, Principal="*"))
    assert unsigned(node, query) == 200
    assert len(receive(node, url)) == 1
    assert unsigned(node, f"Action=DeleteTopic&TopicArn={arn}") == 403


def test_the_link_in_a_queues_message_needs_a_signature(node: TestNode) -> None:
    arn = topic(node)
    url, queue_arn = queue(node)
    subscribe(node, arn, queue_arn)
    publish(node, arn)
    (found,) = envelopes(node, url)
    assert unsigned(node, found["UnsubscribeURL"].partition("?")[2]) == 403


def test_an_unsigned_link_finds_a_topic_in_any_region(node: TestNode) -> None:
    elsewhere: Caller = node.caller("test", "test", region="eu-west-1")
    arn = topic(elsewhere)
    subscription = subscribe(elsewhere, arn, "me@example.com", "email")
    assert unsigned(node, f"Action=Unsubscribe&SubscriptionArn={subscription}") == 200
    assert elsewhere.aws("sns", "ListSubscriptions")["Subscriptions"] == []


def test_a_function_must_let_the_topic_in(node: TestNode) -> None:
    arn = topic(node)
    subscribe(node, arn, f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:never-was", "lambda")
    publish(node, arn)
    assert metrics(node)["NumberOfNotificationsFailed"] == 1
