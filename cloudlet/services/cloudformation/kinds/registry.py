"""Every resource type there is, by name; and AWS's answers for those there aren't."""

import re

from cloudlet.services.cloudformation.errors import NotSupported, ValidationError
from cloudlet.services.cloudformation.kinds import (
    cloudformation,
    cloudwatch,
    dynamodb,
    iam,
    iam_policies,
    lambda_,
    lambda_versions,
    logs,
    s3,
    sns,
    sqs,
)
from cloudlet.services.cloudformation.kinds.kind import Kind
from cloudlet.services.cloudformation.kinds.namespaces import NAMESPACES

_MODULES = (cloudformation, cloudwatch, dynamodb, iam, iam_policies, lambda_, lambda_versions, logs, s3, sns, sqs)
KINDS: dict[str, Kind] = {kind.type: kind for module in _MODULES for kind in module.KINDS}

_TYPE = re.compile(r"(AWS|Alexa|Custom)::[A-Za-z0-9:_@-]+")


def require_kind(type_: str) -> Kind:
    kind = KINDS.get(type_)
    if kind is None:
        check_type(type_)
        raise NotSupported(feature=f"cloudformation: the resource type {type_}", module="kinds/registry")
    return kind


def check_type(type_: str) -> None:
    """A name that can't be a resource type's is the template's mistake; others may only be missing here."""
    vendor, _, rest = type_.partition("::")
    service, _, name = rest.partition("::")
    is_unknown = vendor == "AWS" and not (service in NAMESPACES and name)
    if is_unknown or not _TYPE.fullmatch(type_):
        raise ValidationError(f"Template format error: Unrecognized resource types: [{type_}]")
