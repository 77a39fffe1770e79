"""What changes of functions have in common: packages counted, versions published, states that settle."""

from cloudlet.base import ids
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.lambda_.lookup import change_totals, find_version, put_function, put_version
from cloudlet.services.lambda_.package import functions_of
from cloudlet.services.lambda_.records import Configuration, Function
from cloudlet.store.transaction import Tx


def adopt_packages(tx: Tx, configuration: Configuration) -> None:
    for package in configuration.packages():
        tx.adopt_blob(package.blob_id)


def drop_packages(tx: Tx, configuration: Configuration) -> None:
    for package in configuration.packages():
        tx.drop_blob(package.blob_id)


def publish(
    call: Call, function: Function, configuration: Configuration, description: str | None = None
) -> Configuration:
    """The next version, with the code and configuration of $LATEST; the last one if nothing has changed since."""
    last = find_version(call.tx, call.keys, function, function.last_version) if function.last_version else None
    if last is not None and last.build == configuration.build:
        return last
    number = function.last_version + 1
    version = replace(configuration, number=number, revision=ids.uuid4())
    if description is not None:
        version = replace(version, description=description)
    put_function(call.tx, call.keys, replace(function, last_version=number))
    put_version(call.tx, call.keys, version)
    adopt_packages(call.tx, version)
    change_totals(call.tx, call.keys, code_bytes=version.package.size)
    if version.is_pending:
        settle_soon(call, version)
    return version


def settle_soon(call: Call, configuration: Configuration) -> None:
    """Pending becomes Active, InProgress becomes Successful: at once, but in a step of its own, as on AWS."""
    call.later(
        "settle_state",
        {
            "function_id": configuration.function_id,
            "name": configuration.name,
            "number": configuration.number,
            "build": configuration.build,
        },
    )


def retire(call: Call, configuration: Configuration) -> None:
    """After the commit, no environment of this version serves again."""
    arn, functions = environment_arn(configuration), functions_of(call)
    call.tx.after_commit(lambda: functions.retire(arn))


def retire_function(call: Call, function_arn: str) -> None:
    """After the commit, no environment of any of its versions serves again."""
    functions = functions_of(call)
    call.tx.after_commit(lambda: functions.retire(function_arn))


def environment_arn(configuration: Configuration) -> str:
    """What environments are known by: versions never share one."""
    return f"{configuration.function_arn}:{configuration.version_name}"
