"""What CloudFormation stores."""

from typing import Any

from cloudlet.kit.policy.request import Principal
from cloudlet.kit.record import Record


class Acting(Record, frozen=True):
    """As whom the other services are called: the caller of the operation, or the stack's role."""

    arn: str
    account: str
    type: str
    user_id: str = ""
    name: str = ""
    role_arn: str | None = None
    role_id: str | None = None
    tags: dict[str, str] = {}
    session_policies: list[str] | None = None
    session_context: dict[str, str] = {}

    def principal(self) -> Principal:
        return Principal(
            arn=self.arn,
            account=self.account,
            type=self.type,  # type: ignore[arg-type]
            user_id=self.user_id,
            name=self.name,
            role_arn=self.role_arn,
            role_id=self.role_id,
            tags=self.tags,
        )


class Settings(Record, frozen=True):
    """What a request says of a stack besides its template."""

    parameters: list[dict[str, str]] = []  # as shown: ParameterKey and ParameterValue
    tags: list[dict[str, str]] = []
    capabilities: list[str] = []
    notification_arns: list[str] = []
    role_arn: str | None = None
    description: str | None = None
    disable_rollback: bool = False
    on_failure: str = "ROLLBACK"
    timeout_minutes: int | None = None


class Stack(Record, frozen=True):
    id: str
    name: str
    account: str
    region: str
    status: str
    created_ms: int
    settings: Settings
    status_reason: str | None = None
    updated_ms: int | None = None
    deleted_ms: int | None = None
    outputs: list[dict[str, str]] = []
    is_protected: bool = False  # EnableTerminationProtection
    change_set_id: str | None = None
    revision: int = 0  # of the plan it was made of; 0 = none yet
    revisions: int = 0  # given out so far, to change sets too
    operations: int = 0  # begun so far
    imports: list[str] = []  # names of exports it uses

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudformation:{self.region}:{self.account}:stack/{self.name}/{self.id}"


class Operation(Record, frozen=True):
    """A stack being created, updated or deleted: everything needed to go on after a crash."""

    id: str
    kind: str  # CREATE UPDATE DELETE
    phase: str  # make, tell, undo, clean; stopped: a rollback that can be continued
    acting: Acting
    before: Stack  # as it was, for a rollback
    revision: int = 0  # the plan to be carried out
    position: int = 0  # among the plan's resources (make) and outputs (tell), among what has to go (clean)
    outputs: list[dict[str, str]] = []  # told so far
    done: int = 0  # undo records written, and not yet walked back over
    aside: int = 0  # resources set aside; then among them (clean)
    inherited: str = ""  # the operation whose records these are: of an update that a deletion found stopped
    failed: list[str] = []  # logical ids of what could not be deleted
    kept: list[str] = []  # … and of what it needs, which has to stay with it
    token: str | None = None
    retained: list[str] = []  # RetainResources
    deadline_ms: int | None = None
    is_cancelled: bool = False
    is_rolling_back: bool = False

    @property
    def records_id(self) -> str:
        """Under which undo records and resources set aside lie."""
        return self.inherited or self.id


class Resource(Record, frozen=True):
    logical_id: str
    type: str
    status: str
    updated_ms: int
    physical_id: str | None = None
    reason: str | None = None
    properties: dict[str, Any] = {}  # resolved
    stated: dict[str, Any] = {}  # as written
    attributes: dict[str, Any] = {}  # what Fn::GetAtt gives
    sealed: bytes = b""  # those of them that are secrets
    is_hidden: bool = False  # made from hidden parameters: stored without its properties …
    sealed_properties: bytes = b""  # … which are here
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    metadata: Any = None
    needs: list[str] = []
    begun: str | None = None  # the operation that is making it, or its successor, in pieces: unfinished after a crash
    begun_name: str = ""  # what that one is called
    holds: list[str] = []  # places that no other resource may have; see kinds/kind.py
    tags: list[dict[str, str]] = []  # of the stack, that it bears too


class ResourceLine(Record, frozen=True):
    """A resource without its contents, which may be large."""

    logical_id: str
    type: str
    status: str
    updated_ms: int
    physical_id: str | None = None
    reason: str | None = None
    needs: list[str] = []
    holds: list[str] = []
    is_sealed: bool = False  # some of it


class Undo(Record, frozen=True):
    logical_id: str
    kind: str  # created, changed, replaced
    before: Resource | None = None


class Removal(Record, frozen=True):
    names: list[str]  # logical ids, in order


class Event(Record, frozen=True):
    id: str
    at_ms: int
    logical_id: str
    physical_id: str | None
    type: str
    status: str
    reason: str | None = None
    properties: str | None = None
    token: str | None = None


class PlanHead(Record, frozen=True):
    """A plan without its resources, outputs and text; see template/prepare.py."""

    description: str | None
    values: dict[str, str]  # of the parameters; stored without the hidden ones
    hidden: list[str]
    lists: list[str]
    conditions: dict[str, bool]
    capabilities: list[str]
    transforms: list[str]
    extended: bool
    names: list[str]  # of its resources: logical ids, in the order of making
    imports: list[str] = []  # names of exports it uses
    sealed: bytes = b""  # the hidden parameters' values

    def secrets(self) -> list[str]:
        """What must not be shown."""
        return [self.values[name] for name in self.hidden if self.values.get(name)]


class PlanOutputs(Record, frozen=True):
    outputs: list[dict[str, Any]]


class PlanPart(Record, frozen=True):
    """Some of a plan's resources, each encoded: a step decodes the one it is about."""

    planned: list[bytes]


class PlannedResource(Record, frozen=True):
    logical_id: str
    type: str
    properties: dict[str, Any]
    needs: list[str]
    deletion_policy: str
    update_replace_policy: str
    metadata: Any = None


class ChangeSet(Record, frozen=True):
    """Settings are rows of their own: lists don't need them, and parameters may be many."""

    id: str
    name: str
    stack_id: str
    stack_name: str
    kind: str  # CREATE UPDATE
    status: str
    execution_status: str
    created_ms: int
    revision: int
    operations: int  # that the stack had had: any other makes it obsolete
    description: str | None = None
    status_reason: str | None = None
    on_stack_failure: str | None = None


class Change(Record, frozen=True):
    """One change in AWS's form, with and without the values of properties."""

    plain: dict[str, Any]
    detailed: dict[str, Any]


class ChangePage(Record, frozen=True):
    """As many as one answer shows, each encoded."""

    changes: list[bytes]


class ChangeSetPlace(Record, frozen=True):
    stack_id: str
    name: str


class Export(Record, frozen=True):
    name: str
    value: str
    stack_id: str
    stack_arn: str
