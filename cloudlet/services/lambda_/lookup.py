"""Reading and writing Lambda's records, one by one."""

from typing import Any

from cloudlet.kit.arn import arn
from cloudlet.services.lambda_ import errors
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.records import LATEST, Alias, Configuration, EventInvokeConfig, Function, Policy, Totals
from cloudlet.store.transaction import Tx


def arn_of(keys: Keys, name: str, qualifier: str | None = None) -> str:
    base = arn("lambda", keys.region, keys.account, f"function:{name}")
    return f"{base}:{qualifier}" if qualifier else base


def find_function(tx: Tx, keys: Keys, name: str) -> Function | None:
    stored = tx.get(keys.function.key(name))
    return Function.decode(stored) if stored else None


def require_function(tx: Tx, keys: Keys, name: str, qualifier: str | None = None) -> Function:
    function = find_function(tx, keys, name)
    if function is None:
        raise errors.FunctionNotFound(arn=arn_of(keys, name, qualifier))
    return function


def put_function(tx: Tx, keys: Keys, function: Function) -> None:
    tx.put(keys.function.key(function.name), function.encode())


def find_version(tx: Tx, keys: Keys, function: Function, number: int) -> Configuration | None:
    stored = tx.get(keys.version.key(function.id, number))
    return Configuration.decode(stored) if stored else None


def latest(tx: Tx, keys: Keys, function: Function) -> Configuration:
    found = find_version(tx, keys, function, 0)
    assert found is not None, f"function {function.name} has no $LATEST"
    return found


def put_version(tx: Tx, keys: Keys, configuration: Configuration) -> None:
    tx.put(keys.version.key(configuration.function_id, configuration.number), configuration.encode())


def find_alias(tx: Tx, keys: Keys, function: Function, name: str) -> Alias | None:
    stored = tx.get(keys.alias.key(function.id, name))
    return Alias.decode(stored) if stored else None


def put_alias(tx: Tx, keys: Keys, function: Function, alias: Alias) -> None:
    remove_alias(tx, keys, function, alias.name)
    tx.put(keys.alias.key(function.id, alias.name), alias.encode())
    for number in alias.numbers:
        tx.put(keys.pointing.key(function.id, number, alias.name), b"")


def remove_alias(tx: Tx, keys: Keys, function: Function, name: str) -> None:
    """What hangs on it stays: its policy and event settings."""
    alias = find_alias(tx, keys, function, name)
    if alias is not None:
        tx.delete(keys.alias.key(function.id, name))
        for number in alias.numbers:
            tx.delete(keys.pointing.key(function.id, number, name))


def number_of(version: str) -> int | None:
    """The number behind a version's name; None for what is an alias's."""
    if version == LATEST:
        return 0
    return int(version) if version.isascii() and version.isdigit() and len(version) < 16 else None


def resolve(
    tx: Tx, keys: Keys, function: Function, qualifier: str | None, share: float = 1.0
) -> tuple[Configuration, Alias | None]:
    """What a qualifier stands for. `share` (0 ≤ share < 1, drawn by the caller) chooses among an alias's versions; 1
    takes the one it points to."""
    number = 0 if qualifier is None else number_of(qualifier)
    alias = None
    if number is None:
        alias = find_alias(tx, keys, function, qualifier or "")
        if alias is None:
            raise errors.FunctionNotFound(arn=arn_of(keys, function.name, qualifier))
        number = alias.number
        for version, weight in alias.weights.items():
            if share < weight:  # there is at most one
                number = int(version)
    found = find_version(tx, keys, function, number)
    if found is None:
        raise errors.FunctionNotFound(arn=arn_of(keys, function.name, qualifier))
    return found, alias


def find_policy(tx: Tx, key: bytes) -> Policy | None:
    stored = tx.get(key)
    return Policy.decode(stored) if stored else None


def find_invoke_config(tx: Tx, keys: Keys, function: Function, qualifier: str) -> EventInvokeConfig | None:
    stored = tx.get(keys.invoking.key(function.id, qualifier))
    return EventInvokeConfig.decode(stored) if stored else None


def totals(tx: Tx, keys: Keys) -> Totals:
    stored = tx.get(keys.totals)
    return Totals.decode(stored) if stored else Totals()


def change_totals(tx: Tx, keys: Keys, *, functions: int = 0, code_bytes: int = 0, reserved: int = 0) -> None:
    old = totals(tx, keys)
    new = Totals(old.functions + functions, old.code_bytes + code_bytes, old.reserved + reserved)
    tx.put(keys.totals, new.encode())


def policy_document(policy: Policy) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Id": "default", "Statement": policy.statements}
