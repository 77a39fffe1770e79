"""What DynamoDB stores. An item is not a Record: it is its own wire JSON behind its size, sent without re-encoding."""

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from cloudlet.kit.arn import arn
from cloudlet.kit.record import Record, decoded_once
from cloudlet.services.dynamodb.sizes import grown_bytes, item_bytes
from cloudlet.services.dynamodb.values import Item, decode_attributes, decode_item, decode_value, encode_item

_ITEM_VERSION = b"\x01"
_SIZE_BYTES = 4
_HEAD_BYTES = 1 + _SIZE_BYTES
WHOLE_BYTES_MAX = 16 << 10  # of wire JSON: up to here an item is decoded whole, whatever is asked of it
_QUOTES_PER_MEMBER = 2  # at least: of its type


class StoredItem:
    """An item as it lies in the store: its size by AWS's rules, and its wire JSON; decoded when somebody looks, and of
    a long one only what is looked at."""

    __slots__ = ("_attributes", "_item", "size_bytes", "wire")

    def __init__(self, size_bytes: int, wire: bytes, item: Item | None = None) -> None:
        self.size_bytes, self.wire, self._item = size_bytes, wire, item
        self._attributes: dict[str, msgspec.Raw] | None = None  # of a long item, in its order

    @property
    def raw(self) -> msgspec.Raw:
        """What an answer holds in its place."""
        return msgspec.Raw(self.wire)

    @property
    def item(self) -> Item:
        """Not to be changed: whoever looks next sees the same."""
        item = self._item
        if item is None:
            item = self._item = decode_item(self.wire)
        return item

    def part(self, names: Collection[str]) -> Item:
        """The item with at least the attributes `names`, in its order. Not to be changed, as `item`."""
        item = self._item
        if item is None:
            if len(self.wire) <= WHOLE_BYTES_MAX:
                item = self._item = decode_item(self.wire)
            else:
                # Not kept: what many members were made of is let go where somebody looked at it.
                return {name: decode_value(wire) for name, wire in self._wires().items() if name in names}
        return item

    def only(self, names: Collection[str]) -> Item:
        """The attributes `names` and no others."""
        return {name: value for name, value in self.part(names).items() if name in names}

    def members(self, names: Collection[str] | None = None) -> int:
        """About how many members, on all levels, the attributes `names` have: what it costs to look at them. 0 means
        few."""
        if len(self.wire) <= WHOLE_BYTES_MAX:
            return 0
        if names is None:
            return self.wire.count(b'"') // _QUOTES_PER_MEMBER
        quotes = sum(bytes(wire).count(b'"') for name, wire in self._wires().items() if name in names)
        return quotes // _QUOTES_PER_MEMBER

    def _wires(self) -> dict[str, msgspec.Raw]:
        attributes = self._attributes
        if attributes is None:
            attributes = self._attributes = decode_attributes(self.wire)
        return attributes

    def changed(self, names: Collection[str], change: Callable[[Item], Item]) -> "StoredItem":
        """The item after `change`, which is given, and leaves, at least the attributes `names` and touches no other."""
        if self._item is not None or len(self.wire) <= WHOLE_BYTES_MAX:
            return StoredItem.of(change(self.item))
        before = self.part(names)
        after = change(before)
        attributes = {name: value for name, value in self._wires().items() if name in after or name not in before}
        attributes |= {name: msgspec.Raw(encode_item(value)) for name, value in after.items()}
        stored = StoredItem(self.size_bytes + grown_bytes(before, after), encode_item(attributes))
        stored._attributes = attributes
        return stored

    def encode(self) -> bytes:
        return _ITEM_VERSION + self.size_bytes.to_bytes(_SIZE_BYTES, "big") + self.wire

    @classmethod
    def decode(cls, stored: bytes) -> "StoredItem":
        assert stored[0] == _ITEM_VERSION[0], f"an item of version {stored[0]}"
        return cls(int.from_bytes(stored[1:_HEAD_BYTES], "big"), stored[_HEAD_BYTES:])

    @classmethod
    def of(cls, item: Item) -> "StoredItem":
        wire = encode_item(item)
        # Of a long one only a few attributes will be looked at; the rest is better let go where it was made.
        return cls(item_bytes(item), wire, item if len(wire) <= WHOLE_BYTES_MAX else None)


class KeySchema(msgspec.Struct, frozen=True, omit_defaults=True):
    hash: str
    range: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.hash,) if self.range is None else (self.hash, self.range)


class Index(msgspec.Struct, frozen=True, omit_defaults=True):
    """A secondary index."""

    id: str
    name: str
    schema: KeySchema
    projection: str  # ALL, KEYS_ONLY, INCLUDE
    included: list[str] = []  # with INCLUDE
    read_units: int = 0
    write_units: int = 0
    on_demand: dict[str, int] = {}
    is_backfilling: bool = False  # items that were there before it are still being added


class Table(Record, frozen=True):
    id: str
    name: str
    account: str
    region: str
    data_id: str
    created_ms: int
    schema: KeySchema
    types: dict[str, str]  # of the key attributes of table and indexes: S, N or B
    billing_mode: str = "PROVISIONED"
    read_units: int = 0
    write_units: int = 0
    on_demand: dict[str, int] = {}
    on_demand_since_ms: int = 0
    increased_ms: int = 0
    decreased_ms: int = 0
    indexes: dict[str, Index] = {}
    tags: dict[str, str] = {}
    is_protected: bool = False
    table_class: str = ""
    warm: dict[str, int] = {}

    @property
    def arn(self) -> str:
        return arn("dynamodb", self.region, self.account, f"table/{self.name}")


class Token(Record, frozen=True):
    """A TransactWriteItems that was done."""

    digest: bytes  # of its request
    forgotten_at_ms: int
    read_units: dict[str, float] = {}  # what a repetition consumes, by table


decode_table = decoded_once(Table, 1024, 64 << 10)


def key_of(names: tuple[str, ...], item: Item) -> dict[str, Any]:
    """The key attributes of an item."""
    return {name: item[name] for name in names}
