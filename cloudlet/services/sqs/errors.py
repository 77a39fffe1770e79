"""SQS's errors: the docstring is the message, the code the JSON protocol's (wire/overlays/sqs.py knows the query one).

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from cloudlet.base.errors import AwsError


class QueueDoesNotExist(AwsError):
    """The specified queue does not exist."""

    code, status = "QueueDoesNotExist", 400


class QueueNameExists(AwsError):
    """A queue already exists with the same name and a different value for attribute {attribute}"""

    code, status = "QueueNameExists", 400


class QueueDeletedRecently(AwsError):
    """You must wait 60 seconds after deleting a queue before you can create another with the same name."""

    code, status = "QueueDeletedRecently", 400


class PurgeQueueInProgress(AwsError):
    """Only one PurgeQueue operation on {name} is allowed every 60 seconds."""

    code, status = "PurgeQueueInProgress", 403


class InvalidAddress(AwsError):
    """The address {url} is not valid for this endpoint."""

    code, status = "InvalidAddress", 404


class InvalidAttributeName(AwsError):
    """Unknown Attribute {name}."""

    code, status = "InvalidAttributeName", 400


class InvalidAttributeValue(AwsError):
    """Invalid value for the parameter {name}."""

    code, status = "InvalidAttributeValue", 400


class InvalidParameterValue(AwsError):
    """Value {value} for parameter {name} is invalid. Reason: {reason}"""

    code, status = "InvalidParameterValueException", 400


class MissingParameter(AwsError):
    """The request must contain the parameter {name}."""

    code, status = "MissingRequiredParameterException", 400


class InvalidMessageContents(AwsError):
    """Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD |\
 #x10000 to #x10FFFF"""

    code, status = "InvalidMessageContents", 400


class ReceiptHandleIsInvalid(AwsError):
    """The input receipt handle "{handle}" is not a valid receipt handle."""

    code, status = "ReceiptHandleIsInvalid", 404


class OverLimit(AwsError):
    """Too many messages in flight."""

    code, status = "OverLimit", 403


class EmptyBatchRequest(AwsError):
    """There should be at least one {entry} in the request."""

    code, status = "EmptyBatchRequest", 400


class TooManyEntriesInBatchRequest(AwsError):
    """Maximum number of entries per request are 10. You have sent {count}."""

    code, status = "TooManyEntriesInBatchRequest", 400


class BatchEntryIdsNotDistinct(AwsError):
    """Id {id} repeated."""

    code, status = "BatchEntryIdsNotDistinct", 400


class InvalidBatchEntryId(AwsError):
    """A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80\
 letters long."""

    code, status = "InvalidBatchEntryId", 400


class BatchRequestTooLong(AwsError):
    """Batch requests cannot be longer than {limit} bytes. You have sent {size} bytes."""

    code, status = "BatchRequestTooLong", 400


class ResourceNotFound(AwsError):
    """The resource that you specified for the {name} parameter doesn't exist."""

    code, status = "ResourceNotFoundException", 404
