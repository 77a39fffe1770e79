"""IAM's errors: the docstring is the message, the code the model's shape.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

from cloudlet.base.errors import AwsError


class NoSuchEntity(AwsError):
    """The {kind} with name {name} cannot be found."""

    code, status = "NoSuchEntityException", 404


class EntityAlreadyExists(AwsError):
    """{kind} with name {name} already exists."""

    code, status = "EntityAlreadyExistsException", 409


class DeleteConflict(AwsError):
    """Cannot delete entity, must {remedy} first."""

    code, status = "DeleteConflictException", 409


class LimitExceeded(AwsError):
    """Cannot exceed quota for {quota}: {limit}"""

    code, status = "LimitExceededException", 409


class InvalidInput(AwsError):
    """{reason}"""

    code, status = "InvalidInputException", 400


class ValidationError(AwsError):
    """{reason}"""

    code, status = "ValidationError", 400


class MalformedPolicyDocument(AwsError):
    """Syntax errors in policy."""

    code, status = "MalformedPolicyDocumentException", 400


class AccessDenied(AwsError):
    """{reason}"""

    code, status = "AccessDenied", 403
