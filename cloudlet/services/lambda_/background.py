"""What Lambda does unasked: states settle, deleted functions' remains go. The queue of events: asynchronous.py."""

from typing import Any

from cloudlet.base import ids
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.lambda_ import asynchronous  # noqa: F401 - its tasks
from cloudlet.services.lambda_.lookup import change_totals, find_function, find_version, put_version
from cloudlet.services.lambda_.records import Configuration
from cloudlet.services.lambda_.service import lambda_
from cloudlet.services.lambda_.storing import drop_packages

REMOVED_PER_STEP = 100


@lambda_.task("settle_state")
def settle_state(call: Call, payload: dict[str, Any]) -> None:
    function = find_function(call.tx, call.keys, payload["name"])
    if function is None or function.id != payload["function_id"]:
        return
    version = find_version(call.tx, call.keys, function, payload["number"])
    if version is not None and version.build == payload["build"]:
        settled = replace(version, is_pending=False, update="Successful", revision=ids.uuid4())
        put_version(call.tx, call.keys, settled)


@lambda_.task("remove_function")
def remove_function(call: Call, payload: dict[str, Any]) -> None:
    """A deleted function's versions, with their packages; then its aliases, policies and event settings."""
    keys = call.service.keys(payload["account"], call.region)
    versions = call.tx.scan(*keys.version.range(payload["id"]), limit=REMOVED_PER_STEP)
    for key, stored in versions.rows:
        configuration = Configuration.decode(stored)
        call.tx.delete(key)
        drop_packages(call.tx, configuration)
        change_totals(call.tx, keys, code_bytes=-configuration.package.size)
    remains = versions.resume is not None
    for space in (keys.alias, keys.pointing, keys.policy, keys.invoking):
        found = call.tx.scan(*space.range(payload["id"]), limit=REMOVED_PER_STEP)
        for key, _ in found.rows:
            call.tx.delete(key)
        remains = remains or found.resume is not None
    if remains:
        call.later("remove_function", payload)
