"""Reserved concurrency: how many calls of a function may run at once, kept from what the account's others share."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.locate import locate
from cloudlet.services.lambda_.lookup import change_totals, put_function, totals
from cloudlet.services.lambda_.service import lambda_


@lambda_.operation("PutFunctionConcurrency")
def put_function_concurrency(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keys, function, _ = locate(call, request)
    wanted, had = request["ReservedConcurrentExecutions"], function.reserved or 0
    left = rules.CONCURRENCY_MAX - totals(call.tx, keys).reserved + had - wanted
    if left < rules.UNRESERVED_MIN:
        raise errors.InvalidParameterValue(
            text="Specified ReservedConcurrentExecutions for function decreases account's"
            f" UnreservedConcurrentExecution below its minimum value of [{rules.UNRESERVED_MIN}]."
        )
    put_function(call.tx, keys, replace(function, reserved=wanted))
    change_totals(call.tx, keys, reserved=wanted - had)
    return {"ReservedConcurrentExecutions": wanted}


@lambda_.operation("GetFunctionConcurrency")
def get_function_concurrency(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _, function, _ = locate(call, request)
    return {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}


@lambda_.operation("DeleteFunctionConcurrency")
def delete_function_concurrency(call: Call, request: dict[str, Any]) -> None:
    keys, function, _ = locate(call, request)
    change_totals(call.tx, keys, reserved=-(function.reserved or 0))
    put_function(call.tx, keys, replace(function, reserved=None))
