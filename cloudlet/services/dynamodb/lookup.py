"""Reading and writing table records, by name or ARN."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call
from cloudlet.services.dynamodb import errors, rules
from cloudlet.services.dynamodb.keys import Contents, Keys
from cloudlet.services.dynamodb.records import Table, decode_table
from cloudlet.store.transaction import Tx


def keys_of(call: Call, table_name: str) -> tuple[Keys, str]:
    """The keys of the account that a TableName is about, and the bare name."""
    account, name = rules.table_address(table_name, call.region)
    return (call.keys if account is None else call.service.keys(account, call.region)), name


def find_table(tx: Tx, keys: Keys, name: str) -> Table | None:
    stored = tx.get(keys.table.key(name))
    return decode_table(stored) if stored else None


# Asks for a table of the request by name. Where many items are about few tables, each is looked up once in a
# transaction: functools.cache(partial(require_table, call)).
Require = Callable[[str], tuple[Table, Contents]]


def require_table(call: Call, table_name: str) -> tuple[Table, Contents]:
    """The table and its contents; raises as operations on items do."""
    keys, name = keys_of(call, table_name)
    table = find_table(call.tx, keys, name)
    if table is None:
        raise errors.ResourceNotFoundException()
    return table, keys.of(table.data_id)


Checked = TypeVar("Checked")


def checked(
    call: Call, check: Callable[[Require, dict[str, Any]], Checked], request: dict[str, Any], names: Iterable[str]
) -> Checked:
    """check(require, request), where `require` knows the tables `names`: of a request of many members, apart."""
    if not call.asks_much:
        return check(partial(require_table, call), request)
    found: dict[str, tuple[Table, Contents] | AwsError] = {}
    for name in names:
        try:
            found[name] = require_table(call, name)
        except AwsError as error:
            found[name] = error
    tables = tuple(each.message if isinstance(each, AwsError) else each[0] for each in found.values())
    return call.apart("checked", tables, check, partial(_require_found, found), request)


def _require_found(found: dict[str, tuple[Table, Contents] | AwsError], name: str) -> tuple[Table, Contents]:
    outcome = found[name]
    if isinstance(outcome, AwsError):
        raise outcome
    return outcome


def require_table_named(call: Call, table_name: str) -> tuple[Table, Keys]:
    """The table and its account's keys; raises as operations on tables do, naming it."""
    keys, name = keys_of(call, table_name)
    table = find_table(call.tx, keys, name)
    if table is None:
        raise errors.ResourceNotFoundException(f"Requested resource not found: Table: {name} not found")
    return table, keys


def put_table(tx: Tx, keys: Keys, table: Table) -> None:
    tx.put(keys.table.key(table.name), table.encode())
