"""What services need from outside, as small protocols; app/wiring.py fills them in."""

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from cloudlet.kit.policy.evaluate import Policies, Principal
from cloudlet.runtime.model import Credentials as Credentials
from cloudlet.runtime.model import FunctionSpec as FunctionSpec
from cloudlet.runtime.model import Invocation as Invocation
from cloudlet.runtime.model import NoCapacity as NoCapacity
from cloudlet.runtime.model import Outcome as Outcome
from cloudlet.store.database import Database
from cloudlet.store.transaction import Tx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an access key belongs to, and what its requests must be signed with."""

    principal: Principal
    secret: bytes
    secret_version: str  # changes when the secret does: caches of signing keys hang on it
    is_active: bool = True
    session_policies: tuple[str, ...] | None = None  # JSON documents given to AssumeRole; None = no session policy
    session_context: Mapping[str, str] | None = None  # aws:TokenIssueTime and the like
    is_root_key: bool = False


class KeyUse(NamedTuple):
    """One genuine request: with which key, for which service (its signing name) and region, when."""

    access_key_id: str
    service: str
    region: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class AssumableRole:
    """What STS must know of a role."""

    arn: str
    id: str
    name: str
    account: str
    trust_policy: str
    max_session_s: int
    tags: Mapping[str, str]


class Identities(Protocol):
    """Keys and policies by name; services/iam answers."""

    def find_access_key(self, tx: Tx, access_key_id: str) -> Identity | None: ...

    def policies_of(self, tx: Tx, principal: Principal, session_policies: tuple[str, ...] | None) -> Policies:
        """`session_policies` are JSON documents, or ARNs of managed policies."""

    def find_role(self, tx: Tx, role_arn: str) -> AssumableRole | None: ...

    def kept(self, tx: Tx, key: tuple, make: Callable[[], T]) -> T:
        """What `make` gives, made once as long as nothing in IAM changes: decisions and what follows from them. What
        else it depends on, time too, is in `key`, whose first member is the caller's own."""

    def find_managed_policy(self, tx: Tx, policy_arn: str) -> str | None:
        """The document of a managed policy's default version."""

    def note_use(self, database: Database, identity: Identity, use: KeyUse) -> None:
        """A request of this identity was proved genuine. Noted in a transaction of its own, once an hour and key."""


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class HttpOut(Protocol):
    """Sends one HTTP request to the outside world (SNS http/https subscriptions)."""

    async def send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeout_s: float
    ) -> OutboundResponse:
        """The answer whatever its status. Raises OSError when there was none."""


class MailOut(Protocol):
    """Delivers one e-mail: always to the node's own mailbox, and to the SMTP relay when one is configured."""

    async def send(self, message: bytes, sender: str, recipients: list[str], entry_id: str) -> None:
        """`message` is RFC 5322 bytes; `entry_id` lets the mailbox drop a repeated delivery. Raises OSError."""


@dataclass(frozen=True, slots=True)
class StoredMail:
    """One e-mail in the node's mailbox."""

    id: str
    sent_ms: int
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    raw: bytes


class Mailbox(Protocol):
    """The node's own mailbox; app/mail.py keeps it."""

    def list(self, tx: Tx, limit: int, token: str | None) -> tuple[list[StoredMail], str | None]:
        """The newest first, and where the list goes on."""

    def find(self, tx: Tx, mail_id: str) -> StoredMail | None: ...

    def delete(self, tx: Tx, mail_id: str) -> None: ...


class Controls(Protocol):
    """What the node's own service may do to the node; app/ fills it in."""

    async def advance(self, milliseconds: int) -> int:
        """Move the service clock, run what becomes due; the horizon of it all."""

    def status(self) -> dict[str, Any]:
        """Members of the Status shape that only app/ knows."""


@dataclass(frozen=True, slots=True)
class CodePackage:
    """A zip file with a function's or layer's code: a blob, and the digest of its bytes (hex)."""

    blob_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PackageFacts:
    unpacked_bytes: int
    files: int


class BadPackage(Exception):
    """Not a zip file that can be unpacked; AWS's words for it, or ours."""


class Functions(Protocol):
    """Runs functions; app/functions.py fills it with runtime/. What goes in and comes out are runtime's own values,
    which services know from here."""

    running: Counter[str]  # calls under way, by names of the caller's
    unwritten: dict[tuple, Any]  # what they printed and is not in the log yet; the caller's too

    async def inspect(self, blob_id: str) -> PackageFacts:
        """Look into a zip file without unpacking it. Raises BadPackage."""

    async def invoke(
        self, spec: FunctionSpec, invocation: Invocation, code: CodePackage, layers: Sequence[CodePackage]
    ) -> Outcome:
        """Run one call to its end; `spec.code_dir` and `layer_dirs` are filled in here. Waits a while for room, then
        raises NoCapacity. Raises CannotRun where this machine cannot run it at all."""

    async def to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work`, which goes on to its end even if the one who waits is called off."""

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have it done with nobody waiting; called off when the node stops."""

    def retire(self, function_arn: str) -> None:
        """It changed or is gone: no environment of this version (without one: of any) serves again."""

    def why_not(self, runtime: str) -> str | None:
        """Why functions of this runtime cannot run here; None if they can."""


class CannotRun(Exception):
    """This machine cannot run functions, or not this one; the text says why."""
