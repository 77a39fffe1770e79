"""The values that go into and come out of a function's environment. No behaviour, no I/O."""

from dataclasses import dataclass, field
from pathlib import Path

LEVELS = ("namespaces", "landlock", "none")


@dataclass(frozen=True)
class FunctionSpec:
    """What an environment is made of. Two specs with the same (function_arn, code_id) may share one environment.

    `code_dir` and the layers must be readable by everybody (directories 0755, files 0644 and 0755), as AWS asks of
    packages: the function runs as an unprivileged user.
    """

    function_arn: str
    function_name: str
    version: str
    runtime: str
    handler: str
    code_dir: Path
    layer_dirs: tuple[Path, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    timeout_ms: int = 3_000
    memory_mb: int = 128
    tmp_mb: int = 512
    account: str = "000000000000"
    region: str = "us-east-1"
    log_group: str = ""
    log_stream_prefix: str = ""  # an environment's stream is this and an id of its own
    code_id: str = ""


@dataclass(frozen=True)
class Credentials:
    """The role's temporary credentials. They are given to an environment when it starts, as AWS does: an environment
    takes no call that could outlive them, so a caller passes fresh ones with every call and only a start uses them."""

    access_key: str
    secret_key: str
    token: str
    expires_ms: int  # wall clock


@dataclass(frozen=True)
class Invocation:
    """One call. `deadline_ms` (wall) is what the caller promised; a cold start moves it by as long as it took, because
    AWS counts a function's time from the moment the handler's runtime gets the event. 0: timeout from that moment."""

    request_id: str
    payload: bytes
    deadline_ms: int
    client_context: str | None
    invoked_function_arn: str
    trace_id: str
    credentials: Credentials


@dataclass(frozen=True)
class Outcome:
    """What became of a call. `status`: ok (also when the handler raised), timeout, crashed, oom. `log_stream` is the
    one of the environment that ran it."""

    payload: bytes
    function_error: str | None
    log: bytes
    duration_ms: float
    billed_ms: int
    init_ms: float | None
    memory_used_mb: int
    status: str
    log_stream: str = ""


@dataclass(frozen=True)
class RuntimeSettings:
    """`hidden`: directories no function may see although they lie in what is shown to all (/usr, the interpreter)."""

    work_dir: Path
    node_address: tuple[str, int] = ("127.0.0.1", 4566)
    level: str = "auto"
    network: str = "private"
    environments_max: int = 64
    memory_total_mb: int = 16_384
    idle_ms: int = 600_000
    age_max_ms: int = 6 * 3_600_000
    hidden: tuple[Path, ...] = ()


class NoCapacity(Exception):
    """Every environment is busy and the limit (`environments_max`, `memory_total_mb`) is reached."""


class CannotStart(Exception):
    """The function's package is at fault before anything of it runs; AWS's name for it, and its words."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


class SandboxUnavailable(Exception):
    """The level asked for does not work on this host; the text says why."""
