"""ListExports and ListImports. What exports mean for stacks is exports.py's."""

from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.cloudformation import errors, exports, rules
from cloudlet.services.cloudformation.records import Export
from cloudlet.services.cloudformation.service import cloudformation


@cloudformation.operation("ListExports")
def list_exports(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    begin, end = call.keys.export.range()
    if request.get("NextToken"):
        (after,) = page.decode_token(request["NextToken"], errors.ValidationError("NextToken is invalid"), str)
        begin = call.keys.export.key(after) + b"\x00"
    found = call.tx.scan(begin, end, limit=rules.EXPORTS_PER_PAGE)
    rows = [Export.decode(stored) for _, stored in found.rows]
    shown = [{"ExportingStackId": row.stack_arn, "Name": row.name, "Value": row.value} for row in rows]
    return {"Exports": shown, "NextToken": page.encode_token(rows[-1].name) if found.resume is not None else None}


@cloudformation.operation("ListImports")
def list_imports(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    name = request["ExportName"]
    users = exports.users_of(call, name)
    if not users:
        raise errors.ValidationError(f"Export '{name}' is not imported by any stack.")
    return {"Imports": users}
