"""Items held against the keys of their table and its indexes: checks in AWS's words, and encoded keys."""

from cloudlet.services.dynamodb import rules, sort_key
from cloudlet.services.dynamodb.errors import invalid, invalid_parameter
from cloudlet.services.dynamodb.keys import ItemKey, item_key
from cloudlet.services.dynamodb.records import Index, KeySchema, Table
from cloudlet.services.dynamodb.values import Item, Value, type_of

_EMPTY_KINDS = {"S": "string", "B": "binary"}


def key_of_item(table: Table, item: Item) -> ItemKey:
    """The primary key within a whole item, checked as PutItem does."""
    for name in table.schema.names:
        value = item.get(name)
        if value is None:
            raise invalid_parameter(f"Missing the key {name} in the item")
        expected = table.types[name]
        if expected not in value:
            raise invalid_parameter(f"Type mismatch for key {name} expected: {expected} actual: {type_of(value)}")
    return _encoded(table.schema, item)


def key_of_request(table: Table, key: Item) -> ItemKey:
    """The primary key that a Key parameter holds: exactly the key attributes."""
    names = table.schema.names
    if len(key) != len(names):
        raise invalid("The provided key element does not match the schema")
    for name in names:
        value = key.get(name)
        if value is None or table.types[name] not in value:
            raise invalid("The provided key element does not match the schema")
    return _encoded(table.schema, key)


def _encoded(schema: KeySchema, item: Item) -> ItemKey:
    hash_ = _part(schema.hash, item[schema.hash])
    range_ = None if schema.range is None else _part(schema.range, item[schema.range])
    _check_sizes(hash_, range_)
    return item_key(hash_, range_)


def _part(name: str, value: Value) -> bytes:
    ((kind, content),) = value.items()
    if not content and kind in _EMPTY_KINDS:
        raise invalid(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            f"empty {_EMPTY_KINDS[kind]} value. Key: {name}"
        )
    return content.encode() if kind == "S" else sort_key.encode(value)


def _check_sizes(hash_: bytes, range_: bytes | None) -> None:
    if len(hash_) > rules.HASH_KEY_BYTES_MAX:
        raise invalid_parameter(
            f"Size of hashkey has exceeded the maximum size limit of{rules.HASH_KEY_BYTES_MAX} bytes"
        )
    if range_ is not None and len(range_) > rules.RANGE_KEY_BYTES_MAX:
        raise invalid_parameter(
            f"Aggregated size of all range keys has exceeded the size limit of{rules.RANGE_KEY_BYTES_MAX} bytes"
        )


def check_index_keys(table: Table, item: Item) -> None:
    """What an item has of an index's key fits it; what it lacks leaves it out of the index."""
    for index in table.indexes.values():
        for name in index.schema.names:
            value = item.get(name)
            if value is None or name in table.schema.names:
                continue
            expected, actual = table.types[name], type_of(value)
            if expected != actual:
                raise invalid_parameter(
                    f"Type mismatch for Index Key {name} Expected: {expected} Actual: {actual} IndexName: {index.name}"
                )
            if not value[actual] and actual in _EMPTY_KINDS:
                raise invalid(
                    "One or more parameter values are not valid. A value specified for a secondary index key is not "
                    f"supported. The AttributeValue for a key attribute cannot contain an empty {_EMPTY_KINDS[actual]} "
                    f"value. IndexName: {index.name}, IndexKey: {name}"
                )
        parts = _index_parts(table, index, item)
        if parts is not None:
            _check_sizes(*parts)


def _index_parts(table: Table, index: Index, item: Item) -> tuple[bytes, bytes | None] | None:
    parts: list[bytes] = []
    for name in index.schema.names:
        value, kind = item.get(name), table.types[name]
        content = None if value is None else value.get(kind)
        if value is None or content is None or (not content and kind in _EMPTY_KINDS):
            return None
        parts.append(sort_key.encode(value))
    return parts[0], parts[1] if len(parts) > 1 else None


def index_key(table: Table, index: Index, item: Item) -> ItemKey | None:
    """Where an item stands in an index; None if it lacks the key, or (items older than the index) its type or size."""
    parts = _index_parts(table, index, item)
    if parts is None or len(parts[0]) > rules.HASH_KEY_BYTES_MAX or len(parts[1] or b"") > rules.RANGE_KEY_BYTES_MAX:
        return None
    return item_key(*parts)


def index_names(table: Table) -> frozenset[str]:
    """The attributes that the keys of the table's indexes are made of."""
    return frozenset(name for index in table.indexes.values() for name in index.schema.names)


def projected_names(table: Table, index: Index) -> frozenset[str] | None:
    """The attributes that an index shows; None = all."""
    if index.projection == "ALL":
        return None
    return frozenset((*table.schema.names, *index.schema.names, *index.included))
