"""Every kind speaks its service's language: each request it makes is one that AWS's model knows, whole and in shape."""

from collections import defaultdict
from typing import Any

import pytest

from cloudlet.kit.service import Service
from cloudlet.services.cloudformation.acting import drive, shaped
from cloudlet.services.cloudformation.keys import Keys
from cloudlet.services.cloudformation.kinds.kind import Stage
from cloudlet.services.cloudformation.kinds.registry import KINDS
from cloudlet.services.cloudformation.records import Resource
from cloudlet.wire import constraints

ROLE = "arn:aws:iam::000000000000:role/r"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
URL = "http://127.0.0.1:4566/000000000000/q"
TOPIC = "arn:aws:sns:us-east-1:000000000000:t"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
LAYER = "arn:aws:lambda:us-east-1:000000000000:layer:l:1"
POLICY = {"Version": "2012-10-17", "Statement": []}
TAGS = [{"Key": "a", "Value": "b"}]
KEY = [{"AttributeName": "id", "KeyType": "HASH"}]
INDEX = {"IndexName": "byname", "KeySchema": KEY, "Projection": {"ProjectionType": "ALL"}}
INLINE = [{"PolicyName": "p", "PolicyDocument": POLICY}]

# Type → (properties when made, properties after a change): between them every property that the kind acts on.
SAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "AWS::SQS::Queue": (
        {"DelaySeconds": 1, "RedrivePolicy": {"deadLetterTargetArn": QUEUE, "maxReceiveCount": 1}, "Tags": TAGS},
        {"VisibilityTimeout": "5", "FifoQueue": False},
    ),
    "AWS::SQS::QueuePolicy": (
        {"PolicyDocument": POLICY, "Queues": [URL]},
        {"PolicyDocument": {}, "Queues": [URL + "2"]},
    ),
    "AWS::SNS::Topic": (
        {"DisplayName": "d", "Subscription": [{"Protocol": "sqs", "Endpoint": QUEUE}], "Tags": TAGS},
        {"FifoTopic": "false", "KmsMasterKeyId": "k", "Subscription": [{"Protocol": "email", "Endpoint": "a@b.c"}]},
    ),
    "AWS::SNS::Subscription": (
        {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE, "FilterPolicy": {"a": ["b"]}},
        {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE, "RawMessageDelivery": True},
    ),
    "AWS::SNS::TopicPolicy": ({"PolicyDocument": POLICY, "Topics": [TOPIC]}, {"PolicyDocument": {}, "Topics": [TOPIC]}),
    "AWS::S3::Bucket": (
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
                ]
            },
            "CorsConfiguration": {
                "CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": "5", "Id": "i"}]
            },
            "NotificationConfiguration": {
                "LambdaConfigurations": [
                    {
                        "Event": "s3:ObjectCreated:*",
                        "Function": FUNCTION,
                        "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}]}},
                    }
                ],
                "QueueConfigurations": [{"Event": "s3:ObjectRemoved:*", "Queue": QUEUE}],
                "TopicConfigurations": [{"Event": "s3:ObjectRemoved:Delete", "Topic": TOPIC}],
                "EventBridgeConfiguration": {"EventBridgeEnabled": True},
            },
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": "true"},
            "VersioningConfiguration": {"Status": "Enabled"},
            "Tags": TAGS,
        },
        {"BucketName": "b"},
    ),
    "AWS::S3::BucketPolicy": ({"Bucket": "b", "PolicyDocument": POLICY}, {"Bucket": "b", "PolicyDocument": {}}),
    "AWS::DynamoDB::Table": (
        {
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PROVISIONED",
            "GlobalSecondaryIndexes": [INDEX],
            "KeySchema": KEY,
            "ProvisionedThroughput": {"ReadCapacityUnits": "1", "WriteCapacityUnits": 1},
            "SSESpecification": {"SSEEnabled": True},
            "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
            "TimeToLiveSpecification": {"AttributeName": "t", "Enabled": True},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "Tags": TAGS,
        },
        {
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
            "DeletionProtectionEnabled": True,
            "GlobalSecondaryIndexes": [{**INDEX, "IndexName": "other"}],
            "KeySchema": KEY,
            "TableClass": "STANDARD",
        },
    ),
    "AWS::Lambda::Function": (
        {
            "Architectures": ["x86_64"],
            "Code": {"ZipFile": "def handler(event, context): ..."},
            "DeadLetterConfig": {"TargetArn": QUEUE},
            "Environment": {"Variables": {"AA": 1}},
            "Handler": "index.handler",
            "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k",
            "Layers": [LAYER],
            "MemorySize": "256",
            "ReservedConcurrentExecutions": 5,
            "Role": ROLE,
            "Runtime": "python3.13",
            "Tags": TAGS,
            "Timeout": "5",
        },
        {"Code": {"S3Bucket": "bbb", "S3Key": "k"}, "Role": ROLE, "Runtime": "nodejs22.x", "Handler": "index.handler"},
    ),
    "AWS::Lambda::Permission": (
        {"Action": "lambda:InvokeFunction", "FunctionName": FUNCTION + ":live", "Principal": "s3.amazonaws.com"},
        {},
    ),
    "AWS::Lambda::Version": ({"FunctionName": FUNCTION, "Description": "d"}, {}),
    "AWS::Lambda::Alias": (
        {
            "FunctionName": FUNCTION,
            "FunctionVersion": "1",
            "Name": "live",
            "RoutingConfig": {"AdditionalVersionWeights": [{"FunctionVersion": "2", "FunctionWeight": "0.5"}]},
        },
        {"FunctionName": FUNCTION, "FunctionVersion": "2", "Name": "live"},
    ),
    "AWS::Lambda::LayerVersion": (
        {"Content": {"S3Bucket": "bbb", "S3Key": "k"}, "CompatibleRuntimes": ["python3.13"]},
        {},
    ),
    "AWS::Lambda::LayerVersionPermission": (
        {"Action": "lambda:GetLayerVersion", "LayerVersionArn": LAYER, "Principal": "*"},
        {},
    ),
    "AWS::Lambda::EventInvokeConfig": (
        {
            "FunctionName": FUNCTION,
            "Qualifier": "$LATEST",
            "MaximumRetryAttempts": "1",
            "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
        },
        {"FunctionName": FUNCTION, "Qualifier": "$LATEST", "MaximumEventAgeInSeconds": 60},
    ),
    "AWS::Lambda::EventSourceMapping": (
        {"FunctionName": FUNCTION, "EventSourceArn": QUEUE, "BatchSize": "5", "Enabled": "true"},
        {"FunctionName": FUNCTION, "EventSourceArn": QUEUE, "BatchSize": 6},
    ),
    "AWS::IAM::Role": (
        {
            "AssumeRolePolicyDocument": POLICY,
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            "Policies": INLINE,
            "PermissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "Tags": TAGS,
        },
        {"AssumeRolePolicyDocument": {}, "Description": "d", "MaxSessionDuration": "7200"},
    ),
    "AWS::IAM::User": ({"Groups": ["g"], "Policies": INLINE, "Tags": TAGS}, {"Groups": ["h"]}),
    "AWS::IAM::Group": ({"Policies": INLINE}, {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}),
    "AWS::IAM::AccessKey": ({"UserName": "u", "Status": "Inactive"}, {"UserName": "u"}),
    "AWS::IAM::Policy": (
        {"PolicyDocument": POLICY, "PolicyName": "p", "Roles": ["r"], "Users": ["u"], "Groups": ["g"]},
        {"PolicyDocument": POLICY, "PolicyName": "q", "Roles": ["r"]},
    ),
    "AWS::IAM::ManagedPolicy": (
        {"PolicyDocument": POLICY, "Roles": ["r"], "Path": "/a/"},
        {"PolicyDocument": {}, "Users": ["u"]},
    ),
    "AWS::IAM::UserToGroupAddition": ({"GroupName": "g", "Users": ["u"]}, {"GroupName": "h", "Users": ["v"]}),
    "AWS::CloudWatch::Alarm": (
        {
            "ComparisonOperator": "GreaterThanThreshold",
            "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
            "EvaluationPeriods": "1",
            "MetricName": "Errors",
            "Namespace": "AWS/Lambda",
            "Period": "60",
            "Statistic": "Sum",
            "Threshold": "1",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [TOPIC],
            "Tags": TAGS,
        },
        {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 2, "OKActions": [TOPIC]},
    ),
    "AWS::Logs::LogGroup": ({"RetentionInDays": "14", "Tags": TAGS}, {"LogGroupClass": "STANDARD"}),
    "AWS::Logs::LogStream": ({"LogGroupName": "g"}, {}),
    "AWS::CDK::Metadata": ({"Analytics": "x"}, {"Analytics": "y"}),
}


