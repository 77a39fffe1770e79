"""Topics: names, attributes, tags, permissions, lists."""

import json

import pytest

from cloudlet.services.sns import signing
from tests.client import TestNode
from tests.services.sns.sns_client import ACCOUNT, PREFIX, publish, queue, refusal, subscribe, topic

INVALID = "InvalidParameter"


def attributes(node: TestNode, arn: str) -> dict[str, str]:
    return node.aws("sns", "GetTopicAttributes", TopicArn=arn)["Attributes"]


def test_a_new_topic_has_aws_defaults(node: TestNode) -> None:
    arn = topic(node)
    assert arn == f"{PREFIX}:t"
    found = attributes(node, arn)
    assert json.loads(found.pop("Policy"))["Statement"][0]["Condition"] == {
        "StringEquals": {"AWS:SourceOwner": ACCOUNT}
    }
    assert json.loads(found.pop("EffectiveDeliveryPolicy")) == {
        "http": {
            "defaultHealthyRetryPolicy": {
                "backoffFunction": "linear",
                "maxDelayTarget": 20,
                "minDelayTarget": 20,
                "numMaxDelayRetries": 0,
                "numMinDelayRetries": 0,
                "numNoDelayRetries": 0,
                "numRetries": 3,
            },
            "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
            "disableSubscriptionOverrides": False,
        }
    }
    assert found == {
        "DisplayName": "",
        "Owner": ACCOUNT,
        "SubscriptionsConfirmed": "0",
        "SubscriptionsDeleted": "0",
        "SubscriptionsPending": "0",
        "TopicArn": arn,
    }


def test_a_fifo_topic_says_so(node: TestNode) -> None:
    found = attributes(node, topic(node, "t.fifo"))
    assert (found["FifoTopic"], found["ContentBasedDeduplication"]) == ("true", "false")
    plain = topic(node, "plain", FifoTopic="false")
    assert "FifoTopic" not in attributes(node, plain)


def test_creating_again_answers_the_same_topic(node: TestNode) -> None:
    first = topic(node, DisplayName="a", SignatureVersion="2")
    assert topic(node) == first
    assert topic(node, DisplayName="a") == first
    for different in ({"DisplayName": "b"}, {"DisplayName": "a", "KmsMasterKeyId": "k"}):
        assert refusal(node, "CreateTopic", Name="t", Attributes=different) == (
            INVALID,
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
        )


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a.fifo", "ä", "x" * 257, "a:b"])
def test_names_that_no_topic_has(node: TestNode, name: str) -> None:
    assert refusal(node, "CreateTopic", Name=name) == (INVALID, "Invalid parameter: Topic Name")


def test_a_fifo_topic_needs_its_suffix(node: TestNode) -> None:
    assert refusal(node, "CreateTopic", Name="t", Attributes={"FifoTopic": "true"}) == (
        INVALID,
        "Invalid parameter: Topic Name",
    )


def test_the_longest_name_is_taken(node: TestNode) -> None:
    assert topic(node, "x" * 256).endswith("x" * 256)


def test_topics_are_listed_page_by_page(node: TestNode) -> None:
    arns = [topic(node, f"t{number:03}") for number in range(103)]
    first = node.aws("sns", "ListTopics")
    assert [line["TopicArn"] for line in first["Topics"]] == arns[:100]
    rest = node.aws("sns", "ListTopics", NextToken=first["NextToken"])
    assert [line["TopicArn"] for line in rest["Topics"]] == arns[100:]
    assert "NextToken" not in rest
    assert refusal(node, "ListTopics", NextToken="x") == (INVALID, "Invalid parameter: NextToken")


def test_a_region_knows_its_own_topics_only(node: TestNode) -> None:
    arn = topic(node)
    elsewhere = node.caller("test", "test", region="eu-west-1")
    assert elsewhere.aws("sns", "ListTopics") == {"Topics": []}
    assert refusal(elsewhere, "GetTopicAttributes", TopicArn=arn) == (INVALID, "Invalid parameter: TopicArn")


def test_a_deleted_topic_takes_its_subscriptions_along(node: TestNode) -> None:
    arn = topic(node)
    _, queue_arn = queue(node)
    subscription = subscribe(node, arn, queue_arn)
    node.aws("sns", "DeleteTopic", TopicArn=arn)
    assert refusal(node, "Publish", TopicArn=arn, Message="x") == ("NotFound", "Topic does not exist")
    assert topic(node) == arn  # the next one of this name starts with none
    node.settle()
    assert node.aws("sns", "ListSubscriptionsByTopic", TopicArn=arn)["Subscriptions"] == []
    assert node.aws("sns", "ListSubscriptions")["Subscriptions"] == []
    assert refusal(node, "GetSubscriptionAttributes", SubscriptionArn=subscription)[0] == "NotFound"
    node.aws("sns", "DeleteTopic", TopicArn=f"{PREFIX}:never-was")


def test_deleting_a_topic_leaves_nothing_behind(node: TestNode) -> None:
    arn = topic(node, "t.fifo", ContentBasedDeduplication="true")
    _, queue_arn = queue(node, "q.fifo")
    for number in range(3):
        subscribe(node, arn, queue_arn.replace("q.fifo", f"q{number}.fifo"))
    publish(node, arn, MessageGroupId="g")
    node.aws("sns", "DeleteTopic", TopicArn=arn)
    node.settle()
    rows, _ = node.node.database.transact(
        lambda tx: tx.scan(*node.node.services["sns"].keys(ACCOUNT, "us-east-1")._root.range()).rows
    )
    assert rows == []


