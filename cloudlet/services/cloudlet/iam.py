"""IAM actions cloudlet:<Operation>, on every resource: they concern the node as a whole."""

from collections.abc import Sequence
from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Access
from cloudlet.kit.service import AccessRule
from cloudlet.services.cloudlet.service import cloudlet


def _whole_node(operation: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        return (Access(f"cloudlet:{operation}", "*", call.account, None, {}),)

    return rule


ACCESS: dict[str, AccessRule] = {operation: _whole_node(operation) for operation in cloudlet.module_of}
