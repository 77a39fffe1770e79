"""Limits and checks that the DynamoDB model does not state.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
"""

import re
from typing import Any

from cloudlet.base.errors import AwsError, aws_error
from cloudlet.services.dynamodb.errors import invalid, invalid_parameter

PAGE_BYTES_MAX = 1 << 20  # of items read by one Query or Scan
BATCH_GET_KEYS_MAX = 100
BATCH_GET_BYTES_MAX = 16 << 20
BATCH_WRITE_ITEMS_MAX = 25
TRANSACTION_BYTES_MAX = 4 << 20
TOKEN_MS = 10 * 60_000
HASH_KEY_BYTES_MAX = 2048
RANGE_KEY_BYTES_MAX = 1024
INDEXES_MAX = 20
INCLUDED_MAX = 100  # attributes projected over all indexes of a table
UNITS_MAX = 1_000_000_000_000
TAGS_MAX = 50
TABLES_LISTED_MAX = 100

_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_ARN = re.compile(r"arn:[a-z-]+:dynamodb:([a-z0-9-]+):(\d{12}):table/([A-Za-z0-9_.-]{3,255})")


def table_address(text: str, region: str) -> tuple[str | None, str]:
    """Account (None: the caller's) and name that a TableName says, a name or an ARN of this region."""
    if text.startswith("arn:"):
        found = _ARN.fullmatch(text)
        if found is None or found[1] != region:
            raise invalid("Invalid table ARN")
        return found[2], found[3]
    check_name(text, "TableName")
    return None, text


def check_name(name: str, member: str) -> None:
    """A table's or an index's name."""
    if not 3 <= len(name) <= 255:
        raise invalid(f"{member} must be at least 3 characters long and at most 255 characters long")
    if _NAME.fullmatch(name) is None:
        raise invalid(
            "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain "
            "only the characters a-z, A-Z, 0-9, '_', '-', and '.'"
        )


def not_yet(operation: str, what: str) -> AwsError:
    """A part of an operation that nobody wrote yet: named, never pretended."""
    return aws_error("NotImplemented", f"dynamodb.{operation} with {what} is not implemented yet", 501)


def check_return_values(request: dict[str, Any]) -> None:
    """PutItem's and DeleteItem's."""
    if request.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
        raise invalid("ReturnValues can only be ALL_OLD or NONE")


def check_segments(request: dict[str, Any]) -> None:
    segment, total = request.get("Segment"), request.get("TotalSegments")
    for present, value, absent, other in (
        ("Segment parameter", segment, "TotalSegments", total),
        ("parameter TotalSegments", total, "Segment", segment),
    ):
        if value is not None and other is None:
            raise invalid(
                f"The {absent} parameter is required but was not present in the request when {present} is present"
            )
    if segment is not None and total is not None and segment >= total:
        raise invalid(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )


def check_units(throughput: dict[str, Any] | None, index: str | None = None) -> tuple[int, int]:
    """Provisioned read and write units."""
    if throughput is None:
        if index is not None:
            raise invalid_parameter(f"ProvisionedThroughput is not specified for index: {index}")
        raise invalid_parameter(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    for name in ("ReadCapacityUnits", "WriteCapacityUnits"):
        if throughput[name] > UNITS_MAX:
            where = f" for index {index}" if index is not None else ""
            raise invalid(f"Given value {throughput[name]} for {name} is out of bounds{where}")
    return throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]
