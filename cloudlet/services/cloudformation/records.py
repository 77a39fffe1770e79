"""What CloudFormation stores."""

from typing import Any

from cloudlet.kit.policy.request import Principal
from cloudlet.kit.record import Record
from cloudlet.services.cloudformation.template.prepare import Plan, Planned


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
    imports: list[str] = []  # names of exports it uses

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudformation:{self.region}:{self.account}:stack/{self.name}/{self.id}"


class Operation(Record, frozen=True):
    """A stack being created, updated or deleted: everything needed to go on after a crash."""

    id: str
    kind: str  # CREATE UPDATE DELETE
    phase: str  # make, undo, clean; stopped: a rollback that can be continued
    acting: Acting
    before: Stack  # as it was, for a rollback
    revision: int = 0  # the plan to be carried out
    position: int = 0  # in the plan (make), among the doomed (clean)
    done: int = 0  # undo records written
    failed: list[str] = []  # logical ids
    token: str | None = None
    retained: list[str] = []  # RetainResources
    deadline_ms: int | None = None
    is_cancelled: bool = False
    is_rolling_back: bool = False


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


class Undo(Record, frozen=True):
    logical_id: str
    kind: str  # created, changed, replaced
    before: Resource | None = None


class Doomed(Record, frozen=True):
    resource: Resource
    keeps: bool = False  # retained by its policy: only forgotten


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
    """A plan without its resources and text; see template/prepare.py."""

    description: str | None
    values: dict[str, str]  # of the parameters; stored without the hidden ones
    hidden: list[str]
    lists: list[str]
    mappings: dict[str, Any]
    conditions: dict[str, bool]
    outputs: list[dict[str, Any]]
    capabilities: list[str]
    transforms: list[str]
    extended: bool
    count: int  # of resources
    sealed: bytes = b""  # the hidden parameters' values

    def secrets(self) -> list[str]:
        """What must not be shown."""
        return [self.values[name] for name in self.hidden if self.values.get(name)]


class PlannedResource(Record, frozen=True):
    logical_id: str
    type: str
    properties: dict[str, Any]
    needs: list[str]
    deletion_policy: str
    update_replace_policy: str
    metadata: Any = None


class ChangeSet(Record, frozen=True):
    id: str
    name: str
    stack_id: str
    stack_name: str
    kind: str  # CREATE UPDATE
    status: str
    execution_status: str
    created_ms: int
    revision: int
    settings: Settings
    description: str | None = None
    status_reason: str | None = None
    on_stack_failure: str | None = None
    changes: int = 0


class Change(Record, frozen=True):
    """One change in AWS's form, with and without the values of properties."""

    plain: dict[str, Any]
    detailed: dict[str, Any]


class ChangeSetPlace(Record, frozen=True):
    stack_id: str
    name: str


class Export(Record, frozen=True):
    name: str
    value: str
    stack_id: str
    stack_arn: str


def plan_head(plan: Plan) -> PlanHead:
    return PlanHead(
        description=plan.description,
        values=plan.values,
        hidden=plan.hidden,
        lists=plan.lists,
        mappings=plan.mappings,
        conditions=plan.conditions,
        outputs=plan.outputs,
        capabilities=plan.capabilities,
        transforms=plan.transforms,
        extended=plan.extended,
        count=len(plan.resources),
    )


def planned_resource(planned: Planned) -> PlannedResource:
    return PlannedResource(
        planned.logical_id,
        planned.type,
        planned.properties,
        planned.needs,
        planned.deletion_policy,
        planned.update_replace_policy,
        planned.metadata,
    )
