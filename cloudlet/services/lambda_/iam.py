"""Which action and resource each Lambda operation asks IAM about.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

import json
from collections.abc import Sequence
from typing import Any

from cloudlet.base.errors import AwsError
from cloudlet.kit import arn as arns
from cloudlet.kit import tags
from cloudlet.kit.call import Call
from cloudlet.kit.policy import Access, NamedPolicy
from cloudlet.kit.service import AccessRule
from cloudlet.services.lambda_ import rules
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.lookup import arn_of, find_function, find_policy, policy_document
from cloudlet.services.lambda_.records import LATEST

Context = dict[str, str | tuple[str, ...]]
PASSED_TO = "lambda.amazonaws.com"


def _function_access(
    call: Call, action: str, name: rules.FunctionName, qualifier: str | None, context: Context
) -> Access:
    """The access to a function, or to one of its versions and aliases; found or not."""
    account = name.account or call.account
    keys: Keys = call.service.keys(account, call.region)
    function = find_function(call.tx, keys, name.name)
    policy = None
    if function is not None:
        context |= tags.of_resource(function.tags)
        wanted = "" if qualifier in (None, LATEST) else qualifier
        stored = find_policy(call.tx, keys.policy.key(function.id, wanted or ""))
        policy = NamedPolicy("function policy", json.dumps(policy_document(stored))) if stored else None
    return Access(f"lambda:{action}", arn_of(keys, name.name, qualifier), account, policy, context)


def _named(call: Call, request: dict[str, Any], member: str = "FunctionName") -> rules.FunctionName:
    """A name that can't be read is the constraints' to refuse: here it is nobody's function."""
    try:
        return rules.function_name(request.get(member, ""), request.get("Qualifier"))
    except AwsError:
        return rules.FunctionName(None, None, "?", None)


def _by_function(action: str) -> AccessRule:
    """On the function itself, whatever the qualifier."""

    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return (_function_access(call, action, _named(call, request), None, {}),)

    return rule


def _by_qualified(action: str) -> AccessRule:
    """On what the qualifier names."""

    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        name = _named(call, request)
        return (_function_access(call, action, name, name.qualifier, {}),)

    return rule


def _invoke(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    name = _named(call, request)
    keys = call.service.keys(name.account or call.account, call.region)
    context: Context = {"lambda:FunctionArn": arn_of(keys, name.name, name.qualifier)}
    return (_function_access(call, "InvokeFunction", name, name.qualifier, context),)


def _permission(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        context: Context = {}
        if request.get("Principal"):
            context["lambda:Principal"] = request["Principal"]
        if request.get("FunctionUrlAuthType"):
            context["lambda:FunctionUrlAuthType"] = request["FunctionUrlAuthType"]
        name = _named(call, request)
        return (_function_access(call, action, name, name.qualifier, context),)

    return rule


def _layer_accesses(call: Call, request: dict[str, Any]) -> list[Access]:
    """Whoever gives a function layers must be allowed to read them."""
    return [_layer_access(call, "GetLayerVersion", rules.layer_name(arn)) for arn in request.get("Layers") or ()]


def _configuring(action: str) -> AccessRule:
    """CreateFunction and UpdateFunctionConfiguration: the function, the role passed, the layers used."""

    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        context: Context = {}
        if request.get("Layers"):
            context["lambda:Layer"] = tuple(request["Layers"])
        vpc = request.get("VpcConfig") or {}
        for member, key in (("SubnetIds", "lambda:SubnetIds"), ("SecurityGroupIds", "lambda:SecurityGroupIds")):
            if vpc.get(member):
                context[key] = tuple(vpc[member])
        context |= tags.asked(request.get("Tags") or {})
        name = _named(call, request)
        function = _function_access(call, action, name, None, context)
        accesses = [function, *_layer_accesses(call, request)]
        if request.get("Tags"):
            accesses.append(_function_access(call, "TagResource", name, None, dict(context)))
        if request.get("Role"):
            passing: Context = {"iam:PassedToService": PASSED_TO, "iam:AssociatedResourceArn": function.resource}
            accesses.append(Access("iam:PassRole", request["Role"], call.account, None, passing))
        return accesses

    return rule


def _layer_access(call: Call, action: str, name: rules.LayerName, number: int | None = None) -> Access:
    """The region is the request's, as for handlers, whatever the ARN says."""
    account = name.account or call.account
    keys: Keys = call.service.keys(account, call.region)
    number = number if number is not None else name.number
    arn = arns.arn("lambda", call.region, account, f"layer:{name.name}")
    if number is None:
        return Access(f"lambda:{action}", arn, account)
    stored = find_policy(call.tx, keys.layer_policy.key(name.name, number)) if number >= 0 else None
    policy = NamedPolicy("layer policy", json.dumps(policy_document(stored))) if stored else None
    return Access(f"lambda:{action}", f"{arn}:{number}", account, policy)


def _by_layer(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        name = rules.layer_name(request.get("LayerName", "?"))
        number = request.get("VersionNumber")
        return (_layer_access(call, action, name, number if isinstance(number, int) else None),)

    return rule


def _by_layer_arn(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    return (_layer_access(call, "GetLayerVersion", rules.layer_name(request.get("Arn", "?"))),)


def _list_layer_versions(call: Call, request: dict[str, Any]) -> Sequence[Access]:
    """AWS names no resource for it; another account's layer is not one's own to list all the same."""
    name = rules.layer_name(request.get("LayerName", "?"))
    return (Access("lambda:ListLayerVersions", "*", name.account or call.account),)


def _by_resource(action: str) -> AccessRule:
    """Operations on tags name an ARN."""

    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        context = tags.asked(request.get("Tags") or {}, request.get("TagKeys"))
        name = _named(call, request, "Resource")
        return (_function_access(call, action, name, name.qualifier, context),)

    return rule


def _everywhere(action: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return (Access(f"lambda:{action}", "*", call.account),)

    return rule


ACCESS: dict[str, AccessRule] = {
    "CreateFunction": _configuring("CreateFunction"),
    "UpdateFunctionConfiguration": _configuring("UpdateFunctionConfiguration"),
    **{
        action: _by_function(action)
        for action in (
            "UpdateFunctionCode PublishVersion ListVersionsByFunction PutFunctionConcurrency GetFunctionConcurrency"
            " DeleteFunctionConcurrency ListFunctionEventInvokeConfigs ListAliases GetFunctionCodeSigningConfig"
            " CreateAlias GetAlias UpdateAlias DeleteAlias"
        ).split()
    },
    **{
        action: _by_qualified(action)
        for action in (
            "GetFunction GetFunctionConfiguration DeleteFunction PutFunctionEventInvokeConfig"
            " GetFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig DeleteFunctionEventInvokeConfig GetPolicy"
        ).split()
    },
    "AddPermission": _permission("AddPermission"),
    "RemovePermission": _permission("RemovePermission"),
    "Invoke": _invoke,
    **{
        action: _by_layer(action)
        for action in (
            "PublishLayerVersion GetLayerVersion DeleteLayerVersion AddLayerVersionPermission"
            " RemoveLayerVersionPermission GetLayerVersionPolicy"
        ).split()
    },
    "GetLayerVersionByArn": _by_layer_arn,
    "ListLayerVersions": _list_layer_versions,
    **{action: _by_resource(action) for action in "TagResource UntagResource ListTags".split()},
    **{action: _everywhere(action) for action in "ListFunctions ListLayers GetAccountSettings".split()},
}
