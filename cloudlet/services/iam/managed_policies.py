"""AWS's own managed policies, as data: those that serverless applications attach.

The statements are AWS's, from its managed policy reference, with two reservations. ReadOnlyAccess lists hundreds of
services on AWS: here stand its actions for the services that a node has. And each policy is shown as version v1, made
on one day, with an id derived from its name: what AWS shows there tells nothing about what is allowed.

https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudlet.kit.arn import arn
from cloudlet.kit.policy import NamedPolicy
from cloudlet.services.iam.records import PolicyVersion

VERSION = "2012-10-17"
NOTHING = json.dumps({"Version": VERSION, "Statement": {"Effect": "Allow", "NotAction": "*", "Resource": "*"}})
CREATED_MS = 1_423_248_000_000  # 2015-02-06T18:40:00Z, when AWS introduced managed policies


@dataclass(frozen=True, slots=True)
class AwsPolicy:
    """Shaped like records.Policy."""

    name: str
    path: str
    document: str
    description: str | None = None
    default_version: int = 1
    created_ms: int = CREATED_MS
    updated_ms: int = CREATED_MS
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return arn("iam", "", "aws", f"policy{self.path}{self.name}")

    @property
    def id(self) -> str:
        return "ANPA" + base64.b32encode(hashlib.sha256(self.name.encode()).digest())[:17].decode("ascii")

    @property
    def version(self) -> PolicyVersion:
        return PolicyVersion(self.default_version, self.document, self.created_ms)


def _allow(actions: str, resource: str | list[str] = "*", **condition: Any) -> dict[str, Any]:
    listed = actions.split()
    statement = {"Effect": "Allow", "Action": listed if len(listed) > 1 else listed[0], "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


_TO_LOGS = "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents"
_LAMBDA_LOGS = "arn:aws:logs:*:*:log-group:/aws/lambda/*"
_INSIGHTS = "arn:aws:cloudwatch:*:*:insight-rule/DynamoDBContributorInsights*"
_LOOK_AT_ROLES = (
    "iam:GetPolicy iam:GetPolicyVersion iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies"
    " iam:ListRolePolicies iam:ListRoles"
)
_LAMBDA_SURROUNDINGS = (
    "cloudformation:DescribeStacks cloudformation:ListStackResources cloudwatch:ListMetrics cloudwatch:GetMetricData"
    f" ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcs kms:ListAliases {_LOOK_AT_ROLES}"
    " logs:DescribeLogGroups states:DescribeStateMachine states:ListStateMachines tag:GetResources"
    " xray:GetTraceSummaries xray:BatchGetTraces"
)
_TABLE_SURROUNDINGS = (
    "cloudwatch:DescribeAlarmHistory cloudwatch:DescribeAlarms cloudwatch:DescribeAlarmsForMetric"
    " cloudwatch:GetMetricStatistics cloudwatch:ListMetrics cloudwatch:GetMetricData"
    " datapipeline:DescribeObjects datapipeline:DescribePipelines datapipeline:GetPipelineDefinition"
    " datapipeline:ListPipelines datapipeline:QueryObjects ec2:DescribeVpcs ec2:DescribeSubnets"
    " ec2:DescribeSecurityGroups iam:GetRole iam:ListRoles kms:DescribeKey kms:ListAliases"
    " sns:ListSubscriptionsByTopic sns:ListTopics lambda:ListFunctions lambda:ListEventSourceMappings"
    " lambda:GetFunctionConfiguration resource-groups:ListGroups resource-groups:ListGroupResources"
    " resource-groups:GetGroup resource-groups:GetGroupQuery tag:GetResources kinesis:ListStreams"
    " kinesis:DescribeStream kinesis:DescribeStreamSummary"
)
_READ_ONLY = (
    "apigateway:GET athena:Batch* athena:Get* athena:List* cloudformation:Describe* cloudformation:Detect*"
    " cloudformation:Estimate* cloudformation:Get* cloudformation:List* cloudwatch:Describe* cloudwatch:Get*"
    " cloudwatch:List* dynamodb:BatchGet* dynamodb:Describe* dynamodb:Get* dynamodb:List* dynamodb:PartiQLSelect"
    " dynamodb:Query dynamodb:Scan events:Describe* events:List* events:Test* firehose:Describe* firehose:List*"
    " glue:BatchGetPartition glue:GetDatabase glue:GetDatabases glue:GetPartition glue:GetPartitions glue:GetTable"
    " glue:GetTables glue:GetTableVersions iam:Generate* iam:Get* iam:List* iam:Simulate* kinesis:Describe*"
    " kinesis:Get* kinesis:List* kinesisanalytics:Describe* kinesisanalytics:Discover* kinesisanalytics:Get*"
    " kinesisanalytics:List* lambda:Get* lambda:List* logs:Describe* logs:FilterLogEvents logs:Get*"
    " logs:ListTagsLogGroup logs:StartQuery logs:StopQuery logs:TestMetricFilter s3:Get* s3:List* sns:Get* sns:List*"
    " sqs:Get* sqs:List* sqs:Receive* sts:GetAccessKeyInfo sts:GetCallerIdentity sts:GetSessionToken"
    " tag:Get* xray:BatchGet* xray:Get*"
)

_STATEMENTS: dict[str, list[dict[str, Any]]] = {
    "AdministratorAccess": [_allow("*")],
    "PowerUserAccess": [
        {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
        _allow("account:GetAccountInformation account:GetPrimaryEmail account:ListRegions iam:CreateServiceLinkedRole"
               " iam:DeleteServiceLinkedRole iam:ListRoles organizations:DescribeOrganization"),
    ],
    "ReadOnlyAccess": [_allow(_READ_ONLY)],
    "IAMFullAccess": [
        _allow("iam:* organizations:DescribeAccount organizations:DescribeOrganization"
               " organizations:DescribeOrganizationalUnit organizations:DescribePolicy organizations:ListChildren"
               " organizations:ListParents organizations:ListPoliciesForTarget organizations:ListRoots"
               " organizations:ListPolicies organizations:ListTargetsForPolicy")
    ],
    "IAMReadOnlyAccess": [
        _allow("iam:GenerateCredentialReport iam:GenerateServiceLastAccessedDetails iam:Get* iam:List*"
               " iam:SimulateCustomPolicy iam:SimulatePrincipalPolicy")
    ],
    "AmazonS3FullAccess": [_allow("s3:* s3-object-lambda:*")],
    "AmazonS3ReadOnlyAccess": [
        _allow("s3:Get* s3:List* s3:Describe* s3-object-lambda:Get* s3-object-lambda:List*")
    ],
    "AmazonDynamoDBFullAccess": [
        _allow("dynamodb:* dax:* application-autoscaling:DeleteScalingPolicy"
               " application-autoscaling:DeregisterScalableTarget application-autoscaling:DescribeScalableTargets"
               " application-autoscaling:DescribeScalingActivities application-autoscaling:DescribeScalingPolicies"
               " application-autoscaling:PutScalingPolicy application-autoscaling:RegisterScalableTarget"
               " cloudwatch:DeleteAlarms cloudwatch:PutMetricAlarm datapipeline:ActivatePipeline"
               " datapipeline:CreatePipeline datapipeline:DeletePipeline datapipeline:PutPipelineDefinition"
               f" {_TABLE_SURROUNDINGS} sns:CreateTopic sns:DeleteTopic sns:ListSubscriptions sns:Subscribe"
               " sns:Unsubscribe sns:SetTopicAttributes lambda:CreateFunction lambda:CreateEventSourceMapping"
               " lambda:DeleteEventSourceMapping lambda:DeleteFunction resource-groups:DeleteGroup"
               " resource-groups:CreateGroup"),
        _allow("cloudwatch:GetInsightRuleReport", _INSIGHTS),
        _allow("iam:PassRole", StringLike={"iam:PassedToService": [
            "application-autoscaling.amazonaws.com", "application-autoscaling.amazonaws.com.cn", "dax.amazonaws.com"]}),
        _allow("iam:CreateServiceLinkedRole", StringEquals={"iam:AWSServiceName": [
            "replication.dynamodb.amazonaws.com", "dax.amazonaws.com",
            "dynamodb.application-autoscaling.amazonaws.com", "contributorinsights.dynamodb.amazonaws.com",
            "kinesisreplication.dynamodb.amazonaws.com"]}),
    ],
    "AmazonDynamoDBReadOnlyAccess": [
        _allow("application-autoscaling:DescribeScalableTargets application-autoscaling:DescribeScalingActivities"
               f" application-autoscaling:DescribeScalingPolicies {_TABLE_SURROUNDINGS} dynamodb:BatchGetItem"
               " dynamodb:Describe* dynamodb:List* dynamodb:GetAbacStatus dynamodb:GetItem dynamodb:GetResourcePolicy"
               " dynamodb:Query dynamodb:Scan dynamodb:PartiQLSelect dax:Describe* dax:List* dax:GetItem"
               " dax:BatchGetItem dax:Query dax:Scan"),
        _allow("cloudwatch:GetInsightRuleReport", _INSIGHTS),
    ],
    "AmazonSQSFullAccess": [_allow("sqs:*")],
    "AmazonSQSReadOnlyAccess": [
        _allow("sqs:GetQueueAttributes sqs:GetQueueUrl sqs:ListDeadLetterSourceQueues sqs:ListQueues"
               " sqs:ListMessageMoveTasks sqs:ListQueueTags")
    ],
    "AmazonSNSFullAccess": [_allow("sns:*")],
    "AmazonSNSReadOnlyAccess": [_allow("sns:GetTopicAttributes sns:List*")],
    "AmazonKinesisFullAccess": [_allow("kinesis:*")],
    "AmazonKinesisReadOnlyAccess": [_allow("kinesis:Get* kinesis:List* kinesis:Describe*")],
    "AmazonKinesisFirehoseFullAccess": [_allow("firehose:*")],
    "AmazonKinesisFirehoseReadOnlyAccess": [_allow("firehose:Describe* firehose:List*")],
    "AWSCloudFormationFullAccess": [_allow("cloudformation:*")],
    "AWSCloudFormationReadOnlyAccess": [
        _allow("cloudformation:Describe* cloudformation:EstimateTemplateCost cloudformation:Get* cloudformation:List*"
               " cloudformation:ValidateTemplate cloudformation:Detect*")
    ],
    "AmazonAPIGatewayAdministrator": [_allow("apigateway:*", "arn:aws:apigateway:*::/*")],
    "AmazonAPIGatewayInvokeFullAccess": [
        _allow("execute-api:Invoke execute-api:ManageConnections", "arn:aws:execute-api:*:*:*")
    ],
    "AWSLambda_FullAccess": [
        _allow(f"{_LAMBDA_SURROUNDINGS} lambda:*"),
        _allow("iam:PassRole", StringEquals={"iam:PassedToService": "lambda.amazonaws.com"}),
        _allow("logs:DescribeLogStreams logs:GetLogEvents logs:FilterLogEvents logs:StartLiveTail logs:StopLiveTail",
               _LAMBDA_LOGS),
    ],
    "AWSLambda_ReadOnlyAccess": [
        _allow(f"{_LAMBDA_SURROUNDINGS} lambda:Get* lambda:List*"),
        _allow("logs:DescribeLogStreams logs:GetLogEvents logs:FilterLogEvents logs:StartLiveTail logs:StopLiveTail",
               _LAMBDA_LOGS),
    ],
    "AWSLambdaExecute": [
        _allow("logs:*", "arn:aws:logs:*:*:*"),
        _allow("s3:GetObject s3:PutObject", "arn:aws:s3:::*"),
    ],
    "AWSLambdaInvocation-DynamoDB": [
        _allow("lambda:InvokeFunction"),
        _allow("dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams"),
    ],
    "CloudWatchFullAccess": [
        _allow("autoscaling:Describe* cloudwatch:* logs:* sns:* iam:GetPolicy iam:GetPolicyVersion iam:GetRole"
               " oam:ListSinks"),
        _allow("iam:CreateServiceLinkedRole",
               "arn:aws:iam::*:role/aws-service-role/events.amazonaws.com/AWSServiceRoleForCloudWatchEvents*",
               StringLike={"iam:AWSServiceName": "events.amazonaws.com"}),
        _allow("oam:ListAttachedLinks", "arn:aws:oam:*:*:sink/*"),
    ],
    "CloudWatchFullAccessV2": [
        _allow("application-autoscaling:DescribeScalingPolicies application-signals:*"
               " autoscaling:DescribeAutoScalingGroups autoscaling:DescribePolicies cloudwatch:* iam:GetPolicy"
               " iam:GetPolicyVersion iam:GetRole logs:* oam:ListSinks rum:* sns:CreateTopic sns:ListSubscriptions"
               " sns:ListSubscriptionsByTopic sns:ListTopics sns:Subscribe synthetics:* xray:*"),
        _allow("iam:CreateServiceLinkedRole", "arn:aws:iam::*:role/aws-service-role/application-signals.cloudwatch"
               ".amazonaws.com/AWSServiceRoleForCloudWatchApplicationSignals",
               StringLike={"iam:AWSServiceName": "application-signals.cloudwatch.amazonaws.com"}),
        _allow("iam:CreateServiceLinkedRole",
               "arn:aws:iam::*:role/aws-service-role/events.amazonaws.com/AWSServiceRoleForCloudWatchEvents*",
               StringLike={"iam:AWSServiceName": "events.amazonaws.com"}),
        _allow("oam:ListAttachedLinks", "arn:aws:oam:*:*:sink/*"),
    ],
    "CloudWatchReadOnlyAccess": [
        _allow("application-autoscaling:DescribeScalingPolicies autoscaling:Describe* cloudwatch:Describe*"
               " cloudwatch:GenerateQuery cloudwatch:Get* cloudwatch:List* logs:Get* logs:List* logs:StartQuery"
               " logs:StopQuery logs:Describe* logs:TestMetricFilter logs:FilterLogEvents logs:StartLiveTail"
               " logs:StopLiveTail oam:ListSinks sns:Get* sns:List* xray:BatchGet* xray:Get*"),
    ],
    "CloudWatchLogsFullAccess": [_allow("logs:* cloudwatch:GenerateQuery")],
    "CloudWatchLogsReadOnlyAccess": [
        _allow("logs:Describe* logs:Get* logs:List* logs:StartQuery logs:StopQuery logs:TestMetricFilter"
               " logs:FilterLogEvents logs:StartLiveTail logs:StopLiveTail cloudwatch:GenerateQuery")
    ],
    "AWSXRayDaemonWriteAccess": [
        _allow("xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets"
               " xray:GetSamplingStatisticSummaries")
    ],
    "AWSXrayWriteOnlyAccess": [
        _allow("xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets"
               " xray:GetSamplingStatisticSummaries")
    ],
    "AWSXrayFullAccess": [_allow("xray:*")],
    "service-role/AWSLambdaRole": [_allow("lambda:InvokeFunction")],
    "service-role/AWSLambdaBasicExecutionRole": [_allow(_TO_LOGS)],
    "service-role/AWSLambdaSQSQueueExecutionRole": [
        _allow(f"sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes {_TO_LOGS}")
    ],
    "service-role/AWSLambdaDynamoDBExecutionRole": [
        _allow("dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams"
               f" {_TO_LOGS}")
    ],
    "service-role/AWSLambdaKinesisExecutionRole": [
        _allow("kinesis:DescribeStream kinesis:DescribeStreamSummary kinesis:GetRecords kinesis:GetShardIterator"
               f" kinesis:ListShards kinesis:ListStreams kinesis:SubscribeToShard {_TO_LOGS}")
    ],
    "service-role/AWSLambdaVPCAccessExecutionRole": [
        _allow(f"{_TO_LOGS} ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSubnets"
               " ec2:DeleteNetworkInterface ec2:AssignPrivateIpAddresses ec2:UnassignPrivateIpAddresses")
    ],
    "service-role/AmazonAPIGatewayPushToCloudWatchLogs": [
        _allow("logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogGroups logs:DescribeLogStreams"
               " logs:PutLogEvents logs:GetLogEvents logs:FilterLogEvents")
    ],
}  # fmt: skip


def _policy(path_and_name: str, statements: list[dict[str, Any]]) -> AwsPolicy:
    path, _, name = f"/{path_and_name}".rpartition("/")
    return AwsPolicy(name, f"{path}/", json.dumps({"Version": VERSION, "Statement": statements}))


POLICIES = {policy.arn: policy for policy in (_policy(*item) for item in _STATEMENTS.items())}
NAMED = {arn: NamedPolicy(arn, policy.document) for arn, policy in POLICIES.items()}
NAMES = {arn: policy.name for arn, policy in POLICIES.items()}  # for whoever wants ARNs by name, or names by ARN
