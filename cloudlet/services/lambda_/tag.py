"""Tags of functions. Versions, aliases and layers have none."""

from typing import Any

from cloudlet.kit import tags
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.locate import named
from cloudlet.services.lambda_.lookup import put_function, require_function
from cloudlet.services.lambda_.records import Function
from cloudlet.services.lambda_.service import lambda_


def _tagged(call: Call, arn: str) -> tuple[Keys, Function]:
    kind = arn.split(":")[5]
    if kind != "function":
        raise errors.NotSupported(parameter=f"Tagging of {kind}", reason="only functions have tags")
    keys, name = named(call, {"FunctionName": arn})
    if name.qualifier is not None:
        raise errors.InvalidParameterValue(
            text="Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return keys, require_function(call.tx, keys, name.name)


@lambda_.operation("TagResource")
def tag_resource(call: Call, request: dict[str, Any]) -> None:
    keys, function = _tagged(call, request["Resource"])
    if not request["Tags"]:
        raise errors.InvalidParameterValue(text="An error occurred and the request cannot be processed.")
    put_function(call.tx, keys, replace(function, tags=rules.tags_added(function.tags, request["Tags"])))


@lambda_.operation("UntagResource")
def untag_resource(call: Call, request: dict[str, Any]) -> None:
    keys, function = _tagged(call, request["Resource"])
    put_function(call.tx, keys, replace(function, tags=tags.without(function.tags, request["TagKeys"])))


@lambda_.operation("ListTags")
def list_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    _, function = _tagged(call, request["Resource"])
    return {"Tags": function.tags}
