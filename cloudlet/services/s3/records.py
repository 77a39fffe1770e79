"""What S3 stores."""

from typing import Any

from cloudlet.kit.record import Record

NULL = "null"  # the id of versions made while versioning was not enabled


class Bucket(Record, frozen=True):
    id: str
    name: str
    account: str
    region: str
    created_ms: int
    location: str = ""  # the LocationConstraint as it was given; "EU" is a region too
    versioning: str = ""  # "" = never enabled, Enabled, Suspended
    policy: str = ""
    policy_is_public: bool = False
    public_access: dict[str, bool] | None = None  # BlockPublicAcls … ; None = none
    ownership: str = "BucketOwnerEnforced"  # "" = removed
    tags: dict[str, str] = {}
    encryption: dict[str, Any] | None = None  # as AWS spells it; None = the default, AES256
    cors: list[dict[str, Any]] = []
    lifecycle: list[dict[str, Any]] = []
    lifecycle_id: str = ""  # of the task chain that applies it
    minimum_size: str = ""  # the lifecycle's TransitionDefaultMinimumObjectSize
    notifications: list["Notification"] = []

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"

    @property
    def keeps_versions(self) -> bool:
        """Was versioning ever enabled? Then there may be older versions."""
        return self.versioning != ""

    @property
    def counts(self) -> bool:
        """Do changes get a sequence?"""
        return self.versioning != "" or bool(self.notifications)

    def blocks(self, setting: str) -> bool:
        return self.public_access is not None and self.public_access.get(setting, False)


class Notification(Record, frozen=True):
    """One destination of a bucket's events."""

    id: str
    kind: str  # Queue, Topic, LambdaFunction
    arn: str
    events: list[str]
    rules: list[tuple[str, str]] = []  # ("Prefix" or "Suffix", value), in the order given

    @property
    def prefix(self) -> str:
        return next((value for name, value in self.rules if name == "Prefix"), "")

    @property
    def suffix(self) -> str:
        return next((value for name, value in self.rules if name == "Suffix"), "")


class Version(Record, frozen=True):
    """An object, one of its older versions, or a delete marker. The body is in one of four places: a value (`inline`),
    a blob, a list of parts, or nowhere (size 0)."""

    id: str
    sequence: int
    modified_ms: int  # in whole seconds, as S3 tells it
    etag: str = ""  # without its quotes
    size: int = 0
    is_delete_marker: bool = False
    is_inline: bool = False
    blob: str = ""
    parts_id: str = ""
    part_count: int = 0  # of a multipart upload; 0 = it was none
    checksum_algorithm: str = ""
    checksum: str = ""
    checksum_type: str = "FULL_OBJECT"
    headers: dict[str, Any] = {}  # ContentType … in AWS's spelling
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    storage_class: str = "STANDARD"


class Part(Record, frozen=True):
    number: int
    etag: str
    size: int
    modified_ms: int
    blob: str  # "" = empty
    checksum_algorithm: str
    checksum: str


class PartList(Record, frozen=True):
    """The body of an object that was uploaded in parts."""

    parts: list[Part]


class Owned(Record, frozen=True):
    """What a list of buckets tells."""

    created_ms: int
    region: str


class Completed(Record, frozen=True):
    """What is remembered of a multipart upload that became an object: enough to answer a client that asks again."""

    parts_sha256: str  # of the list of parts, as the client gave it
    answer: dict[str, Any]


class Upload(Record, frozen=True):
    """A multipart upload under way."""

    id: str
    key: str
    initiated_ms: int
    initiator: str  # ARN
    initiator_name: str
    headers: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    storage_class: str = "STANDARD"
    checksum_algorithm: str = ""  # as asked for; "" = nothing was
    checksum_type: str = ""