def test_topic_attributes_are_set_one_by_one(node: TestNode) -> None:
    arn = topic(node)
    for name, value in (("DisplayName", "Orders"), ("SignatureVersion", "2"), ("TracingConfig", "Active")):
        node.aws("sns", "SetTopicAttributes", TopicArn=arn, AttributeName=name, AttributeValue=value)
        assert attributes(node, arn)[name] == value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FifoTopic", "false", "Invalid parameter: AttributeName"),
        ("Nonsense", "x", "Invalid parameter: AttributeName"),
        ("ContentBasedDeduplication", "true", "Invalid parameter: AttributeName"),
        ("DisplayName", "x" * 101, "Invalid parameter: DisplayName"),
        ("Policy", "{}", "Invalid parameter: Policy Error: null"),
        (
            "Policy",
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}]}',
            "Invalid parameter: Policy statement action out of service scope!",
        ),
    ],
)
def test_topic_attributes_that_are_refused(node: TestNode, name: str, value: str, message: str) -> None:
    arn = topic(node)
    found = refusal(node, "SetTopicAttributes", TopicArn=arn, AttributeName=name, AttributeValue=value)
    assert found == (INVALID, message)


def test_what_the_node_cannot_do_is_named(node: TestNode) -> None:
    code, message = refusal(node, "CreateTopic", Name="t", Attributes={"LambdaSuccessFeedbackRoleArn": "arn:x"})
    assert code == "NotImplemented"
    assert "LambdaSuccessFeedbackRoleArn" in message
    code, message = refusal(node, "CreatePlatformApplication", Name="x", Platform="GCM", Attributes={})
    assert (code, "CreatePlatformApplication" in message) == ("NotImplemented", True)


def test_a_delivery_policy_is_shown_as_it_works(node: TestNode) -> None:
    arn = topic(node)
    policy = {"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 5, "maxDelayTarget": 6, "numRetries": 1}}}
    set_to(node, arn, json.dumps(policy))
    found = attributes(node, arn)
    assert json.loads(found["DeliveryPolicy"]) == {
        "http": {**policy["http"], "disableSubscriptionOverrides": False},
    }
    effective = json.loads(found["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]
    assert (effective["minDelayTarget"], effective["maxDelayTarget"], effective["numRetries"]) == (5, 6, 1)
    set_to(node, arn, "")
    assert "DeliveryPolicy" not in attributes(node, arn)


def set_to(node: TestNode, arn: str, policy: str) -> None:
    node.aws("sns", "SetTopicAttributes", TopicArn=arn, AttributeName="DeliveryPolicy", AttributeValue=policy)


def test_tags(node: TestNode) -> None:
    tags = [{"Key": "k1", "Value": "v1"}, {"Key": "k2", "Value": "v2"}]
    arn = node.aws("sns", "CreateTopic", Name="t", Tags=tags)["TopicArn"]
    listed = lambda: node.aws("sns", "ListTagsForResource", ResourceArn=arn)["Tags"]  # noqa: E731
    assert listed() == tags
    node.aws("sns", "UntagResource", ResourceArn=arn, TagKeys=["k1", "none"])
    node.aws("sns", "TagResource", ResourceArn=arn, Tags=[{"Key": "k2", "Value": "v2b"}])
    assert listed() == [{"Key": "k2", "Value": "v2b"}]
    assert refusal(node, "CreateTopic", Name="t", Tags=tags) == (
        INVALID,
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
    )
    assert refusal(node, "TagResource", ResourceArn=arn, Tags=[tags[0], tags[0]]) == (
        INVALID,
        "Invalid parameter: Duplicated keys are not allowed.",
    )
    assert refusal(node, "ListTagsForResource", ResourceArn=f"{PREFIX}:none") == (
        "ResourceNotFound",
        "Resource does not exist",
    )
    many = [{"Key": f"x{number}", "Value": ""} for number in range(50)]
    assert refusal(node, "TagResource", ResourceArn=arn, Tags=many)[0] == "TagLimitExceeded"


def test_permissions_are_statements_of_the_policy(node: TestNode) -> None:
    arn = topic(node)
    add = {"TopicArn": arn, "Label": "l", "AWSAccountId": ["111111111111"]}
    node.aws("sns", "AddPermission", **add, ActionName=["Publish"])
    policy = json.loads(attributes(node, arn)["Policy"])
    assert policy["Statement"][1] == {
        "Sid": "l",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "SNS:Publish",
        "Resource": arn,
    }
    assert refusal(node, "AddPermission", **add, ActionName=["Publish"]) == (
        INVALID,
        "Invalid parameter: Statement already exists",
    )
    assert refusal(node, "AddPermission", **(add | {"Label": "m"}), ActionName=["Fly"]) == (
        INVALID,
        "Invalid parameter: Policy statement action out of service scope!",
    )
    node.aws("sns", "RemovePermission", TopicArn=arn, Label="l")
    assert len(json.loads(attributes(node, arn)["Policy"])["Statement"]) == 1
    assert refusal(node, "RemovePermission", TopicArn=f"{PREFIX}:none", Label="l")[0] == "NotFound"


def test_a_topic_is_created_when_the_key_that_signs_its_messages_is_there() -> None:
    with TestNode() as node:
        topic(node)
        made, _ = node.node.database.transact(signing.find)
        assert made is not None
        topic(node, "another")
        assert node.node.database.transact(signing.find)[0] == made
