"""What the node is and does; whom it let do what."""

from typing import Any

from cloudlet.kit.authority import RecordedDecision
from cloudlet.kit.call import Call
from cloudlet.services.cloudlet.service import cloudlet

DECISIONS_LISTED_MAX = 100


@cloudlet.operation("GetStatus")
def get_status(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    node = call.node
    stats = node.database.stats()
    return {
        "Url": node.base_url,
        "Services": sorted(node.services),
        "Sequence": stats.sequence,
        "DurableSequence": stats.durable,
        "Syncs": stats.syncs,
        "Keys": stats.keys,
        "IsFull": stats.full,
        **(node.controls.status() if node.controls else {}),
    }


@cloudlet.operation("ListDecisions")
def list_decisions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The newest first, as far as the node remembers."""
    limit = request.get("MaxResults", DECISIONS_LISTED_MAX)
    wanted = (_shown(recorded) for recorded in reversed(call.node.decisions) if _is_wanted(recorded, request))
    return {"Decisions": [shown for shown, _ in zip(wanted, range(limit))]}


def _is_wanted(recorded: RecordedDecision, request: dict[str, Any]) -> bool:
    return (
        request.get("RequestId") in (None, recorded.request_id)
        and request.get("Principal") in (None, recorded.decision.principal)
        and not (request.get("DeniedOnly") and recorded.decision.allowed)
    )


def _shown(recorded: RecordedDecision) -> dict[str, Any]:
    decision = recorded.decision
    shown = {
        "At": recorded.at_ms,
        "RequestId": recorded.request_id,
        "Service": recorded.service,
        "Operation": recorded.operation,
        "Principal": decision.principal,
        "Action": decision.action,
        "Resource": decision.resource,
        "Allowed": decision.allowed,
        "Kind": decision.kind,
        "IsExplicit": decision.explicit,
        "Policy": decision.policy,
        "Statement": None if decision.statement is None else str(decision.statement),
        "Message": decision.message or None,
    }
    return {name: value for name, value in shown.items() if value is not None}