class Listener:
    """Stands where a service would: takes a request only if the service's model does, and answers the least."""

    ANSWERS: dict[str, dict[str, Any]] = {
        "CreateQueue": {"QueueUrl": URL},
        "CreateTopic": {"TopicArn": TOPIC},
        "Subscribe": {"SubscriptionArn": TOPIC + ":s"},
        "ListSubscriptionsByTopic": {
            "Subscriptions": [{"Protocol": "sqs", "Endpoint": QUEUE, "SubscriptionArn": TOPIC + ":s"}]
        },
        "CreateTable": {"TableDescription": {"TableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/t"}},
        "UpdateTable": {"TableDescription": {"TableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/t"}},
        "CreateFunction": {"FunctionArn": FUNCTION},
        "PublishVersion": {"FunctionArn": FUNCTION + ":1", "Version": "1"},
        "CreateAlias": {"AliasArn": FUNCTION + ":live"},
        "PublishLayerVersion": {"LayerVersionArn": LAYER},
        "CreateEventSourceMapping": {"UUID": "00000000-0000-0000-0000-000000000000"},
        "CreateRole": {"Role": {"Arn": ROLE, "RoleId": "AROA"}},
        "CreateUser": {"User": {"Arn": "arn:aws:iam::000000000000:user/u"}},
        "CreateGroup": {"Group": {"Arn": "arn:aws:iam::000000000000:group/g"}},
        "CreateAccessKey": {"AccessKey": {"AccessKeyId": "AKIAAAAAAAAAAAAAAAAA", "SecretAccessKey": "s"}},
        "CreatePolicy": {"Policy": {"Arn": "arn:aws:iam::000000000000:policy/p", "PolicyId": "ANPA"}},
        "ListVersionsByFunction": {"Versions": [{"Version": "$LATEST"}]},
        "ListPolicyVersions": {"Versions": [{"VersionId": "v1", "IsDefaultVersion": False}]},
    }

    def __init__(self) -> None:
        self.heard: dict[str, list[str]] = defaultdict(list)
        self.phase = ""

    async def __call__(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        target = Service(service, keys=Keys, contents={})
        request = shaped(target, operation, request)
        check_known(target.model.operations[operation].input, request, operation)
        constraints.check(target.model, target.model.operations[operation], request)
        self.heard[self.phase].append(operation)
        return self.ANSWERS.get(operation, {})


def check_known(shape: Any, value: Any, path: str) -> None:
    """Every member named in a request is one of the model's, in its type."""
    kinds = {
        "structure": dict,
        "map": dict,
        "list": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "blob": bytes,
    }
    if shape.type in kinds:
        assert isinstance(value, kinds[shape.type]), f"{path} is {value!r}, not {shape.type}"
    if shape.type == "structure":
        for name, member in value.items():
            assert name in shape.members, f"{path} has no member {name}"
            check_known(shape.members[name].shape, member, f"{path}.{name}")
    elif shape.type == "list":
        for member in value:
            check_known(shape.element.shape, member, path)


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_a_kind_makes_changes_and_removes_in_the_words_of_its_service(type_: str) -> None:
    kind, listener = KINDS[type_], Listener()
    made_of, changed_to = SAMPLES[type_]
    assert kind.required <= made_of.keys() <= kind.properties
    arn = "arn:aws:cloudformation:us-east-1:000000000000:stack/s/i"
    stage = Stage(listener, "000000000000", "us-east-1", "s", arn, "L", "the-name", [{"Key": "stack", "Value": "tag"}])
    if kind.exists is not None:
        listener.phase = "look"
        drive(kind.exists(stage, made_of))
        assert listener.heard["look"]
    listener.phase = "create"
    made = drive(kind.create(stage, made_of))
    resource = Resource(
        "L", type_, "CREATE_COMPLETE", 0, made.physical_id, properties=made_of, attributes=made.attributes
    )
    if kind.update is not None:
        listener.phase = "update"
        again = drive(kind.update(stage, resource, changed_to))
        assert again.physical_id == made.physical_id
    listener.phase = "delete"
    drive(kind.delete(stage, resource))
    if type_ != "AWS::CDK::Metadata":
        assert listener.heard["create"] and listener.heard["delete"]
        assert (kind.update is None) == (not listener.heard["update"])
