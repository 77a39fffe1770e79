"""CloudFormation's errors: the docstring is the message."""

from cloudlet.base.errors import AwsError


class ValidationError(AwsError):
    """{reason}"""

    code, status = "ValidationError", 400


class StackDoesNotExist(AwsError):
    """Stack with id {name} does not exist"""

    code, status = "ValidationError", 400


class StackInBracketsDoesNotExist(AwsError):
    """Stack [{name}] does not exist"""

    code, status = "ValidationError", 400


class AlreadyExists(AwsError):
    """Stack [{name}] already exists"""

    code, status = "AlreadyExistsException", 400


class ChangeSetExists(AwsError):
    """ChangeSet {name} already exists"""

    code, status = "AlreadyExistsException", 400


class ChangeSetNotFound(AwsError):
    """ChangeSet [{name}] does not exist"""

    code, status = "ChangeSetNotFoundException", 404


class InvalidChangeSetStatus(AwsError):
    """ChangeSet [{arn}] cannot be executed in its current status of [{state}]"""

    code, status = "InvalidChangeSetStatusException", 400


class InsufficientCapabilities(AwsError):
    """Requires capabilities : [{missing}]"""

    code, status = "InsufficientCapabilitiesException", 400


class ResourceExists(AwsError):
    """Resource handler returned message: "{told}" (RequestToken: {token}, HandlerErrorCode: AlreadyExists)"""

    code, status = "AlreadyExists", 400


class ManagedElsewhere(AwsError):
    """Policy resource was already managed by another stack or another resource in the current stack. {found}"""

    code, status = "AlreadyExists", 400


class NotSupported(AwsError):
    """{feature} has no handler yet; it belongs in services/cloudformation/{module}.py"""

    code, status = "NotImplemented", 501
