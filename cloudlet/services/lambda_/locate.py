"""From what a request calls a function to its keys, record and qualifier."""

from collections.abc import Mapping
from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.lookup import require_function
from cloudlet.services.lambda_.records import Function


def named(call: Call, request: Mapping[str, Any], member: str = "FunctionName") -> tuple[Keys, rules.FunctionName]:
    """The keys of the account a name says (by default the caller's), and its parts."""
    name = rules.function_name(request[member], request.get("Qualifier"))
    if name.region not in (None, call.region):
        raise errors.OtherRegion(region=name.region, here=call.region)
    return call.service.keys(name.account or call.account, call.region), name


def locate(call: Call, request: Mapping[str, Any]) -> tuple[Keys, Function, str | None]:
    keys, name = named(call, request)
    return keys, require_function(call.tx, keys, name.name, name.qualifier), name.qualifier
