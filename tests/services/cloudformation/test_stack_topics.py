"""Topics in stacks: made, changed and removed by SNS itself."""

import json
from typing import Any

from tests.client import TestNode
from tests.services.cloudformation.conftest import Stacks

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


def template(subscription: dict[str, Any], **topic: Any) -> dict[str, Any]:
    return {
        "Resources": {
            "News": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "news"} | topic},
            "Feed": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {"TopicArn": {"Ref": "News"}, "Protocol": "sqs", "Endpoint": QUEUE} | subscription,
            },
            "Open": {
                "Type": "AWS::SNS::TopicPolicy",
                "Properties": {
                    "Topics": [{"Ref": "News"}],
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": {"Ref": "News"}}
                        ],
                    },
                },
            },
        }
    }


def test_a_topic_comes_changes_and_goes(node: TestNode, stacks: Stacks) -> None:
    policy = {"kind": ["a"]}
    first = template({"RawMessageDelivery": True, "FilterPolicy": policy}, DisplayName="News", SignatureVersion="2")
    assert stacks.create("s", first)["StackStatus"] == "CREATE_COMPLETE"
    arn, feed = stacks.physical("s", "News"), stacks.physical("s", "Feed")
    found = node.aws("sns", "GetSubscriptionAttributes", SubscriptionArn=feed)["Attributes"]
    assert (found["RawMessageDelivery"], json.loads(found["FilterPolicy"])) == ("true", policy)
    topic = node.aws("sns", "GetTopicAttributes", TopicArn=arn)["Attributes"]
    assert (topic["DisplayName"], topic["SignatureVersion"]) == ("News", "2")
    assert json.loads(topic["Policy"])["Statement"][0]["Action"] == "sns:Publish"

    assert stacks.update("s", template({}))["StackStatus"] == "UPDATE_COMPLETE"
    found = node.aws("sns", "GetSubscriptionAttributes", SubscriptionArn=feed)["Attributes"]
    assert (found["RawMessageDelivery"], "FilterPolicy" in found) == ("false", False)
    topic = node.aws("sns", "GetTopicAttributes", TopicArn=arn)["Attributes"]
    assert (topic["DisplayName"], "SignatureVersion" in topic) == ("", False)

    stacks.delete("s")
    assert node.aws("sns", "ListTopics")["Topics"] == []
    assert node.aws("sns", "ListSubscriptions")["Subscriptions"] == []
