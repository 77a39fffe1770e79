"""Code signing: no function has a configuration, and that is what can be asked."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.lambda_.locate import locate
from cloudlet.services.lambda_.service import lambda_


@lambda_.operation("GetFunctionCodeSigningConfig")
def get_function_code_signing_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _, function, _ = locate(call, request)
    return {"FunctionName": function.name}
