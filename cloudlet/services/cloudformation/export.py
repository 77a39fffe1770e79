"""Exports: what they mean for stacks (names unique in an account and region, kept while somebody uses them), and
ListExports and ListImports.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
"""

from collections.abc import Iterable
from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import lookup, rules
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.records import Export, Stack
from cloudlet.services.cloudformation.service import cloudformation


def find_export(call: Call, name: str) -> Export | None:
    stored = call.tx.get(call.keys.export.key(name))
    return Export.decode(stored) if stored else None


def imported_value(call: Call, stack: Stack, name: str) -> str:
    """An export's value; from now on it is in use."""
    export = find_export(call, name)
    if export is None:
        raise ValidationError(f"No export named {name} found.")
    call.tx.put(call.keys.imported.key(name, stack.id), stack.name.encode())
    return export.value


def _first_users(call: Call, name: str) -> list[str]:
    """Names of stacks that import it, as many as an error tells."""
    begin, end = call.keys.imported.range(name)
    found = page.first(call.tx, begin, end, rules.USERS_TOLD_MAX)
    return [stored.decode() for _, stored in found]


def replace_exports(call: Call, stack: Stack, outputs: list[dict[str, Any]]) -> None:
    """The stack exports what its outputs say, and no longer what they don't; ValidationError where that can't be."""
    wanted = {output["ExportName"]: output["OutputValue"] for output in outputs if "ExportName" in output}
    present = {output["ExportName"]: output["OutputValue"] for output in stack.outputs if "ExportName" in output}
    for name, value in wanted.items():
        found = find_export(call, name)
        if found is not None and found.stack_id != stack.id:
            owner = lookup.stack_by_id(call.tx, call.keys, found.stack_id)
            raise ValidationError(f"Export with name {name} is already exported by stack {owner.name}")
        if name in present and present[name] != value:
            _check_unused(call, name, "updated")
        call.tx.put(call.keys.export.key(name), Export(name, value, stack.id, stack.arn).encode())
    for name in present.keys() - wanted.keys():
        _check_unused(call, name, "deleted")
        call.tx.delete(call.keys.export.key(name))


def check_deletable(call: Call, stack: Stack) -> None:
    for output in stack.outputs:
        if "ExportName" in output:
            _check_unused(call, output["ExportName"], "deleted")


def _check_unused(call: Call, name: str, verb: str) -> None:
    users = _first_users(call, name)
    if users:
        raise ValidationError(f"Export {name} cannot be {verb} as it is in use by {' and '.join(users)}")


def replace_imports(call: Call, stack: Stack, names: list[str]) -> None:
    """The stack uses these exports and no others."""
    release_imports(call, stack, set(stack.imports) - set(names))
    for name in names:
        call.tx.put(call.keys.imported.key(name, stack.id), stack.name.encode())


def release_imports(call: Call, stack: Stack, names: Iterable[str]) -> None:
    for name in names:
        call.tx.delete(call.keys.imported.key(name, stack.id))


@cloudformation.operation("ListExports")
def list_exports(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    found = lookup.list_page(call, request, call.keys.export.range(), rules.EXPORTS_PER_PAGE)
    rows = [Export.decode(stored) for _, stored in found.rows]
    shown = [{"ExportingStackId": row.stack_arn, "Name": row.name, "Value": row.value} for row in rows]
    return {"Exports": shown, "NextToken": found.next_token}


@cloudformation.operation("ListImports")
def list_imports(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    name = request["ExportName"]
    found = lookup.list_page(call, request, call.keys.imported.range(name), rules.IMPORTS_PER_PAGE)
    if not found.rows and not request.get("NextToken"):
        raise ValidationError(f"Export '{name}' is not imported by any stack.")
    return {"Imports": [stored.decode() for _, stored in found.rows], "NextToken": found.next_token}
