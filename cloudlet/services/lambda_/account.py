"""GetAccountSettings."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.lambda_ import rules
from cloudlet.services.lambda_.lookup import totals
from cloudlet.services.lambda_.service import lambda_


@lambda_.operation("GetAccountSettings")
def get_account_settings(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    used = totals(call.tx, call.keys)
    return {
        "AccountLimit": {
            "TotalCodeSize": rules.CODE_STORAGE_BYTES,
            "CodeSizeUnzipped": rules.UNZIPPED_BYTES_MAX,
            "CodeSizeZipped": rules.ZIPPED_BYTES_MAX,
            "ConcurrentExecutions": rules.CONCURRENCY_MAX,
            "UnreservedConcurrentExecutions": rules.CONCURRENCY_MAX - used.reserved,
        },
        "AccountUsage": {"TotalCodeSize": used.code_bytes, "FunctionCount": used.functions},
    }
