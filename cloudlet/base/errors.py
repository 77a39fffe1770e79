"""The one exception that becomes an answer. A service's errors.py subclasses it; the docstring is the message."""

from collections.abc import Sequence
from typing import Any, ClassVar


class AwsError(Exception):
    """{message}"""

    code: ClassVar[str] = "InternalFailure"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str | None = None,
        /,
        *,
        members: dict[str, Any] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        **facts: Any,
    ) -> None:
        """`facts` fill the docstring's {placeholders}; a `message` replaces it whole; `members` are further members of
        the error's shape in the service model (DynamoDB's Item, CancellationReasons …); `headers` go with the answer
        where the protocol is REST (S3's x-amz-bucket-region …)."""
        self.message = (type(self).__doc__ or "").strip().format(**facts) if message is None else message
        self.members = members or {}
        self.headers = headers
        super().__init__(self.message)


class _Chosen(AwsError):
    """An error whose code and status are chosen where it is raised; see `aws_error`."""

    def __init__(self, code: str, message: str, status: int, members: dict[str, Any]) -> None:
        super().__init__(message, members=members)
        self.code, self.status = code, status  # type: ignore[misc]


def aws_error(code: str, message: str, status: int = 400, **members: Any) -> AwsError:
    """An error that only the protocol or model can name, e.g. aws_error("ValidationException", "…")."""
    return _Chosen(code, message, status, members)


class InternalFailure(AwsError):
    """The request processing has failed because of an unknown error, exception or failure."""

    code, status = "InternalFailure", 500


class ServiceUnavailable(AwsError):
    """Service is unable to handle request: {reason}"""

    code, status = "ServiceUnavailable", 503


class NotImplementedYet(AwsError):
    """{service}.{operation} has no handler yet; it belongs in services/{folder}/{module}.py"""

    code, status = "NotImplemented", 501


class AccessDenied(AwsError):
    """A denied call. The message names principal, action, resource and the policy that decided (kit/policy/ makes
    it). The code is the protocol's own: AccessDenied (S3, query) or AccessDeniedException (JSON, CBOR): wire/ renders
    this class by protocol."""

    code, status = "AccessDenied", 403
