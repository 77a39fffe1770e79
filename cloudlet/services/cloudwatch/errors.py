"""CloudWatch's errors: the docstring is the message.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html
"""

from cloudlet.base.errors import AwsError


class InvalidValue(AwsError):
    """The value {value} for parameter {name} is invalid."""

    code, status = "InvalidParameterValueException", 400


class InvalidCombination(AwsError):
    """{message}"""

    code, status = "InvalidParameterCombinationException", 400


class Exclusive(AwsError):
    """The parameters {one} and {other} are mutually exclusive and you have specified both."""

    code, status = "InvalidParameterCombinationException", 400


class Missing(AwsError):
    """The parameter {name} is required."""

    code, status = "MissingRequiredParameterException", 400


class NothingGiven(AwsError):
    """At least one of the parameters must be specified."""

    code, status = "MissingRequiredParameterException", 400


class ValidationError(AwsError):
    """{message}"""

    code, status = "ValidationError", 400


class InvalidToken(AwsError):
    """The next token specified is invalid."""

    code, status = "InvalidNextToken", 400


class NoSuchAlarm(AwsError):
    """Could not find alarm with name: {name}"""

    code, status = "ResourceNotFound", 404


class NoSuchResource(AwsError):
    """Unknown"""

    code, status = "ResourceNotFoundException", 404


class TooManyParents(AwsError):
    """The alarm {child} is in the rules of {count} composite alarms, the most there may be."""

    code, status = "LimitExceeded", 400


class InvalidFormat(AwsError):
    """StateReasonData is not valid JSON"""

    code, status = "InvalidFormat", 400
