"""What IAM stores. Users, groups and roles carry their inline policies: one read is all a decision needs of them."""

from cloudlet.kit.arn import arn
from cloudlet.kit.record import Record


class User(Record, frozen=True):
    id: str
    name: str
    path: str
    account: str
    created_ms: int
    tags: dict[str, str] = {}
    inline: dict[str, str] = {}  # policy name -> document
    attached: dict[str, str] = {}  # policy ARN -> its id ("" for AWS's own)
    groups: list[str] = []  # ids, in the order of joining
    boundary: str = ""  # policy ARN
    boundary_id: str = ""

    @property
    def arn(self) -> str:
        return arn("iam", "", self.account, f"user{self.path}{self.name}")


class Group(Record, frozen=True):
    id: str
    name: str
    path: str
    account: str
    created_ms: int
    inline: dict[str, str] = {}
    attached: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return arn("iam", "", self.account, f"group{self.path}{self.name}")


class Role(Record, frozen=True):
    id: str
    name: str
    path: str
    account: str
    created_ms: int
    trust: str  # the document as it was given
    trusted_ids: dict[str, str] = {}  # user and role ARNs that it names -> the unique ids they had then
    description: str | None = None
    max_session_s: int = 3600
    tags: dict[str, str] = {}
    inline: dict[str, str] = {}
    attached: dict[str, str] = {}
    boundary: str = ""
    boundary_id: str = ""

    @property
    def arn(self) -> str:
        return arn("iam", "", self.account, f"role{self.path}{self.name}")


class Policy(Record, frozen=True):
    """A managed policy, with the document of its default version."""

    id: str
    name: str
    path: str
    account: str
    created_ms: int
    updated_ms: int
    document: str
    default_version: int = 1
    latest_version: int = 1
    description: str | None = None
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return arn("iam", "", self.account, f"policy{self.path}{self.name}")


class PolicyVersion(Record, frozen=True):
    number: int
    document: str
    created_ms: int


class InstanceProfile(Record, frozen=True):
    id: str
    name: str
    path: str
    account: str
    created_ms: int
    role_id: str = ""
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return arn("iam", "", self.account, f"instance-profile{self.path}{self.name}")


class AccessKey(Record, frozen=True):
    id: str
    account: str
    user_id: str
    sealed_secret: bytes
    created_ms: int
    is_active: bool = True


class LastUse(Record, frozen=True):
    """When, for what and where a key or a role was last used, to the hour."""

    at_ms: int
    service: str
    region: str


Entity = User | Group | Role | Policy | InstanceProfile
Carrier = User | Group | Role  # what policies are attached to
