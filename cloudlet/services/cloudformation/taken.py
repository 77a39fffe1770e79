"""What is somebody else's already is not taken over: many services would hand it over, and a rollback then remove it.

AWS refuses a second bucket, queue, topic, alarm … of a name, a second policy of a bucket, and, of two stacks, the
second that puts an inline policy of one name into one role, user or group. It does let a subscription, the policy of a
queue or topic and a user's place in a group be taken over by whoever says the same: so they are here.
"""

from cloudlet.base import ids
from cloudlet.services.cloudformation import inventory
from cloudlet.services.cloudformation.errors import ManagedElsewhere, ResourceExists
from cloudlet.services.cloudformation.kinds.kind import Stage
from cloudlet.services.cloudformation.kinds.registry import require_kind
from cloudlet.services.cloudformation.work import Act, Work


def check_places(work: Work, act: Act) -> None:
    """That no other resource, of whichever stack, has one of the places which this one wants or has."""
    for place in act.resource.holds:
        other = inventory.other_holder(work.call.tx, work.call.keys, place, work.stack.id, act.resource.logical_id)
        if other is not None:
            stack_name, logical_id = other
            raise ManagedElsewhere(found=f"Found stacks: [{stack_name}|{logical_id}]")


async def check_name(act: Act, stage: Stage) -> None:
    """That what would be made isn't there, where the template says what it is."""
    if act.kind not in ("create", "replace") or act.reason is not None or act.is_repeated:
        return
    kind, properties = require_kind(act.resource.type), act.resource.properties
    if kind.exists is None or not (kind.identified_by or kind.name_property in properties):
        return
    if await kind.exists(stage, properties):
        identifier = "|".join(str(properties[name]) for name in kind.identified_by) or act.name
        told = f"Resource of type '{kind.type}' with identifier '{identifier}' already exists."
        raise ResourceExists(told=told, token=ids.uuid4())
