"""Resource types of S3, and templates that lie in a bucket."""

import json
from typing import Any

from tests.client import TestNode
from tests.services.cloudformation.conftest import Stacks

QUEUE_POLICY = {
    "Type": "AWS::SQS::QueuePolicy",
    "Properties": {
        "Queues": [{"Ref": "Queue"}],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "s3.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                }
            ],
        },
    },
}


def bucket(events: str, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::S3::Bucket",
        "DependsOn": "QueuePolicy",
        "Properties": {
            "NotificationConfiguration": {
                "QueueConfigurations": [{"Event": events, "Queue": {"Fn::GetAtt": ["Queue", "Arn"]}}]
            },
            **properties,
        },
    }


def template(**buckets: Any) -> dict[str, Any]:
    return {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "QueuePolicy": QUEUE_POLICY, **buckets}}


def test_a_bucket_comes_notifies_changes_and_goes(node: TestNode, stacks: Stacks) -> None:
    block = {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": "true",
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    first = bucket("s3:ObjectCreated:*", PublicAccessBlockConfiguration=block, Tags=[{"Key": "a", "Value": "b"}])
    stack = stacks.create("Stack", template(Bucket=first))
    assert stack["StackStatus"] == "CREATE_COMPLETE", stacks.events("Stack")
    name = stacks.physical("Stack", "Bucket")
    assert name.startswith("stack-bucket-")
    assert node.aws("s3", "GetPublicAccessBlock", Bucket=name)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
    assert node.aws("s3", "GetBucketTagging", Bucket=name)["TagSet"] == [{"Key": "a", "Value": "b"}]
    node.aws("s3", "PutObject", Bucket=name, Key="x", Body=b"1")
    node.settle()
    messages = node.aws("sqs", "ReceiveMessage", QueueUrl=stacks.physical("Stack", "Queue"), MaxNumberOfMessages=10)
    events = [json.loads(message["Body"]) for message in messages["Messages"]]
    assert [record["eventName"] for event in events for record in event.get("Records", [])] == ["ObjectCreated:Put"]

    second = bucket("s3:ObjectRemoved:*", VersioningConfiguration={"Status": "Enabled"})
    stack = stacks.update("Stack", template(Bucket=second))
    assert stack["StackStatus"] == "UPDATE_COMPLETE", stacks.events("Stack")
    assert node.aws("s3", "GetBucketVersioning", Bucket=name)["Status"] == "Enabled"
    (told,) = node.aws("s3", "GetBucketNotificationConfiguration", Bucket=name)["QueueConfigurations"]
    assert told["Events"] == ["s3:ObjectRemoved:*"]

    stacks.delete("Stack")
    stack = stacks.describe("Stack")
    assert (stack["StackStatus"], "Bucket" in stack["StackStatusReason"]) == ("DELETE_FAILED", True)
    assert "not empty" in stacks.reason("Stack", "Bucket")
    for version in node.aws("s3", "ListObjectVersions", Bucket=name)["Versions"]:
        node.aws("s3", "DeleteObject", Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
    stacks.delete("Stack")
    assert node.aws("s3", "ListBuckets")["Buckets"] == []


def test_what_failed_to_be_deleted_can_be_retained(node: TestNode, stacks: Stacks) -> None:
    arn = stacks.create("s", {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}})["StackId"]
    name = stacks.physical("s", "Bucket")
    node.aws("s3", "PutObject", Bucket=name, Key="x", Body=b"1")
    stacks.delete("s")
    assert stacks.refusal("UpdateStack", StackName="s", TemplateBody={"Resources": {}}).code == "ValidationError"
    stacks.delete("s", RetainResources=["Bucket"])
    assert stacks.describe(arn)["StackStatus"] == "DELETE_COMPLETE"
    assert [b["Name"] for b in node.aws("s3", "ListBuckets")["Buckets"]] == [name]


def test_a_bucket_policy_comes_and_goes(node: TestNode, stacks: Stacks) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject",
        "Resource": "arn:aws:s3:::thebucket/*",
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    both = {
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "thebucket"}},
            "Policy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": document},
            },
        }
    }
    assert stacks.create("s", both)["StackStatus"] == "CREATE_COMPLETE", stacks.events("s")
    assert json.loads(node.aws("s3", "GetBucketPolicy", Bucket="thebucket")["Policy"]) == document
    stacks.delete("s")
    assert node.aws("s3", "ListBuckets")["Buckets"] == []


def test_a_template_in_a_bucket_is_read_as_the_caller(node: TestNode, stacks: Stacks) -> None:
    node.aws("s3", "CreateBucket", Bucket="templates")
    text = json.dumps({"Resources": {"A": {"Type": "AWS::SQS::Queue"}}})
    node.aws("s3", "PutObject", Bucket="templates", Key="a/t.json", Body=text.encode())
    url = f"{node.node.base_url}/templates/a/t.json"
    stacks.call("CreateStack", StackName="s", TemplateURL=url)
    assert stacks.describe("s")["StackStatus"] == "CREATE_COMPLETE"
    assert stacks.call("GetTemplateSummary", TemplateURL=url)["ResourceTypes"] == ["AWS::SQS::Queue"]
    user = stacks.as_user({"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"})
    refusal = user.refusal("ValidateTemplate", TemplateURL=url)
    assert (refusal.code, refusal.message.startswith("S3 error: ")) == ("ValidationError", True)
    missing = stacks.refusal("ValidateTemplate", TemplateURL=url + "x")
    assert missing.message == (
        "S3 error: The specified key does not exist.\n"
        "For more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
    )


def test_a_template_in_a_bucket_may_be_large_but_not_too_large(node: TestNode, stacks: Stacks) -> None:
    node.aws("s3", "CreateBucket", Bucket="templates")
    for key, size in (("large", 900_000), ("too-large", 1_000_001)):
        text = json.dumps({"Metadata": {"fill": "x" * size}, "Resources": {"A": {"Type": "AWS::SQS::Queue"}}})
        node.aws("s3", "PutObject", Bucket="templates", Key=key, Body=text.encode())
    base = f"{node.node.base_url}/templates"
    assert stacks.call("ValidateTemplate", TemplateURL=f"{base}/large")["Parameters"] == []
    refusal = stacks.refusal("ValidateTemplate", TemplateURL=f"{base}/too-large")
    assert "Template may not exceed 1000000 bytes in size." in refusal.message
