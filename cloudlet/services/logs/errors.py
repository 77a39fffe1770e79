"""CloudWatch Logs' errors: the docstring is the message.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html
"""

from cloudlet.base.errors import AwsError


class InvalidParameter(AwsError):
    """{message}"""

    code, status = "InvalidParameterException", 400


class GroupExists(AwsError):
    """The specified log group already exists"""

    code, status = "ResourceAlreadyExistsException", 400


class StreamExists(AwsError):
    """The specified log stream already exists"""

    code, status = "ResourceAlreadyExistsException", 400


class NoSuchGroup(AwsError):
    """The specified log group does not exist."""

    code, status = "ResourceNotFoundException", 400


class NoSuchStream(AwsError):
    """The specified log stream does not exist."""

    code, status = "ResourceNotFoundException", 400


class NoSuchResource(AwsError):
    """The specified resource does not exist."""

    code, status = "ResourceNotFoundException", 400


class NoSuchFilter(AwsError):
    """The specified metric filter does not exist."""

    code, status = "ResourceNotFoundException", 400


class GroupProtected(AwsError):
    """The log group has deletion protection enabled. Disable it before deleting the log group."""

    code, status = "ValidationException", 400


class TooManyFilters(AwsError):
    """Resource limit exceeded."""

    code, status = "LimitExceededException", 400


class TooManyTags(AwsError):
    """The resource {arn} has too many tags: {limit} are the most."""

    code, status = "TooManyTagsException", 400
