"""What stacks export and import: names unique in an account and region, kept while somebody uses them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
"""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import lookup
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.records import Export, Stack


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


def users_of(call: Call, name: str) -> list[str]:
    """Names of the stacks that import it (at most 1,000)."""
    return [stored.decode() for _, stored in call.tx.scan(*call.keys.imported.range(name)).rows]


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
    users = users_of(call, name)
    if users:
        raise ValidationError(f"Export {name} cannot be {verb} as it is in use by {' and '.join(users)}")


def replace_imports(call: Call, stack: Stack, names: list[str]) -> None:
    """The stack uses these exports and no others."""
    for name in set(stack.imports) - set(names):
        call.tx.delete(call.keys.imported.key(name, stack.id))
    for name in names:
        call.tx.put(call.keys.imported.key(name, stack.id), stack.name.encode())
