"""What DynamoDB does unasked: fill new indexes, remove what deleted tables and indexes left."""

from collections.abc import Sequence
from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.kit.record import replace
from cloudlet.services.dynamodb import engine, sort_key
from cloudlet.services.dynamodb.keys import item_key
from cloudlet.services.dynamodb.lookup import find_table, put_table
from cloudlet.services.dynamodb.records import KeySchema, StoredItem, key_of
from cloudlet.services.dynamodb.service import dynamodb
from cloudlet.services.dynamodb.values import Item
from cloudlet.store.keys import Subspace

KEYS_PER_STEP = 500


@dynamodb.task("backfill")
def backfill(call: Call, payload: dict[str, Any]) -> None:
    """Add the items that were there before an index, some per step; then the index is ready."""
    keys = call.service.keys(payload["account"], call.region)
    table = find_table(call.tx, keys, payload["name"])
    index = table.indexes.get(payload["index"]) if table is not None else None
    if table is None or table.data_id != payload["data_id"] or index is None or not index.is_backfilling:
        return
    contents = keys.of(table.data_id)
    begin, end = contents.item.range()
    found = call.tx.scan(payload.get("from", begin), end, limit=KEYS_PER_STEP)
    counts = engine.Counts()
    for _, value in found.rows:
        stored = StoredItem.decode(value)
        engine.backfill(
            call.tx, table, contents, index, _key(table.schema, stored.part(table.schema.names)), stored, counts
        )
    counts.store(call.tx)
    if found.resume is not None:
        call.later("backfill", payload | {"from": found.resume})
        return
    ready = replace(index, is_backfilling=False)
    put_table(call.tx, keys, replace(table, indexes=table.indexes | {index.name: ready}))


def _key(schema: KeySchema, item: Item) -> Any:
    encoded = [sort_key.encode(value) for value in key_of(schema.names, item).values()]
    return item_key(encoded[0], encoded[1] if len(encoded) > 1 else None)


@dynamodb.task("remove_contents")
def remove_contents(call: Call, payload: dict[str, Any]) -> None:
    """What a deleted table left."""
    contents = call.service.keys(payload["account"], call.region).of(payload["data_id"])
    _remove(call, "remove_contents", payload, (contents.space,))


@dynamodb.task("remove_index")
def remove_index(call: Call, payload: dict[str, Any]) -> None:
    """What a deleted index left: entries, then its tally."""
    contents = call.service.keys(payload["account"], call.region).of(payload["data_id"])
    spaces = (contents.index(payload["index_id"]), contents.tally_space(payload["index_id"]))
    _remove(call, "remove_index", payload, spaces)


def _remove(call: Call, task: str, payload: dict[str, Any], spaces: Sequence[Subspace]) -> None:
    """One step through spaces that nobody adds to any more; the next goes on behind it, or in the next space."""
    at = payload.get("at", 0)
    begin, end = spaces[at].range()
    resume = page.delete_first(call.tx, payload.get("from") or begin, end, KEYS_PER_STEP)
    if resume is not None:
        call.later(task, payload | {"at": at, "from": resume})
    elif at + 1 < len(spaces):
        call.later(task, payload | {"at": at + 1, "from": None})
