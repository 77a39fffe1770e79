"""Features of tables that are not written yet. That they are off can be said; turning them on answers 501."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb.errors import PolicyNotFoundException
from cloudlet.services.dynamodb.lookup import require_table_named
from cloudlet.services.dynamodb.service import dynamodb

_OFF = "DISABLED"


@dynamodb.operation("DescribeTimeToLive")
def describe_time_to_live(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    require_table_named(call, request["TableName"])
    return {"TimeToLiveDescription": {"TimeToLiveStatus": _OFF}}


@dynamodb.operation("DescribeContinuousBackups")
def describe_continuous_backups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    require_table_named(call, request["TableName"])
    recovery = {"PointInTimeRecoveryStatus": _OFF}
    backups = {"ContinuousBackupsStatus": _OFF, "PointInTimeRecoveryDescription": recovery}
    return {"ContinuousBackupsDescription": backups}


@dynamodb.operation("DescribeContributorInsights")
def describe_contributor_insights(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    table, _ = require_table_named(call, request["TableName"])
    return {"TableName": table.name, "ContributorInsightsStatus": _OFF}


@dynamodb.operation("DescribeKinesisStreamingDestination")
def describe_kinesis_streaming_destination(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    table, _ = require_table_named(call, request["TableName"])
    return {"TableName": table.name, "KinesisDataStreamDestinations": []}


@dynamodb.operation("GetResourcePolicy")
def get_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    require_table_named(call, request["ResourceArn"])
    raise PolicyNotFoundException(arn=request["ResourceArn"])
