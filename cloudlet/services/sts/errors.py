"""STS's errors: the docstring is the message.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from cloudlet.base.errors import AwsError


class AccessDenied(AwsError):
    """{reason}"""

    code, status = "AccessDenied", 403


class ValidationError(AwsError):
    """{reason}"""

    code, status = "ValidationError", 400


class InvalidParameterValue(AwsError):
    """{reason}"""

    code, status = "InvalidParameterValue", 400


class MalformedPolicyDocument(AwsError):
    """Syntax errors in policy."""

    code, status = "MalformedPolicyDocumentException", 400


class PackedPolicyTooLarge(AwsError):
    """Packed size of session policies and tags consumes {percent}% of allotted space."""

    code, status = "PackedPolicyTooLargeException", 400
