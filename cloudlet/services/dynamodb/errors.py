"""DynamoDB's errors: the docstring is the message, unless AWS has a hundred messages for one code (validation)."""

from typing import Any

from cloudlet.base.errors import AwsError


class ValidationException(AwsError):
    """{reason}"""

    code, status = "ValidationException", 400


class SerializationException(AwsError):
    """{reason}"""

    code, status = "SerializationException", 400


class ResourceNotFoundException(AwsError):
    """Requested resource not found"""

    code, status = "ResourceNotFoundException", 400


class ResourceInUseException(AwsError):
    """Table already exists: {table}"""

    code, status = "ResourceInUseException", 400


class LimitExceededException(AwsError):
    """{reason}"""

    code, status = "LimitExceededException", 400


class ConditionalCheckFailedException(AwsError):
    """The conditional request failed"""

    code, status = "ConditionalCheckFailedException", 400
    tables: tuple[str, ...] = ()  # whose conditions failed


class TransactionCanceledException(AwsError):
    """Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"""

    code, status = "TransactionCanceledException", 400
    tables: tuple[str, ...] = ()  # whose conditions failed, each time one did


class IdempotentParameterMismatchException(AwsError):
    """The request uses the same client token as a previous, but non-identical request."""

    code, status = "IdempotentParameterMismatchException", 400


class PolicyNotFoundException(AwsError):
    """Resource-based policy not found for the provided ResourceArn: {arn}"""

    code, status = "PolicyNotFoundException", 400


def invalid(reason: str) -> ValidationException:
    """A ValidationException that says `reason` and nothing else."""
    return ValidationException(reason)


def invalid_parameter(reason: str, **members: Any) -> ValidationException:
    """The commonest of AWS's forms, for values that don't fit the table, the type or one another."""
    return ValidationException(f"One or more parameter values were invalid: {reason}", members=members)
