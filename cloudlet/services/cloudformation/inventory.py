"""A stack's resources as they are stored: each with a short line for lists, and found by what it is and holds.

Nothing reads all of a stack's resources, only their lines: what a resource is made of may be large.
"""

from cloudlet.kit import page
from cloudlet.services.cloudformation.keys import Keys
from cloudlet.services.cloudformation.records import Resource, ResourceLine, Stack
from cloudlet.services.cloudformation.rules import RESOURCES_OF_STACK_MAX
from cloudlet.services.cloudformation.template.graph import creation_order
from cloudlet.store.transaction import Tx


def find_resource(tx: Tx, keys: Keys, stack_id: str, logical_id: str) -> Resource | None:
    stored = tx.get(keys.resource.key(stack_id, logical_id))
    return Resource.decode(stored) if stored else None


def put_resource(tx: Tx, keys: Keys, stack: Stack, resource: Resource) -> None:
    line = ResourceLine(
        resource.logical_id,
        resource.type,
        resource.status,
        resource.updated_ms,
        resource.physical_id,
        resource.reason,
        resource.needs,
        resource.holds,
        is_sealed=bool(resource.sealed or resource.sealed_properties),
    )
    old = _places(keys, stack.id, _find_line(tx, keys, stack.id, resource.logical_id))
    new = _places(keys, stack.id, line)
    for key in old - new:
        tx.delete(key)
    for key in new - old:
        tx.put(key, stack.name.encode())
    tx.put(keys.resource.key(stack.id, resource.logical_id), resource.encode())
    tx.put(keys.line.key(stack.id, resource.logical_id), line.encode())


def forget_resource(tx: Tx, keys: Keys, stack_id: str, logical_id: str) -> None:
    for key in _places(keys, stack_id, _find_line(tx, keys, stack_id, logical_id)):
        tx.delete(key)
    tx.delete(keys.resource.key(stack_id, logical_id))
    tx.delete(keys.line.key(stack_id, logical_id))


def _find_line(tx: Tx, keys: Keys, stack_id: str, logical_id: str) -> ResourceLine | None:
    stored = tx.get(keys.line.key(stack_id, logical_id))
    return ResourceLine.decode(stored) if stored else None


def _places(keys: Keys, stack_id: str, line: ResourceLine | None) -> set[bytes]:
    """The keys under which it is found."""
    if line is None:
        return set()
    found = {keys.held.key(place, stack_id, line.logical_id) for place in line.holds}
    return found | ({keys.physical.key(line.physical_id, stack_id, line.logical_id)} if line.physical_id else set())


def lines_of(tx: Tx, keys: Keys, stack_id: str) -> dict[str, ResourceLine]:
    rows = tx.all(*keys.line.range(stack_id), rows_max=RESOURCES_OF_STACK_MAX)
    lines = (ResourceLine.decode(stored) for _, stored in rows)
    return {line.logical_id: line for line in lines}


def in_order(lines: dict[str, ResourceLine]) -> list[str]:
    """Logical ids, each after those it needs."""
    return creation_order({name: {n for n in line.needs if n in lines} for name, line in lines.items()})


def find_owner(tx: Tx, keys: Keys, physical_id: str) -> str | None:
    """The id of a stack that has this resource."""
    found = tx.scan(*keys.physical.range(physical_id), limit=1)
    return str(keys.physical.unpack(found.rows[0][0])[1]) if found.rows else None


def other_holder(tx: Tx, keys: Keys, place: str, stack_id: str, logical_id: str) -> tuple[str, str] | None:
    """Stack's name and logical id of another resource that holds the place."""
    begin, end = keys.held.range(place)
    for key, stack_name in page.first(tx, begin, end, 2):
        _, holder, name = keys.held.unpack(key)
        if (holder, name) != (stack_id, logical_id):
            return stack_name.decode(), str(name)
    return None
