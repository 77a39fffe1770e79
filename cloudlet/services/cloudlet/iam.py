"""IAM actions cloudlet:<Operation>, on every resource: they concern the node as a whole.

Mail, decisions and the clock are those of all accounts, so they belong to the node's first account: users and roles of
others may not, whatever their own account allows them. Root users may: only a node on loopback has several, and there
everybody may be any of them.
"""

from collections.abc import Sequence
from typing import Any

from cloudlet.kit.call import Call
from cloudlet.kit.policy.evaluate import Access
from cloudlet.kit.service import AccessRule
from cloudlet.services.cloudlet.service import cloudlet

NODE_ACCOUNT = "000000000000"


def _whole_node(operation: str) -> AccessRule:
    def rule(call: Call, request: dict[str, Any]) -> Sequence[Access]:
        account = call.account if call.principal.type == "Root" else NODE_ACCOUNT
        return (Access(f"cloudlet:{operation}", "*", account, None, {}),)

    return rule


ACCESS: dict[str, AccessRule] = {operation: _whole_node(operation) for operation in cloudlet.module_of}
