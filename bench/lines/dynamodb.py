"""Lines of DynamoDB: one table of items of 1 KiB, twenty to a partition."""

import random
from collections.abc import Iterable
from typing import Any

from bench.client import Client, decoded
from bench.lines.line import READ_BACK, Line, expect, loaded, value_of
from bench.load import Answer, Outcome, one

TABLE = "bench"
PARTITION = 20  # items
BATCH, TRANSACTION = 25, 10

Key = tuple[str, int]


def stored(number: int) -> Key:
    """The key of the n-th item that is there beforehand."""
    return f"item:{number // PARTITION}", number % PARTITION


def key_of(key: Key) -> dict[str, Any]:
    return {"id": {"S": key[0]}, "entry": {"N": str(key[1])}}


def item_of(key: Key) -> dict[str, Any]:
    return {**key_of(key), "value": {"S": value_of(f"{key[0]}/{key[1]}")}}


async def make_table(client: Client, table: str = TABLE) -> None:
    """Unless another line has."""
    names = (("id", "S", "HASH"), ("entry", "N", "RANGE"))
    created = await one(
        client.server,
        client.dynamodb(
            "CreateTable",
            TableName=table,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, _, kind in names],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": type_} for name, type_, _ in names],
            BillingMode="PAY_PER_REQUEST",
        ),
    )
    expect(created.status == 200 or b"ResourceInUseException" in created.body, created)


def batch(client: Client, keys: Iterable[Key], table: str = TABLE) -> bytes:
    puts = [{"PutRequest": {"Item": item_of(key)}} for key in keys]
    return client.dynamodb("BatchWriteItem", RequestItems={table: puts})


async def fill(client: Client, first: int, last: int, table: str = TABLE) -> None:
    """Items number `first` to `last`, in pieces that memory holds."""
    for piece in range(first, last, 100_000):
        end = min(piece + 100_000, last)
        numbers = [range(start, min(start + BATCH, end)) for start in range(piece, end, BATCH)]
        batches = [batch(client, map(stored, some), table) for some in numbers]
        for answer in await loaded(client, batches, f"{last - first} items"):
            expect(not decoded(answer).get("UnprocessedItems"), answer)


async def read_back(client: Client, keys: list[Key]) -> None:
    for key in random.Random(1).sample(keys, min(READ_BACK, len(keys))):
        request = client.dynamodb("GetItem", TableName=TABLE, Key=key_of(key), ConsistentRead=True)
        answer = await client.call(request)
        expect(decoded(answer).get("Item") == item_of(key), answer)


class GetItem(Line):
    """Reads at random from a table filled beforehand."""

    name = "GetItem"
    aims = {"moto": 10, "ministack": 5}
    per_core = 10_000

    async def set_up(self) -> None:
        await make_table(self.client)
        await fill(self.client, 0, self.shared.items)

    async def requests(self, run: str, count: int) -> list[bytes]:
        chosen = random.Random(run)
        self._asked = [chosen.randrange(self.shared.items) for _ in range(count)]
        return [self._get(number) for number in self._asked]

    def _get(self, number: int) -> bytes:
        get = self.client.dynamodb
        return get("GetItem", TableName=TABLE, Key=key_of(stored(number)), ConsistentRead=True)

    def check(self, answer: Answer) -> None:
        expected = item_of(stored(self._asked[answer.request]))
        expect(answer.status == 200 and decoded(answer).get("Item") == expected, answer)


