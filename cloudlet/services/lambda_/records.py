"""What Lambda stores."""

from typing import Any

import msgspec

from cloudlet.kit.arn import arn
from cloudlet.kit.record import Record

LATEST = "$LATEST"


class Package(msgspec.Struct, frozen=True):
    """A zip file as it was uploaded: a blob, its digest (hex), its size and its content's."""

    blob_id: str
    sha256: str
    size: int
    unpacked: int


class UsedLayer(msgspec.Struct, frozen=True):
    """A layer's version as a function uses it: its content stays with the function when the layer is deleted."""

    arn: str
    package: Package


class Function(Record, frozen=True):
    id: str
    name: str
    last_version: int = 0  # the number given last; numbers are not used again
    tags: dict[str, str] = {}
    reserved: int | None = None  # concurrent executions kept for this function


class Configuration(Record, frozen=True):
    """One version of a function: code, configuration and state. Number 0 is $LATEST."""

    function_id: str
    name: str
    account: str
    region: str
    number: int
    runtime: str
    handler: str
    role: str
    package: Package
    build: str  # another whenever code or configuration are: an environment runs one build
    revision: str
    modified_ms: int
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    tmp_mb: int = 512
    environment: bytes | None = None  # sealed JSON: environment variables are secrets
    architecture: str = "x86_64"
    layers: tuple[UsedLayer, ...] = ()
    dead_letter_arn: str = ""
    tracing: str = "PassThrough"
    log_group: str = ""  # "" is /aws/lambda/<name>
    snap_start: str = "None"
    has_vpc_config: bool = False  # an empty one was given, and is answered
    is_pending: bool = False
    update: str = ""  # "", InProgress, Successful

    @property
    def version_name(self) -> str:
        return str(self.number) if self.number else LATEST

    @property
    def function_arn(self) -> str:
        """The function's own, without a qualifier."""
        return arn("lambda", self.region, self.account, f"function:{self.name}")

    @property
    def log_group_name(self) -> str:
        return self.log_group or f"/aws/lambda/{self.name}"

    def packages(self) -> list[Package]:
        return [self.package, *(layer.package for layer in self.layers)]


class Alias(Record, frozen=True):
    name: str
    number: int  # of the version it points to; 0 is $LATEST
    revision: str
    description: str = ""
    weights: dict[str, float] = {}  # a second version's share

    @property
    def numbers(self) -> list[int]:
        """Of all versions that it sends calls to."""
        return [self.number, *map(int, self.weights)]


class Policy(Record, frozen=True):
    """A resource policy: its statements as they are shown and evaluated."""

    statements: list[dict[str, Any]]
    revision: str


class EventInvokeConfig(Record, frozen=True):
    modified_ms: int
    retries: int | None = None
    age_s: int | None = None
    on_success: str = ""
    on_failure: str = ""


class Layer(Record, frozen=True):
    name: str
    last_version: int


class LayerVersion(Record, frozen=True):
    name: str
    number: int
    package: Package
    created_ms: int
    description: str = ""
    runtimes: list[str] | None = None
    architectures: list[str] | None = None
    license: str | None = None


class Totals(Record, frozen=True):
    functions: int = 0
    code_bytes: int = 0
    reserved: int = 0  # the sum of all reserved concurrency
