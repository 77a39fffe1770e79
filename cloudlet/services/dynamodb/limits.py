"""What an account may do, and where this service is."""

from typing import Any
from urllib.parse import urlsplit

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb.service import dynamodb

_ACCOUNT_UNITS = 80_000  # AWS's defaults; nothing here is throttled
_TABLE_UNITS = 40_000
_CACHED_MINUTES = 1_440


@dynamodb.operation("DescribeLimits")
def describe_limits(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {
        "AccountMaxReadCapacityUnits": _ACCOUNT_UNITS,
        "AccountMaxWriteCapacityUnits": _ACCOUNT_UNITS,
        "TableMaxReadCapacityUnits": _TABLE_UNITS,
        "TableMaxWriteCapacityUnits": _TABLE_UNITS,
    }


@dynamodb.operation("DescribeEndpoints")
def describe_endpoints(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    address = urlsplit(call.source.base_url).netloc
    return {"Endpoints": [{"Address": address, "CachePeriodInMinutes": _CACHED_MINUTES}]}
