"""SNS's errors: the docstring is the message, the code the model's shape.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors
"""

from cloudlet.base.errors import AwsError, aws_error


class InvalidParameter(AwsError):
    """Invalid parameter: {reason}"""

    code, status = "InvalidParameterException", 400


class InvalidParameterValue(AwsError):
    """{reason}"""

    code, status = "InvalidParameterValueException", 400


class TopicNotFound(AwsError):
    """Topic does not exist"""

    code, status = "NotFoundException", 404


class SubscriptionNotFound(AwsError):
    """Subscription does not exist"""

    code, status = "NotFoundException", 404


class ResourceNotFound(AwsError):
    """Resource does not exist"""

    code, status = "ResourceNotFoundException", 404


class AuthorizationError(AwsError):
    """{reason}"""

    code, status = "AuthorizationErrorException", 403


class SubscriptionLimitExceeded(AwsError):
    """Subscription limit exceeded: a FIFO topic has at most {limit} subscriptions."""

    code, status = "SubscriptionLimitExceededException", 403


class TagLimitExceeded(AwsError):
    """Could not complete request: tag quota of per resource exceeded"""

    code, status = "TagLimitExceededException", 400


class EmptyBatchRequest(AwsError):
    """The batch request doesn't contain any entries."""

    code, status = "EmptyBatchRequestException", 400


class TooManyEntriesInBatchRequest(AwsError):
    """The batch request contains more entries than permissible."""

    code, status = "TooManyEntriesInBatchRequestException", 400


class BatchEntryIdsNotDistinct(AwsError):
    """Two or more batch entries in the request have the same Id."""

    code, status = "BatchEntryIdsNotDistinctException", 400


class InvalidBatchEntryId(AwsError):
    """The Id of a batch entry in the batch request {reason}: {id}"""

    code, status = "InvalidBatchEntryIdException", 400


class BatchRequestTooLong(AwsError):
    """The length of all the messages put together is more than the limit."""

    code, status = "BatchRequestTooLongException", 400


def not_supported(what: str) -> AwsError:
    """501 for what AWS can do and this node cannot, by name."""
    return aws_error("NotImplemented", f"SNS: {what} is not supported by this node.", 501)
