"""What a template asks for, before a stack is made of it: the facts of GetTemplateSummary and ValidateTemplate."""

import json
from typing import Any

from cloudlet.services.cloudformation.template.document import LANGUAGE_EXTENSIONS, Template
from cloudlet.services.cloudformation.template.parameters import Parameter

_IAM = frozenset(
    f"AWS::IAM::{name}"
    for name in (
        "AccessKey",
        "Group",
        "InstanceProfile",
        "ManagedPolicy",
        "Policy",
        "Role",
        "User",
        "UserToGroupAddition",
    )
)
_NAMES = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
_IDENTIFIERS = _NAMES | {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicArn",
    "AWS::SQS::Queue": "QueueUrl",
}
_EXPANDING = frozenset(("AWS::CloudFormation::Stack", "AWS::Serverless::Application"))
# SAM makes an execution role for a function that names none.
_SERVERLESS_ROLE = frozenset(("AWS::Serverless::Function", "AWS::Serverless::StateMachine"))


def capabilities(template: Template) -> tuple[list[str], str | None]:
    """What the caller has to acknowledge, and why.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-template.html#using-iam-capabilities
    """
    iam, named, expanding = [], False, []
    for resource in template.resources.values():
        if resource.type in _IAM:
            iam.append(resource.type)
            named = named or _NAMES.get(resource.type, "") in resource.properties
        elif resource.type in _SERVERLESS_ROLE and "Role" not in resource.properties:
            iam.append(resource.type)
        elif resource.type in _EXPANDING:
            expanding.append(resource.type)
    needed = []
    if iam:
        needed.append("CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM")
    if expanding or LANGUAGE_EXTENSIONS in template.transforms:
        needed.append("CAPABILITY_AUTO_EXPAND")
    types = list(dict.fromkeys(iam + expanding))
    reason = f"The following resource(s) require capabilities: [{', '.join(types)}]" if types else None
    return needed, reason


def declaration(parameter: Parameter) -> dict[str, Any]:
    """One member of GetTemplateSummary's Parameters."""
    result: dict[str, Any] = {
        "ParameterKey": parameter.name,
        "ParameterType": parameter.type,
        "NoEcho": parameter.no_echo,
        "ParameterConstraints": {"AllowedValues": list(parameter.allowed_values)} if parameter.allowed_values else {},
    }
    if parameter.default is not None:
        result["DefaultValue"] = "****" if parameter.no_echo else parameter.default
    if parameter.description is not None:
        result["Description"] = parameter.description
    return result


def summary(template: Template) -> dict[str, Any]:
    """GetTemplateSummary's answer."""
    by_type: dict[str, list[str]] = {}
    for name, resource in template.resources.items():
        by_type.setdefault(resource.type, []).append(name)
    needed, reason = capabilities(template)
    result: dict[str, Any] = {
        "Parameters": [declaration(parameter) for parameter in template.parameters.values()],
        "Description": template.description,
        "Capabilities": needed or None,
        "CapabilitiesReason": reason,
        "ResourceTypes": list(by_type),
        "Version": template.version,
        "Metadata": json.dumps(template.metadata) if template.metadata is not None else None,
        "DeclaredTransforms": list(template.transforms) or None,
        "ResourceIdentifierSummaries": [
            {
                "ResourceType": type_,
                "LogicalResourceIds": names,
                **({"ResourceIdentifiers": [_IDENTIFIERS[type_]]} if type_ in _IDENTIFIERS else {}),
            }
            for type_, names in by_type.items()
        ],
    }
    return {name: value for name, value in result.items() if value is not None}
