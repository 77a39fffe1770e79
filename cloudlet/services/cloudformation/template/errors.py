"""What is wrong with a template, in AWS's words. All of it is one error code: ValidationError."""

from cloudlet.base.errors import AwsError


class TemplateError(AwsError):
    """{reason}"""

    code, status = "ValidationError", 400


class FormatError(TemplateError):
    """Template format error: {reason}"""


class FunctionError(TemplateError):
    """Template error: {reason}"""


class TransformError(TemplateError):
    """Transform {transform} failed with: {reason}"""


class NotSupported(AwsError):
    """{feature} has no handler yet; it belongs in services/cloudformation/template/{module}.py"""

    code, status = "NotImplemented", 501
