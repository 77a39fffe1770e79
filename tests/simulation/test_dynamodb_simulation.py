"""DynamoDB against a dict: a table with two indexes and a third that comes and goes; conditions, transactions, paging.

Power is cut at rest, within a write's answer, and while an index is being filled. A write that nobody was answered
happened wholly or not at all: a look at the whole table tells.
"""

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from cloudlet.app import workers
from cloudlet.base.errors import AwsError
from cloudlet.services.dynamodb import background
from tests.simulation import dynamodb_model as model
from tests.simulation.crashing_node import CrashingNode
from tests.simulation.driver import Tell, simulate
from tests.simulation.dynamodb_model import DoesNotFit, Item, Terms, plain

Key = tuple[str, int]
Table = dict[Key, Item]

TYPES = {"pk": "S", "sk": "N", "color": "S", "rank": "N", "note": "S", "n": "N"}
KEYS: dict[str | None, tuple[str, ...]] = {
    None: ("pk", "sk"),
    "by_color": ("color", "rank"),
    "by_rank": ("rank",),
    "by_note": ("note", "n"),
}
BY_RANK_SHOWS = ("pk", "sk", "rank", "note")
TOKEN_S = 600


def schema(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"))]


def definitions(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": TYPES[name]} for name in names]


def key_of(item: Item) -> Key:
    return item["pk"]["S"], int(item["sk"]["N"])


def key_item(key: Key) -> Item:
    return {"pk": {"S": key[0]}, "sk": {"N": str(key[1])}}


def shown(index: str | None, item: Item) -> Item:
    return {name: value for name, value in item.items() if index != "by_rank" or name in BY_RANK_SHOWS}


def normal(item: Item) -> Item:
    """Sets have no order."""
    return {name: {"SS": sorted(value["SS"])} if "SS" in value else value for name, value in item.items()}


def everything(item: Item) -> bool:
    return True


class Refused(Exception):
    """What the model expects the node to answer."""


class Action:
    """One write: the request's members, and what it does to an item."""

    def __init__(self, chance: Random, key: Key, kinds: tuple[str, ...]) -> None:
        self.key, self.kind = key, chance.choice(kinds)
        self.terms = Terms()
        self.request: dict[str, Any] = {"TableName": "rows"}
        self._holds: model.Holds = everything
        self._apply: model.Apply = lambda item: item
        if self.kind == "Put":
            self.item = random_item(chance, key)
            self.request["Item"] = self.item
        else:
            self.request["Key"] = key_item(key)
        if self.kind == "Update":
            self.request["UpdateExpression"], self._apply = model.update(chance, self.terms)
        if self.kind == "ConditionCheck" or chance.random() < 0.4:
            self.request["ConditionExpression"], self._holds = model.condition(chance, self.terms)
        self.request |= self.terms.members()

    def perform(self, table: Table) -> None:
        """Raises Refused with the code of a transaction's reason."""
        before = table.get(self.key)
        if not self._holds(before or {}):
            raise Refused("ConditionalCheckFailed")
        if self.kind == "Put":
            table[self.key] = self.item
        elif self.kind == "Delete":
            table.pop(self.key, None)
        elif self.kind == "Update":
            try:
                table[self.key] = self._apply(before or key_item(self.key))
            except DoesNotFit as error:
                raise Refused("ValidationError") from error


def random_item(chance: Random, key: Key) -> Item:
    item = key_item(key)
    for name in model.SCALARS:
        if chance.random() < 0.6:
            item[name] = model.some_of(chance, name)
    if chance.random() < 0.4:
        item["tags"] = model.tags(chance)
    if chance.random() < 0.4:
        item["list"] = {"L": [model.number(chance) for _ in range(chance.randrange(4))]}
    return item


def random_keys(chance: Random, count: int) -> list[Key]:
    """Different ones."""
    return chance.sample([(pk, sk) for pk in "abc" for sk in range(-3, 4)], count)


class Simulation:
    def __init__(self, chance: Random, tell: Tell) -> None:
        self.tell, self.world, self.table = tell, CrashingNode("dynamodb"), Table()
        self.touched: set[Key] = set()  # by single writes since the last read began
        self.note_index = "none"  # none, backfilling, ready
        self.last_done: tuple[str, dict[str, Any], list[Action], int] | None = None  # under which token, what, when
        self.tokens = 0
        all_, some = {"ProjectionType": "ALL"}, {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]}
        self("CreateTable", TableName="rows", AttributeDefinitions=definitions("pk", "sk", "color", "rank"),
             KeySchema=schema("pk", "sk"), BillingMode="PAY_PER_REQUEST",
             GlobalSecondaryIndexes=[
                 {"IndexName": "by_color", "KeySchema": schema("color", "rank"), "Projection": all_},
                 {"IndexName": "by_rank", "KeySchema": schema("rank"), "Projection": some},
             ])  # fmt: skip

    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.world.aws("dynamodb", operation, **parameters)

    def step(self, chance: Random) -> None:
        writes = (self.write, self.batch, self.transact, self.repeat_transaction)
        reads = (self.get, self.read_pages, self.scan_segments, self.check)
        others = (self.pass_time, self.change_index, self.work_once, self.cut, self.cut_writing, self.cut_batch)
        action = chance.choices((*writes, *reads, *others), (20, 3, 8, 2, 4, 8, 1, 2, 1, 1, 2, 1, 2, 1))[0]
        action(chance)

    # ── writes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def write(self, chance: Random) -> None:
        action = Action(chance, random_keys(chance, 1)[0], ("Put", "Put", "Update", "Update", "Delete"))
        wants = chance.choice(("NONE", "ALL_OLD", "ALL_NEW" if action.kind == "Update" else "ALL_OLD"))
        self.tell(f"{action.kind} {action.request}")
        self.touched.add(action.key)
        before, expected = self.table.get(action.key), None
        try:
            action.perform(self.table)
        except Refused as refused:
            expected = str(refused)
        try:
            answer = self(f"{action.kind}Item", **action.request, ReturnValues=wants)
        except AwsError as error:
            assert (error.code, expected) in (
                ("ConditionalCheckFailedException", "ConditionalCheckFailed"),
                ("ValidationException", "ValidationError"),
            ), f"{error.code}: {error.message}; expected {expected}"
            return
        assert expected is None, f"done, expected {expected}"
        images = {"NONE": None, "ALL_OLD": before, "ALL_NEW": self.table.get(action.key)}
        assert normal(answer.get("Attributes", {})) == normal(images[wants] or {})

    def batch(self, chance: Random) -> None:
        actions, request = self._batch(chance)
        self.tell(f"batch {request}")
        assert not self("BatchWriteItem", RequestItems=request).get("UnprocessedItems")
        for action in actions:
            action.perform(self.table)

    def _batch(self, chance: Random) -> tuple[list[Action], dict[str, Any]]:
        actions = []
        for key in random_keys(chance, chance.randint(1, 5)):
            action = Action(Random(chance.random()), key, ("Put", "Delete"))
            while "ConditionExpression" in action.request:  # a batch has none
                action = Action(Random(chance.random()), key, ("Put", "Delete"))
            actions.append(action)
        members = {"Put": "Item", "Delete": "Key"}
        requests = [{f"{a.kind}Request": {members[a.kind]: a.request[members[a.kind]]}} for a in actions]
        return actions, {"rows": requests}

    def _transaction(self, chance: Random) -> tuple[list[Action], dict[str, Any]]:
        kinds = ("Put", "Update", "Update", "Delete", "ConditionCheck")
        actions = [Action(chance, key, kinds) for key in random_keys(chance, chance.randint(1, 5))]
        request: dict[str, Any] = {"TransactItems": [{action.kind: action.request} for action in actions]}
        if chance.random() < 0.5:
            self.tokens += 1
            request["ClientRequestToken"] = f"t{self.tokens}"
        return actions, request

    def transact(self, chance: Random) -> None:
        actions, request = self._transaction(chance)
        self._transact(actions, request)

    def _transact(self, actions: list[Action], request: dict[str, Any]) -> None:
        self.tell(f"transaction {request}")
        after, reasons = self._after(actions)
        try:
            self("TransactWriteItems", **request)
        except AwsError as error:
            assert error.code == "TransactionCanceledException", f"{error.code}: {error.message}"
            assert error.message.endswith(f"[{', '.join(reasons)}]"), f"{error.message}; expected {reasons}"
            return
        assert set(reasons) == {"None"}, f"done, expected {reasons}"
        self.table = after
        if "ClientRequestToken" in request:
            self.last_done = request["ClientRequestToken"], request, actions, self.world.now_ms

    def _after(self, actions: list[Action]) -> tuple[Table, list[str]]:
        after, reasons = copy.deepcopy(self.table), []
        for action in actions:
            try:
                action.perform(after)
                reasons.append("None")
            except Refused as refused:
                reasons.append(str(refused))
        return after, reasons

    def repeat_transaction(self, chance: Random) -> None:
        """Within ten minutes the same token does nothing more; with another request it is refused."""
        if self.last_done is None:
            return
        token, request, actions, done_ms = self.last_done
        if self.world.now_ms >= done_ms + 1000 * TOKEN_S:
            self._transact(actions, request)
        elif chance.random() < 0.5:
            self.tell(f"repeat {token}")
            self("TransactWriteItems", **request)
        else:
            self.tell(f"another request as {token}")
            other = {"TransactItems": [{"Put": {"TableName": "rows", "Item": key_item(("z", 0))}}]}
            assert self._refused("TransactWriteItems", ClientRequestToken=token, **other) == (
                "IdempotentParameterMismatchException"
            )

    def _refused(self, operation: str, **parameters: Any) -> str | None:
        try:
            self(operation, **parameters)
        except AwsError as error:
            return error.code
        return None

    # ── reads ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, chance: Random) -> None:
        keys = random_keys(chance, 3)
        one = self("GetItem", TableName="rows", Key=key_item(keys[0])).get("Item", {})
        assert normal(one) == normal(self.table.get(keys[0], {}))
        gets = [{"Get": {"TableName": "rows", "Key": key_item(key)}} for key in keys]
        found = [each.get("Item", {}) for each in self("TransactGetItems", TransactItems=gets)["Responses"]]
        assert [normal(item) for item in found] == [normal(self.table.get(key, {})) for key in keys]
        keys_given = {"rows": {"Keys": [key_item(key) for key in keys]}}
        items = self("BatchGetItem", RequestItems=keys_given)["Responses"]["rows"]
        assert {key_of(item) for item in items} == {key for key in keys if key in self.table}

    def _readable(self, chance: Random) -> str | None:
        return chance.choice((None, "by_color", "by_rank", *(["by_note"] if self.note_index == "ready" else [])))

    def _in(self, index: str | None) -> list[Item]:
        """Those that have the index's key."""
        return [item for item in self.table.values() if all(name in item for name in KEYS[index])]

    def read_pages(self, chance: Random) -> None:
        """A Query or a Scan page by page, now and then with writes between the pages."""
        index, terms = self._readable(chance), Terms()
        request: dict[str, Any] = {"TableName": "rows"} | ({"IndexName": index} if index else {})
        operation = "Scan"
        within: model.Holds = everything
        passes: model.Holds = everything
        if chance.random() < 0.7:
            operation = "Query"
            request["KeyConditionExpression"], within = self._key_condition(chance, terms, index)
            request["ScanIndexForward"] = chance.random() < 0.5
        if chance.random() < 0.4:
            request["FilterExpression"], passes = self._filter(chance, terms, index)
        request |= terms.members()
        self.tell(f"{operation} {request}")
        self.touched.clear()
        expected = [item for item in self._in(index) if within(item) and passes(shown(index, item))]
        found = list(self._pages(chance, operation, request))
        self._check_order(index, operation, request, found)
        keys = [key_of(item) for item in found]
        if not self.touched:
            assert len(keys) == len(set(keys)) == len(expected), f"{keys} of {list(map(key_of, expected))}"
        for item in [item for item in expected if key_of(item) not in self.touched]:
            assert keys.count(key_of(item)) == 1, f"{key_of(item)} {keys.count(key_of(item))} times"
            assert normal(found[keys.index(key_of(item))]) == normal(shown(index, item))

    def _key_condition(self, chance: Random, terms: Terms, index: str | None) -> tuple[str, model.Holds]:
        hash_, *range_ = KEYS[index]
        value = {"S": chance.choice("abc")} if index is None else model.some_of(chance, hash_)
        text = f"{terms.name(hash_)} = {terms.value(value)}"
        if not range_ or chance.random() < 0.4:
            return text, lambda item: item[hash_] == value
        name, sign = range_[0], chance.choice(("=", *model.ORDERS, "BETWEEN"))
        low, high = sorted((model.number(chance), model.number(chance)), key=plain)
        if sign == "BETWEEN":
            text = f"{text} AND {terms.name(name)} BETWEEN {terms.value(low)} AND {terms.value(high)}"
            return text, lambda item: item[hash_] == value and plain(low) <= plain(item[name]) <= plain(high)
        text = f"{text} AND {terms.name(name)} {sign} {terms.value(low)}"
        return text, lambda item: item[hash_] == value and model.compare(item[name], sign, low)

    def _filter(self, chance: Random, terms: Terms, index: str | None) -> tuple[str, model.Holds]:
        """On attributes that are no key of what is read: others are refused."""
        while True:
            own = Terms(terms.names.copy(), terms.values.copy())
            text, holds = model.condition(chance, own)
            if not any(f"#{name}" in text for name in (*KEYS[index], "pk")):
                terms.names, terms.values = own.names, own.values
                return text, holds

    def _pages(self, chance: Random, operation: str, request: dict[str, Any]) -> Iterator[Item]:
        writes = chance.random() < 0.3
        while True:
            limit = chance.choice((1, 2, 3, 5, 100))
            answer = self(operation, Limit=limit, **request)
            assert answer["Count"] == len(answer["Items"]) <= answer["ScannedCount"] <= limit
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                assert answer["ScannedCount"] < limit, "a full page says where it ended"
                return
            request = request | {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
            if writes:
                self.write(chance)

    def _check_order(self, index: str | None, operation: str, request: dict[str, Any], found: list[Item]) -> None:
        if operation == "Query" and len(KEYS[index]) == 2:
            places = [plain(item[KEYS[index][1]]) for item in found]
            assert places == sorted(places, reverse=not request["ScanIndexForward"])

    def scan_segments(self, chance: Random) -> None:
        total = chance.randint(1, 5)
        items = [item for segment in range(total)
                 for item in self("Scan", TableName="rows", Segment=segment, TotalSegments=total)["Items"]]  # fmt: skip
        assert sorted(map(key_of, items)) == sorted(self.table)

    # ── what happens to it ────────────────────────────────────────────────────────────────────────────────────────

    def pass_time(self, chance: Random) -> None:
        seconds = chance.choice((1, 299, 599.999, 600))
        self.tell(f"{seconds} s pass")
        self.world.advance(seconds)
        self._index_filled()

    def change_index(self, chance: Random) -> None:
        """The third index is added, and filled by and by; or it goes."""
        if self.note_index == "none":
            self.tell("by_note is added")
            index = {"IndexName": "by_note", "KeySchema": schema("note", "n"), "Projection": {"ProjectionType": "ALL"}}
            self("UpdateTable", TableName="rows", AttributeDefinitions=definitions(*TYPES),
                 GlobalSecondaryIndexUpdates=[{"Create": index}])  # fmt: skip
            self.note_index = "backfilling"
        elif self.note_index == "ready":
            self.tell("by_note goes")
            self("UpdateTable", TableName="rows", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_note"}}])
            self.note_index = "none"

    def _index_filled(self) -> None:
        if self.note_index == "backfilling":
            self.note_index = "ready"

    def work_once(self, chance: Random) -> None:
        """One piece of what is to be done in the background."""
        self.tell("a turn of the workers")
        self.world.node.house.workers.turn()
        if self.note_index == "backfilling":
            indexes = self("DescribeTable", TableName="rows")["Table"]["GlobalSecondaryIndexes"]
            if not any(index.get("Backfilling") for index in indexes):
                self._index_filled()

    def cut(self, chance: Random) -> None:
        self.tell("power cut")
        self.world.power_cut(chance)
        self._index_filled()
        self.check(chance)

    def cut_writing(self, chance: Random) -> None:
        actions, request = self._transaction(chance)
        self.tell(f"power cut in transaction {request}")
        after, reasons = self._after(actions)
        self._cut(chance, "TransactWriteItems", request)
        if set(reasons) == {"None"} and self._whole() == _normal(after):
            self.table = after
        self.check(chance)

    def cut_batch(self, chance: Random) -> None:
        """Each of a batch is a write of its own."""
        actions, request = self._batch(chance)
        self.tell(f"power cut in batch {request}")
        self._cut(chance, "BatchWriteItem", {"RequestItems": request})
        whole = self._whole()
        for action in actions:
            after = copy.deepcopy(self.table)
            action.perform(after)
            now = whole.get(action.key)
            if now != _normal(self.table).get(action.key):
                assert now == _normal(after).get(action.key), f"{action.key} is neither as before nor as written"
                self.table = after
        self.check(chance)

    def _cut(self, chance: Random, operation: str, request: dict[str, Any]) -> None:
        try:
            self.world.cut_while_answering(chance, "dynamodb", operation, **request)
        except AwsError as error:
            assert error.code == "TransactionCanceledException", error
        self._index_filled()

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────────────────

    def _whole(self) -> Table:
        return _normal({key_of(item): item for item in self("Scan", TableName="rows")["Items"]})

    def check(self, chance: Random) -> None:
        """The table and each index hold what the model holds, and count it."""
        assert self._whole() == _normal(self.table)
        counts: dict[str | None, int] = {}
        for index in ("by_color", "by_rank", *(["by_note"] if self.note_index == "ready" else [])):
            items = self("Scan", TableName="rows", IndexName=index)["Items"]
            expected = {key_of(item): shown(index, item) for item in self._in(index)}
            assert _normal({key_of(item): item for item in items}) == _normal(expected), index
            counts[index] = len(expected)
            assert len(items) == len(expected), index
        table = self("DescribeTable", TableName="rows")["Table"]
        assert table["ItemCount"] == len(self.table)
        told = {index["IndexName"]: index["ItemCount"] for index in table["GlobalSecondaryIndexes"]}
        assert {name: count for name, count in told.items() if name in counts} == counts

    def end(self) -> None:
        self.world.node.settle()
        self._index_filled()
        self.check(Random(0))

    def close(self) -> None:
        self.world.close()


def _normal(table: Table) -> Table:
    return {key: normal(item) for key, item in table.items()}


def test_the_table_and_its_indexes_do_what_their_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "KEYS_PER_STEP", 3)  # an index is filled in many pieces
    monkeypatch.setattr(workers, "ENTRIES_PER_TURN", 1)
    simulate(Simulation, steps=2500, run_steps=250)