class Query(Line):
    """A whole partition: 20 items, 20 KiB."""

    name = "Query of 20"
    comes_after = ("GetItem",)
    aims = {"moto": 1, "ministack": 1}
    per_core = 4_000

    async def requests(self, run: str, count: int) -> list[bytes]:
        chosen = random.Random(run)
        self._asked = [chosen.randrange(self.shared.items // PARTITION) for _ in range(count)]
        return [
            self.client.dynamodb(
                "Query",
                TableName=TABLE,
                KeyConditionExpression="id = :id",
                ExpressionAttributeValues={":id": {"S": f"item:{number}"}},
                Limit=PARTITION,
            )
            for number in self._asked
        ]

    def check(self, answer: Answer) -> None:
        first = self._asked[answer.request] * PARTITION
        expected = [item_of(stored(number)) for number in range(first, first + PARTITION)]
        expect(answer.status == 200 and decoded(answer).get("Items") == expected, answer)


class PutItem(Line):
    name = "PutItem"
    writes = True
    aims = {"moto": 10, "ministack": 5}
    per_core = 7_500

    async def set_up(self) -> None:
        await make_table(self.client)

    async def requests(self, run: str, count: int) -> list[bytes]:
        self._run = run
        put = self.client.dynamodb
        return [put("PutItem", TableName=TABLE, Item=item_of((f"{run}:{i}", 0))) for i in range(count)]

    def check(self, answer: Answer) -> None:
        expect(answer.status == 200 and decoded(answer) == {}, answer)

    async def finish(self, outcome: Outcome) -> None:
        await read_back(self.client, [(f"{self._run}:{answer.request}", 0) for answer in outcome.answers])


class MixedPutItem(GetItem):
    """What a write waits when nine of ten requests read."""

    name = "PutItem amid 90 % GetItem"
    comes_after = ("GetItem",)
    writes = True
    aims = {}
    per_core = 0

    async def set_up(self) -> None:
        """GetItem has."""

    async def requests(self, run: str, count: int) -> list[bytes]:
        self._run = f"mixed-{run}"
        gets = await super().requests(run, count)
        put = self.client.dynamodb
        puts = {i: put("PutItem", TableName=TABLE, Item=item_of((f"{self._run}:{i}", 0))) for i in range(0, count, 10)}
        return [puts.get(i, get) for i, get in enumerate(gets)]

    def check(self, answer: Answer) -> None:
        if not self.is_timed(answer):
            super().check(answer)
        else:
            expect(answer.status == 200 and decoded(answer) == {}, answer)

    def is_timed(self, answer: Answer) -> bool:
        return answer.request % 10 == 0

    async def finish(self, outcome: Outcome) -> None:
        written = filter(self.is_timed, outcome.answers)
        await read_back(self.client, [(f"{self._run}:{answer.request}", 0) for answer in written])


class BatchWriteItem(PutItem):
    name = "BatchWriteItem 25"
    aims = {"moto": 3, "ministack": 3}
    per_core = 0
    requests_max = 2_000

    async def requests(self, run: str, count: int) -> list[bytes]:
        self._run = f"batch-{run}"
        return [batch(self.client, ((f"{self._run}:{i}", n) for n in range(BATCH))) for i in range(count)]

    def check(self, answer: Answer) -> None:
        expect(answer.status == 200 and not decoded(answer).get("UnprocessedItems"), answer)

    async def finish(self, outcome: Outcome) -> None:
        await read_back(self.client, [(f"{self._run}:{a.request}", a.request % BATCH) for a in outcome.answers])


class TransactWriteItems(PutItem):
    """Ten items that must not be there yet."""

    name = "TransactWriteItems 10"
    aims = {"moto": 3, "ministack": 3}
    per_core = 0
    requests_max = 5_000

    async def requests(self, run: str, count: int) -> list[bytes]:
        self._run = f"transaction-{run}"
        return [self._transaction(i) for i in range(count)]

    def _transaction(self, number: int) -> bytes:
        absent = {"TableName": TABLE, "ConditionExpression": "attribute_not_exists(id)"}
        keys = [(f"{self._run}:{number}", entry) for entry in range(TRANSACTION)]
        puts = [{"Put": {**absent, "Item": item_of(key)}} for key in keys]
        return self.client.dynamodb("TransactWriteItems", TransactItems=puts)

    def check(self, answer: Answer) -> None:
        """Nothing was asked for: nothing, or empty lists of it (moto), come back."""
        expect(answer.status == 200 and not any(decoded(answer).values()), answer)

    async def finish(self, outcome: Outcome) -> None:
        await read_back(self.client, [(f"{self._run}:{a.request}", a.request % TRANSACTION) for a in outcome.answers])
