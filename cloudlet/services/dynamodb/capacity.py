"""ConsumedCapacity in answers and metrics: units per table and index, as a request asked for them."""

from typing import Any

from cloudlet.kit.call import Call
from cloudlet.services.dynamodb.records import Table


class Meter:
    """What one request consumes of one table, told as ReturnConsumedCapacity says."""

    __slots__ = ("_table_name", "_wanted", "index_units", "table", "table_units")

    def __init__(self, request: dict[str, Any], table: Table, table_name: str) -> None:
        """`table_name` is the table as the request names it."""
        self._wanted = request.get("ReturnConsumedCapacity", "NONE")
        self.table, self._table_name = table, table_name
        self.table_units = 0.0
        self.index_units: dict[str, float] = {}

    @property
    def is_wanted(self) -> bool:
        return self._wanted != "NONE"

    def add(self, units: float, index_units: dict[str, float] | None = None) -> None:
        self.table_units += units
        for name, more in (index_units or {}).items():
            self.index_units[name] = self.index_units.get(name, 0.0) + more

    @property
    def total(self) -> float:
        return self.table_units + sum(self.index_units.values())

    def count(self, call: Call, kind: str) -> None:
        """The metric; `kind` is Read or Write."""
        call.count(f"Consumed{kind}CapacityUnits", self.table_units, TableName=self.table.name)
        for name, units in self.index_units.items():
            call.count(f"Consumed{kind}CapacityUnits", units, TableName=self.table.name, GlobalSecondaryIndexName=name)

    def told(self, split: str | None = None) -> dict[str, Any]:
        """The ConsumedCapacity; transactions also `split` it into ReadCapacityUnits or WriteCapacityUnits."""
        told: dict[str, Any] = {"TableName": self._table_name, **_units(self.total, split)}
        if self._wanted == "INDEXES":
            told["Table"] = _units(self.table_units, split)
            if self.index_units:
                told["GlobalSecondaryIndexes"] = {
                    name: _units(units, split) for name, units in self.index_units.items()
                }
        return told

    def add_to(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer of an operation on one table, with its ConsumedCapacity where it was asked for."""
        if self.is_wanted:
            answer["ConsumedCapacity"] = self.told()
        return answer


def _units(units: float, split: str | None) -> dict[str, float]:
    return {"CapacityUnits": units} if split is None else {"CapacityUnits": units, split: units}
