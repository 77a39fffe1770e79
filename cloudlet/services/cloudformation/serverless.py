"""AWS::Serverless resources become others, by AWS's own translator. Only the templates' worker processes run it: it
takes half a second to import, and long templates take longer.

AWS's words for its refusals: https://github.com/aws/serverless-application-model
"""

import json
import os
import sys
from typing import Any

from cloudlet.base.lazy import lazy
from cloudlet.services.cloudformation.template.document import SERVERLESS
from cloudlet.services.cloudformation.template.errors import NotSupported, TransformError

_transform = lazy("samtranslator.translator.transform", "aws-sam-translator")
_exceptions = lazy("samtranslator.model.exceptions", "aws-sam-translator")
_arns = lazy("samtranslator.translator.arn_generator", "aws-sam-translator")
_policies = lazy("samtranslator.internal.managed_policies", "aws-sam-translator")


class _ManagedPolicies:
    """AWS's own managed policies by name, as the translator wants them: from its own list, without asking IAM."""

    def __init__(self, partition: str) -> None:
        self._partition = partition

    def load(self) -> dict[str, str]:
        return _policies.get_bundled_managed_policy_map(self._partition) or {}


def serverless(document: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The document with its AWS::Serverless resources translated; `values` are the parameters, pseudo ones too."""
    for name, raw in document.get("Resources", {}).items():
        if isinstance(raw, dict) and raw.get("Type") == "AWS::Serverless::Application":
            raise NotSupported(feature=f"cloudformation: AWS::Serverless::Application ({name})", module="prepare")
    os.environ["AWS_DEFAULT_REGION"] = values["AWS::Region"]
    _arns._get_region_from_session.cache_clear()  # it remembers the first region it saw
    _arns._region_to_partition.cache_clear()
    parameters = {name: ",".join(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        translated = _transform.transform(document, parameters, _ManagedPolicies(values["AWS::Partition"]))
    except _exceptions.InvalidDocumentException as error:
        reason = " ".join([error.message, *(cause.message for cause in error.causes)])
        raise TransformError(transform=SERVERLESS, reason=reason) from None
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:  # a template it did not expect
        print(f"the SAM translator failed: {error!r}", file=sys.stderr)
        raise TransformError(transform=SERVERLESS, reason="Internal transform failure.") from error
    translated.pop("Globals", None)
    return json.loads(json.dumps(translated))
