"""Lambda's errors: the docstring is the message where AWS has one text, `{text}` where it has many.

https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
"""

from cloudlet.base.errors import AwsError


class ResourceNotFound(AwsError):
    """The resource you requested does not exist."""

    code, status = "ResourceNotFoundException", 404


class FunctionNotFound(AwsError):
    """Function not found: {arn}"""

    code, status = "ResourceNotFoundException", 404


class AliasNotFound(AwsError):
    """Cannot find alias arn: {arn}"""

    code, status = "ResourceNotFoundException", 404


class NoEventInvokeConfig(AwsError):
    """The function {arn} doesn't have an EventInvokeConfig"""

    code, status = "ResourceNotFoundException", 404


class OtherRegion(AwsError):
    """Functions from '{region}' are not reachable in this region ('{here}')"""

    code, status = "ResourceNotFoundException", 404


class ResourceConflict(AwsError):
    """{text}"""

    code, status = "ResourceConflictException", 409


class InvalidParameterValue(AwsError):
    """{text}"""

    code, status = "InvalidParameterValueException", 400


class QualifierMismatch(AwsError):
    """The derived qualifier from the function name does not match the specified qualifier."""

    code, status = "InvalidParameterValueException", 400


class RoleCannotBeAssumed(AwsError):
    """The role defined for the function cannot be assumed by Lambda."""

    code, status = "InvalidParameterValueException", 400


class PreconditionFailed(AwsError):
    """The Revision Id provided does not match the latest Revision Id. Call the {operation} API to retrieve the latest\
 Revision Id"""

    code, status = "PreconditionFailedException", 412


class TooManyRequests(AwsError):
    """Rate Exceeded."""

    code, status = "TooManyRequestsException", 429


class RequestTooLarge(AwsError):
    """{size} byte payload is too large for the {mode} invocation type (limit {limit} bytes)"""

    code, status = "RequestTooLargeException", 413


class InvalidRequestContent(AwsError):
    """{text}"""

    code, status = "InvalidRequestContentException", 400


class PolicyLengthExceeded(AwsError):
    """The final policy size ({size}) is bigger than the limit ({limit})."""

    code, status = "PolicyLengthExceededException", 400


class CodeStorageExceeded(AwsError):
    """Code storage limit exceeded."""

    code, status = "CodeStorageExceededException", 400


class CrossAccountRole(AwsError):
    """Cross-account pass role is not allowed."""

    code, status = "AccessDeniedException", 403


class CodeAccessDenied(AwsError):
    """Your access has been denied by S3, please make sure your request credentials have permission to GetObject for\
 {bucket}/{key}. S3 Error Code: {code}. S3 Error Message: {message}"""

    code, status = "AccessDeniedException", 403

    def __init__(self, bucket: str, key: str, code: str, message: str) -> None:
        text = (type(self).__doc__ or "").format(bucket=bucket, key=key, code=code, message=message)
        super().__init__(text)


class ServiceFailure(AwsError):
    """An error occurred and the request cannot be processed."""

    code, status = "ServiceException", 500


class NotSupported(AwsError):
    """{parameter} is not supported: {reason}."""

    code, status = "NotImplemented", 501
