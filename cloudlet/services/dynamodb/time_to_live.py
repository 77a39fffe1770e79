"""Time to live: not written yet, so no table has it, and that much can be said."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb.lookup import require_table_named
from cloudlet.services.dynamodb.service import dynamodb


@dynamodb.operation("DescribeTimeToLive")
def describe_time_to_live(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    require_table_named(call, request["TableName"])
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
