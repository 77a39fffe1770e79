"""Topics and functions as destinations of events; other services that write objects themselves."""

import io
import json
import zipfile

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call, Source
from cloudlet.kit.policy.evaluate import Principal
from tests.client import TestNode
from tests.services.s3.conftest import S3

TOPIC = "arn:aws:sns:us-east-1:000000000000:news"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:resize"
S3_MAY = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Resource": "*"}


def policy(**statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [S3_MAY | statement]})


def configure(s3: S3, **configuration) -> None:
    s3("PutBucketNotificationConfiguration", NotificationConfiguration=configuration)


def test_a_topic_gets_the_events_with_their_subject(node: TestNode, s3: S3) -> None:
    topic = {"TopicArn": TOPIC, "Events": ["s3:ObjectCreated:*"]}
    with pytest.raises(AwsError) as refused:
        configure(s3, TopicConfigurations=[topic])
    assert refused.value.members["ArgumentValue"] == "The destination topic does not exist"
    node.aws("sns", "CreateTopic", Name="news")
    with pytest.raises(AwsError) as refused:
        configure(s3, TopicConfigurations=[topic])
    assert refused.value.members["ArgumentValue"].startswith("Permissions on the destination topic do not allow S3")
    may = policy(Action="sns:Publish")
    node.aws("sns", "SetTopicAttributes", TopicArn=TOPIC, AttributeName="Policy", AttributeValue=may)
    url = node.aws("sqs", "CreateQueue", QueueName="q", Attributes={"Policy": json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage",
         "Resource": "*"}]})})["QueueUrl"]  # fmt: skip
    node.aws("sns", "Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:q")
    configure(s3, TopicConfigurations=[topic])
    s3.put("k", b"12345")
    node.settle()
    messages = node.aws("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    envelopes = [json.loads(message["Body"]) for message in messages]
    assert {envelope["Subject"] for envelope in envelopes} == {"Amazon S3 Notification"}
    bodies = [json.loads(envelope["Message"]) for envelope in envelopes]
    (record,) = [body["Records"][0] for body in bodies if "Records" in body]
    assert record["s3"]["object"]["size"] == 5


def make_function(node: TestNode) -> None:
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}  # fmt: skip
    node.aws("iam", "CreateRole", RoleName="runner", AssumeRolePolicyDocument=json.dumps(trust))
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return None\n")
    node.aws("lambda", "CreateFunction", FunctionName="resize", Runtime="python3.11", Handler="app.handler",
             Role="arn:aws:iam::000000000000:role/runner", Code={"ZipFile": package.getvalue()})  # fmt: skip


def test_a_function_must_let_s3_invoke_it(node: TestNode, s3: S3) -> None:
    make_function(node)
    wanted = [{"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}]
    with pytest.raises(AwsError) as refused:
        configure(s3, LambdaFunctionConfigurations=wanted)
    assert refused.value.message == "Unable to validate the following destination configurations"
    node.aws("lambda", "AddPermission", FunctionName="resize", StatementId="s3", Action="lambda:InvokeFunction",
             Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::other")  # fmt: skip
    with pytest.raises(AwsError):
        configure(s3, LambdaFunctionConfigurations=wanted)
    node.aws("lambda", "AddPermission", FunctionName="resize", StatementId="s3-photos", Action="lambda:InvokeFunction",
             Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::photos", SourceAccount="000000000000")  # fmt: skip
    configure(s3, LambdaFunctionConfigurations=wanted)
    (stored,) = s3("GetBucketNotificationConfiguration")["LambdaFunctionConfigurations"]
    assert stored["LambdaFunctionArn"] == FUNCTION


def within(node: TestNode, operation: str, request: dict, **more) -> dict:
    """What another service gets that calls S3 in its own transaction."""
    root = Principal("arn:aws:iam::000000000000:root", "000000000000", "Root")
    call = Call(node.node, node.node.services["sqs"], "Test", account="000000000000", region="us-east-1",
                principal=root, source=Source())  # fmt: skip
    return call.transact(lambda tx: call.aws("s3", operation, request, **more))


def test_a_service_puts_an_object_in_its_own_transaction(node: TestNode, s3: S3) -> None:
    answer = within(
        node, "PutObject", {"Bucket": "photos", "Key": "k", "Body": b"x" * 100_000, "ContentType": "text/x"}
    )
    assert answer["ETag"] == s3("HeadObject", Key="k")["ETag"]
    got = s3("GetObject", Key="k")
    assert got["Body"] == "x" * 100_000 and got["ContentType"] == "text/x"
    with pytest.raises(AwsError) as refused:
        within(node, "PutObject", {"Bucket": "photos", "Key": "k", "Body": bytes(5 << 20)})
    assert refused.value.code == "EntityTooLarge"
    with pytest.raises(AwsError) as refused:
        within(node, "PutObject", {"Bucket": "photos", "Key": "k", "Body": b""}, as_service="firehose.amazonaws.com")
    assert refused.value.status == 403
