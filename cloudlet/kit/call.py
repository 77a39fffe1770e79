"""Call: one request being served, and all that its handler may do.

Inside a transaction: `tx`, `keys`, `now_ms` (one instant per transaction), `aws` (another service, now, in this
transaction), `later` (after it), `notify`, `count`, `apart` (what takes long). Around transactions, in an `async def`
handler: `transact`, `wait_for`, `pause`, `settle`.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from cloudlet.base import ids
from cloudlet.base.errors import InternalFailure, aws_error
from cloudlet.kit import outbox
from cloudlet.kit.arn import arn
from cloudlet.kit.authority import ConditionValues, authorise
from cloudlet.kit.dispatch import perform, prepare
from cloudlet.kit.meter import Series
from cloudlet.kit.node import Node
from cloudlet.kit.policy import Principal, service_principal
from cloudlet.kit.service import TASK_AGE_MAX_MS, Service
from cloudlet.store.transaction import Tx
from cloudlet.wire.message import BodyStream, HttpRequest

T = TypeVar("T")

DEPTH_MAX = 8  # call.aws within call.aws
APART_MAX = 6  # computations of one call in a thread; what then still changes is computed in its transaction


class Apart(Exception):
    """Not an error: the transaction ends here, and is run again once a thread has computed this (`Call.apart`)."""

    def __init__(self, what: str, of: tuple[Any, ...], compute: Callable[[], Any]) -> None:
        super().__init__(what)
        self.what, self.of, self.compute = what, of, compute


class Outcome(NamedTuple):
    """What a computation returned or raised, and of what."""

    of: tuple[Any, ...]
    value: Any
    error: Exception | None

    @classmethod
    def of_computing(cls, apart: Apart) -> "Outcome":
        try:
            return cls(apart.of, apart.compute(), None)
        except Exception as error:
            return cls(apart.of, None, error)


class Source(NamedTuple):
    """Where a request came from, as conditions and answers need it."""

    ip: str = "127.0.0.1"
    user_agent: str = ""
    secure: bool = False
    base_url: str = "http://127.0.0.1:4566"  # the node as the client addressed it: queue URLs and links start with it
    listener: str = ""  # "" = public, else an execution environment
    request: HttpRequest | None = None  # as it came, for the few handlers that look at its headers


class Call:
    __slots__ = (
        "_apart_count", "_authorised", "_last_inner", "_request", "_tx", "account", "answers_much",
        "asks_much", "body", "computed", "condition_values", "depth", "entry_id", "horizon", "is_checked", "keys",
        "node", "now_ms", "operation", "principal", "region", "rehearses", "request_id", "service", "session_context",
        "session_policies", "source", "source_account", "source_arn",
    )  # fmt: skip

    def __init__(
        self,
        node: Node,
        service: Service,
        operation: str,
        *,
        account: str,
        region: str,
        principal: Principal,
        source: Source,
        request_id: str | None = None,
        session_policies: tuple[str, ...] | None = None,
        session_context: Mapping[str, str] | None = None,
        body: BodyStream | None = None,
    ) -> None:
        self.node, self.service, self.operation = node, service, operation
        self.account, self.region, self.principal, self.source = account, region, principal, source
        self.request_id = request_id or ids.uuid4()
        self.session_policies, self.session_context = session_policies, session_context or {}
        self.body = body
        self.keys = service.keys(account, region)
        self.now_ms = node.clock.now_ms()
        self.horizon = 0  # nothing of this call may leave the process before this is durable
        self.depth = 0
        self.source_arn: str | None = None
        self.source_account: str | None = None
        self.entry_id: str | None = None  # of the outbox entry being run: a dedupe token
        self.rehearses = False  # the test mode's first run, whose every effect is thrown away
        self.is_checked = False  # its request satisfies the model: found out before, off the loop
        self.asks_much = False  # its request has thousands of members: parsed off the loop
        self.answers_much = False  # its answer has: rendered off the loop
        self.condition_values: ConditionValues | None = None  # kept by kit/authority.py
        # What was computed apart, by whoever runs the transactions again for it; None: nobody does.
        self.computed: dict[str, Outcome] | None = None
        self._apart_count = 0
        self._tx: Tx | None = None
        self._last_inner: tuple[tuple, Call] | None = None  # as a service: what was asked for, and the call made of it
        self._authorised: tuple[int, int] | None = None  # when: see _moment
        self._request: dict[str, Any] = {}

    # ── inside a transaction ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def tx(self) -> Tx:
        assert self._tx is not None, "no transaction is open: an async handler reads and writes in call.transact(fn)"
        return self._tx

    def arn(self, resource: str) -> str:
        return arn(self.service.name, self.region, self.account, resource)

    def aws(
        self,
        service: str,
        operation: str,
        request: dict[str, Any],
        *,
        as_service: str | None = None,
        source_arn: str | None = None,
        source_account: str | None = None,
        principal: Principal | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> dict[str, Any]:
        """Call another service's public API now, in this transaction, inside a savepoint: an error discards all of it.

        Authorised as the service principal `as_service` (against the target's resource policy, with aws:SourceArn and
        aws:SourceAccount, by default this call's account), as `principal`, or as this call's own caller. `account` and
        `region` are the target's.
        Raises AwsError as a client would get it; NotImplementedYet included.
        """
        asked = (service, operation, as_service, source_arn, source_account, principal, account, region)
        if self._last_inner is not None and self._last_inner[0] == asked:
            inner = self._last_inner[1]
        else:
            inner = self._inner(*asked)
            if as_service:  # one message to many targets is one call, made many times
                self._last_inner = asked, inner
        tx = inner._tx = self.tx
        inner.now_ms = self.now_ms
        with tx.savepoint():
            return perform(inner, operation, request)

    async def aws_apart(
        self,
        service: str,
        operation: str,
        request: dict[str, Any],
        *,
        as_service: str | None = None,
        source_arn: str | None = None,
        source_account: str | None = None,
        principal: Principal | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> dict[str, Any]:
        """The same outside of any transaction, for what may wait (a function's answer): in as many transactions of its
        own as it takes. Only an `async def` can say this."""
        assert self._tx is None, "a transaction is open: call.aws"
        inner = self._inner(service, operation, as_service, source_arn, source_account, principal, account, region)
        handler = inner.service.require_operation(operation)
        try:
            if not handler.waits:
                return inner.transact(lambda tx: perform(inner, operation, request))
            inner.transact(lambda tx: prepare(inner, operation, request))
            inner.authorises_as(request)
            return await handler.handler(inner, request) or {}
        finally:
            self.horizon = max(self.horizon, inner.horizon)

    def _inner(
        self,
        service: str,
        operation: str,
        as_service: str | None,
        source_arn: str | None,
        source_account: str | None,
        principal: Principal | None,
        account: str | None,
        region: str | None,
    ) -> "Call":
        if self.depth >= DEPTH_MAX:
            raise InternalFailure(
                f"{service}.{operation} is called by {self.depth} services in a row: they go in circles."
            )
        identity = service_principal(as_service) if as_service else principal or self.principal
        target = self.node.services.get(service)
        if target is None:
            raise aws_error("NotImplemented", f"No service '{service}' is part of this node.", 501)
        inner = Call(
            self.node,
            target,
            operation,
            account=account or self.account,
            region=region or self.region,
            principal=identity,
            source=self.source,
            request_id=self.request_id,
            session_policies=self.session_policies if identity is self.principal else None,
            session_context=self.session_context if identity is self.principal else None,
        )
        inner.depth = self.depth + 1
        inner.source_arn = source_arn
        inner.source_account = (source_account or self.account) if source_arn else None
        return inner

    def later(
        self,
        task: str,
        payload: Mapping[str, Any],
        *,
        lane: str | None = None,
        due_ms: int | None = None,
        age_max_ms: int = TASK_AGE_MAX_MS,
        account: str | None = None,
        share: str | None = None,
    ) -> str:
        """Store work for this service's task `task`, run after this transaction; returns the entry's id.

        `lane`: strictly in order with the others of that name. `due_ms`: not before this moment of the service clock;
        its age counts from there.
        `payload` is plain data (msgpack). `account`: on whose behalf it runs, by default this call's. `share`, of a
        task that waits: whose it is, who therefore never takes all of the task's places.
        """
        assert task in self.service.tasks, f"{self.service.name} has no task {task}"
        assert share is None or self.service.tasks[task].waits, f"{task} holds no place: only what waits does"
        entry = outbox.Entry(
            id=outbox.new_entry_id(),
            service=self.service.name,
            task=task,
            account=account or self.account,
            region=self.region,
            payload=msgspec.msgpack.encode(payload),
            created_ms=self.now_ms,
            due_ms=self.now_ms if due_ms is None else due_ms,
            expires_ms=max(self.now_ms, due_ms or 0) + age_max_ms,
            lane=lane,
            share=share,
        )
        self.node.outbox.put(self.tx, entry)
        self.tx.after_commit(lambda: self.node.waiters.wake(("outbox",)))
        return entry.id

    def notify(self, *key: Any) -> None:
        """After commit: wake whoever waits for `key`."""
        self.tx.after_commit(lambda: self.node.waiters.wake(key))

    def count(self, metric: str, value: float = 1, unit: str = "Count", *, times: int = 1, **dimensions: str) -> None:
        """One of AWS's own metrics in the namespace AWS/<service>, e.g. count("NumberOfMessagesSent", QueueName=name);
        `times`: so many samples of this value.

        Kept once the transaction commits; outside of one, at once.
        """
        named = tuple(dimensions.items()) if len(dimensions) == 1 else tuple(sorted(dimensions.items()))
        series = Series(self.account, self.region, self.service.namespace, metric, unit, named, self.now_ms // 60_000)
        if self._tx is None:
            self.node.meter.add(series, value, times)
        else:
            self._tx.after_commit(partial(self.node.meter.add, series, value, times))

    def apart(self, what: str, of: tuple[Any, ...], compute: Callable[..., T], *args: Any) -> T:
        """What compute(*args) returns or raises; it takes long, and rests on nothing but `of` and the request.

        Where the caller can wait, a thread computes it: the transaction ends here without a trace, and is run again
        with the value at hand. If by then `of` is another, this happens once more, a few times. Elsewhere (call.aws, a
        task) it is computed at once. `what` names it among those of the call.
        """
        if self.computed is None:
            return compute(*args)
        outcome = self.computed.get(what)
        if outcome is None or outcome.of != of:
            if self._apart_count >= APART_MAX:
                return compute(*args)
            raise Apart(what, of, partial(compute, *args))
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    # ── around transactions ───────────────────────────────────────────────────────────────────────────────────────

    def transact(self, fn: Callable[..., T], *args: Any) -> T:
        """Run fn(tx, *args) as one transaction at one instant; an exception leaves no trace.

        A request that came from outside is authorised again in each of its transactions.
        """
        database = self.node.database
        if database.run_twice:  # the test mode: a rehearsal whose every effect is thrown away
            self._attempt(fn, args, commits=False)
        return self._attempt(fn, args, commits=True)

    async def transact_apart(self, fn: Callable[..., T], *args: Any) -> T:
        """As `transact`; what fn computes `apart` is computed in a thread."""
        self.computed = {}
        self._apart_count = 0
        while True:
            try:
                return self.transact(fn, *args)
            except Apart as apart:
                await self.compute(apart)

    async def compute(self, apart: Apart) -> None:
        """For whoever runs the transaction again."""
        self._apart_count += 1
        assert self.computed is not None
        self.computed[apart.what] = await asyncio.to_thread(Outcome.of_computing, apart)

    def _attempt(self, fn: Callable[..., T], args: tuple, *, commits: bool) -> T:
        assert self._tx is None, "transactions do not nest: use tx.savepoint()"
        tx = self._tx = self.node.database.begin()
        self.rehearses = not commits
        self.now_ms = self.node.clock.now_ms()
        try:
            if self._authorised is not None and self._authorised != self._moment():
                authorise(self, self.operation, self._request)
                self._authorised = self._moment()
            value = fn(tx, *args)
        except BaseException:
            self._tx = None
            self.horizon = max(self.horizon, tx.discard())
            if commits:
                raise
            return None  # type: ignore[return-value]
        self._tx = None
        self.horizon = max(self.horizon, tx.commit() if commits else tx.discard())
        return value

    def authorises_as(self, request: dict[str, Any]) -> None:
        """Its caller may do `request`, as the last transaction found. From now on each transaction of this call first
        asks again."""
        self._authorised, self._request = self._moment(), request

    def _moment(self) -> tuple[int, int]:
        """As long as this is the same, so is a decision: nothing was written since, and policies see whole seconds."""
        return self.node.database.journal.applied, self.now_ms // 1000

    async def wait_for(self, *key: Any, until_ms: int) -> None:
        """Wait until `key` is notified, the service clock is at `until_ms`, or a second has passed: then look again."""
        remaining_s = (until_ms - self.node.clock.now_ms()) / 1000
        if remaining_s > 0:
            await self.node.waiters.wait(key, remaining_s)
        self.now_ms = self.node.clock.now_ms()

    async def pause(self) -> None:
        """Let others run between two pieces of long work."""
        await asyncio.sleep(0)

    async def settle(self) -> None:
        """Wait until all that this call has read and written is durable: before anything leaves the process."""
        await self.node.database.journal.wait(self.horizon)


def task_call(node: Node, entry: outbox.Entry) -> Call:
    """The call under which an outbox entry runs: the owning service acting for itself."""
    service = node.services[entry.service]
    call = Call(
        node,
        service,
        entry.task,
        account=entry.account,
        region=entry.region,
        principal=service_principal(service.principal),
        source=Source(base_url=node.base_url),
    )
    call.entry_id = entry.id
    return call
