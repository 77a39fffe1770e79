"""Running a function once: what a call needs, read in one transaction; then the run, its metrics and its log.

Shared by Invoke and the asynchronous queue. Nothing here decides about retries.
"""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cloudlet.base import ids
from cloudlet.base.errors import AwsError, aws_error
from cloudlet.kit.call import Call
from cloudlet.kit.meter import Series
from cloudlet.kit.policy import service_principal
from cloudlet.kit.ports import CannotRun, CodePackage, FunctionSpec, Invocation, NoCapacity, Outcome
from cloudlet.services.lambda_ import errors, logs, rules
from cloudlet.services.lambda_.configuration import environment_of
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.lookup import arn_of, resolve, totals
from cloudlet.services.lambda_.package import functions_of
from cloudlet.services.lambda_.records import Configuration, Function
from cloudlet.services.lambda_.role import PRINCIPAL, Session, assume_for
from cloudlet.services.lambda_.storing import environment_arn

DAY_MS = 86_400_000
RESERVED_FULL = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT_FULL = "ConcurrentInvocationLimitExceeded"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be run with."""

    request_id: str
    payload: bytes
    client_context: str | None
    trace_id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run needs of the store."""

    configuration: Configuration
    qualifier: str | None
    variables: dict[str, str]
    session: Session
    pool: str  # whose concurrency it takes: the function's own or the account's
    pool_max: int
    invoked_arn: str

    @property
    def throttle_reason(self) -> str:
        return RESERVED_FULL if self.pool == self.configuration.function_arn else ACCOUNT_FULL


def plan(call: Call, keys: Keys, function: Function, qualifier: str | None) -> Plan:
    """Within a transaction. An alias that shares calls between versions chooses here."""
    share = int(ids.hexadecimal(8), 16) / 2**32
    configuration, _ = resolve(call.tx, keys, function, qualifier, share)
    try:
        session = assume_for(call, configuration)
    except AwsError as error:
        raise aws_error("AccessDeniedException", errors.RoleCannotBeAssumed().message, 403) from error
    if function.reserved is not None:
        pool, pool_max = configuration.function_arn, function.reserved
    else:
        pool = f"{keys.account}/{keys.region}"
        pool_max = rules.CONCURRENCY_MAX - totals(call.tx, keys).reserved
    return Plan(
        configuration=configuration,
        qualifier=qualifier,
        variables=environment_of(call, configuration),
        session=session,
        pool=pool,
        pool_max=pool_max,
        invoked_arn=arn_of(keys, function.name, qualifier),
    )


def own_call(call: Call, keys: Keys) -> Call:
    """Lambda's own call on behalf of a function, for metrics and logs: whoever invoked it need not be allowed those."""
    return Call(
        call.node,
        call.service,
        call.operation,
        account=keys.account,
        region=keys.region,
        principal=service_principal(PRINCIPAL),
        source=call.source,
        request_id=call.request_id,
    )


async def run(own: Call, planned: Plan, ask: Ask) -> Outcome:
    """One run to its end. Raises TooManyRequests where nothing more may run, ServiceFailure where nothing can.

    The caller has settled: what the run is caused by is durable.
    """
    functions, pool = functions_of(own), planned.pool
    if functions.running[pool] >= planned.pool_max:
        count(own, planned, "Throttles")
        raise errors.TooManyRequests(members={"Reason": planned.throttle_reason})
    functions.running[pool] += 1
    count(own, planned, "ConcurrentExecutions", functions.running[pool])
    try:
        outcome = await functions.invoke(
            _spec(own, planned), _invocation(planned, ask), *_packages(planned.configuration)
        )
    except NoCapacity as error:
        count(own, planned, "Throttles")
        raise errors.TooManyRequests(members={"Reason": ACCOUNT_FULL, "retryAfterSeconds": "1"}) from error
    except CannotRun as error:
        raise errors.ServiceFailure(f"This machine cannot run the function: {error}") from error
    finally:
        functions.running[pool] -= 1
        if not functions.running[pool]:
            del functions.running[pool]
    count(own, planned, "Invocations")
    count(own, planned, "Errors", 1 if outcome.function_error else 0)
    count(own, planned, "Duration", outcome.duration_ms, "Milliseconds")
    await logs.write(own, planned.session.principal, planned.configuration.log_group_name, outcome)
    return outcome


def count(own: Call, planned: Plan, metric: str, value: float = 1, unit: str = "Count") -> None:
    """One of Lambda's metrics: of the function, of the version or alias that was asked for, and of all functions. Never
    within a transaction: what ran has run."""
    minute, name = own.now_ms // 60_000, planned.configuration.name
    for series in _series(
        own.account, own.region, own.service.namespace, metric, unit, name, planned.qualifier, minute
    ):
        own.node.meter.add(series, value)


@lru_cache(maxsize=256)
def _series(
    account: str, region: str, namespace: str, metric: str, unit: str, name: str, qualifier: str | None, minute: int
) -> list[Series]:
    dimensions: list[tuple[tuple[str, str], ...]] = [(("FunctionName", name),), ()]
    if qualifier is not None:
        dimensions.append((("FunctionName", name), ("Resource", f"{name}:{qualifier}")))
    return [Series(account, region, namespace, metric, unit, each, minute) for each in dimensions]


def _spec(own: Call, planned: Plan) -> FunctionSpec:
    day = _day(own.now_ms // DAY_MS)
    if not planned.variables:
        return _plain_spec(planned.configuration, day)
    return dataclasses.replace(_plain_spec(planned.configuration, day), environment=planned.variables)


@lru_cache(maxsize=256)
def _plain_spec(configuration: Configuration, day: str) -> FunctionSpec:
    """Without variables: those are secrets, and not kept."""
    return FunctionSpec(
        function_arn=environment_arn(configuration),
        function_name=configuration.name,
        version=configuration.version_name,
        runtime=configuration.runtime,
        handler=configuration.handler,
        code_dir=Path(),  # the port knows
        timeout_ms=configuration.timeout_s * 1000,
        memory_mb=configuration.memory_mb,
        tmp_mb=configuration.tmp_mb,
        account=configuration.account,
        region=configuration.region,
        log_group=configuration.log_group_name,
        log_stream_prefix=f"{day}/[{configuration.version_name}]",
        code_id=configuration.build,
    )


@lru_cache(maxsize=4)
def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * DAY_MS / 1000, UTC):%Y/%m/%d}"


def _invocation(planned: Plan, ask: Ask) -> Invocation:
    return Invocation(
        request_id=ask.request_id,
        payload=ask.payload,
        deadline_ms=0,  # the timeout, from when the handler gets the event
        client_context=ask.client_context,
        invoked_function_arn=planned.invoked_arn,
        trace_id=ask.trace_id,
        credentials=planned.session.credentials,
    )


def _packages(configuration: Configuration) -> tuple[CodePackage, list[CodePackage]]:
    code, *layers = [CodePackage(package.blob_id, package.sha256) for package in configuration.packages()]
    return code, layers
