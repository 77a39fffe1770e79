"""Service: the table of contents of one AWS API, its handlers and its tasks.

    sqs = Service("sqs", keys=Keys, contents={"message": "SendMessage ReceiveMessage …", …})

    @sqs.operation("SendMessage")      # in services/sqs/message.py
    def send_message(call, request): …

A plain `def` handler is one transaction; an `async def` one waits, and touches the store through `call.transact` only.
"""

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from cloudlet.base.errors import AwsError, NotImplementedYet
from cloudlet.kit.policy.evaluate import Access
from cloudlet.store.transaction import Tx
from cloudlet.wire.model import ServiceModel, load

AccessRule = Callable[[Any, dict[str, Any]], Sequence[Access]]  # (call, request) -> what the call touches

_NAMESPACES = {"lambda": "Lambda", "dynamodb": "DynamoDB", "logs": "Logs", "cloudwatch": "CloudWatch"}
TASK_AGE_MAX_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    handler: Callable[..., Any]
    waits: bool  # async def
    within: Callable[..., Any] | None = None  # of one that waits: the `def` that does what can be done in a transaction

    @property
    def at_once(self) -> Callable[..., Any] | None:
        """What runs in a transaction of the caller's; None if this can only wait."""
        return self.within if self.waits else self.handler


@dataclass(frozen=True, slots=True)
class Task:
    """What `call.later` can name. A `def` runs and leaves the outbox in one transaction: exactly once. An `async def`
    runs at least once, leased; what it returns, if anything, is a function run in the transaction that removes the
    entry."""

    name: str
    handler: Callable[..., Any]
    waits: bool
    in_flight_max: int
    lease_ms: int
    on_exhausted: str | None  # the `def` task that runs, in the removing transaction, when age or attempts end
    attempts_max: int | None


class CrossOrigin(NamedTuple):
    """What a browser asks for a page of another site."""

    origin: str
    method: str  # of a preflight: the one that is to follow
    headers: tuple[str, ...]
    is_preflight: bool


# (tx, the service's keys, what the path names first, the question) -> headers of the answer
CrossOriginAnswer = Callable[[Tx, Any, str, CrossOrigin], list[tuple[str, str]]]


class Service:
    """One AWS API. `contents` maps each module of the service's folder to the operations that belong there."""

    def __init__(
        self,
        name: str,
        *,
        keys: Callable[[str, str], Any],
        contents: Mapping[str, str],
        folder: str | None = None,
        anonymous: frozenset[str] = frozenset(),
        principal: str | None = None,
    ) -> None:
        """`keys(account, region)` makes the service's key layout. `anonymous` names the operations that may come
        unsigned (a resource policy or a token then decides). `principal` is who the service is when it calls another,
        by default `<name>.amazonaws.com`."""
        self.name, self.folder, self.anonymous = name, folder or name, anonymous
        self.principal = principal or f"{name}.amazonaws.com"
        self.namespace = f"AWS/{_NAMESPACES.get(name, name.upper())}"  # of its metrics
        self.keys = lru_cache(maxsize=4096)(keys)
        self.module_of = {operation: module for module, names in contents.items() for operation in names.split()}
        self.operations: dict[str, Operation] = {}
        self.tasks: dict[str, Task] = {}
        self.access_rules: Mapping[str, AccessRule] = {}
        self.cross_origin: CrossOriginAnswer | None = None
        self.refused: Callable[[Any, AwsError], None] | None = None
        self._modules = tuple(contents)

    @cached_property
    def model(self) -> ServiceModel:
        return load(self.name)

    def operation(self, name: str, *, within: Callable[..., Any] | None = None) -> Callable[[Callable], Callable]:
        """Register the handler of AWS operation `name`: (call, request) -> response, in AWS's spelling.

        `within`: for an `async def` handler some of whose requests need not wait (Invoke with InvocationType=Event is
        an enqueue), the `def` form of those: `call.aws` runs it in the caller's transaction.
        """

        def register(handler: Callable) -> Callable:
            module = handler.__module__.rpartition(".")[2]
            belongs = self.module_of.get(name)
            assert belongs is not None, f"{self.name} has no operation {name}: see services/{self.folder}/service.py"
            dedicated = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
            assert module in (belongs, dedicated), f"{name} belongs in {belongs}.py or {dedicated}.py, not {module}.py"
            self.operations[name] = Operation(name, handler, inspect.iscoroutinefunction(handler), within)
            return handler

        return register

    def task(
        self,
        name: str,
        *,
        in_flight_max: int = 32,
        lease_ms: int = 60_000,
        on_exhausted: str | None = None,
        attempts_max: int | None = None,
    ) -> Callable[[Callable], Callable]:
        """Register what `call.later(name, payload)` runs: (call, payload) -> None."""

        def register(handler: Callable) -> Callable:
            waits = inspect.iscoroutinefunction(handler)
            self.tasks[name] = Task(name, handler, waits, in_flight_max, lease_ms, on_exhausted, attempts_max)
            return handler

        return register

    def answers_cross_origin(self, answer: CrossOriginAnswer) -> CrossOriginAnswer:
        """Register who answers browsers' preflights, and what other answers tell them."""
        self.cross_origin = answer
        return answer

    def counts_refusals(self, count: Callable[[Any, AwsError], None]) -> Callable[[Any, AwsError], None]:
        """Register what counts refused requests, (call, error) -> None: outside of their transaction, which is gone."""
        self.refused = count
        return count

    def require_operation(self, name: str) -> Operation:
        """The handler of `name`; 501 NotImplemented where nobody wrote it yet."""
        operation = self.operations.get(name)
        if operation is None:
            module = self.module_of.get(name, "?")
            raise NotImplementedYet(service=self.name, operation=name, folder=self.folder, module=module)
        return operation

    def load(self) -> "Service":
        """Import the folder's modules, so that their decorators have run; idempotent."""
        package = f"cloudlet.services.{self.folder}"
        for module in (*self._modules, "background", "refusals"):
            if importlib.util.find_spec(f"{package}.{module}") is not None:
                importlib.import_module(f"{package}.{module}")
        self.access_rules = importlib.import_module(f"{package}.iam").ACCESS
        return self
