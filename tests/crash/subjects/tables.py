"""Tables: transactions that move money between accounts and note the transfer, and somebody who looks on."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.crash.subjects.subject import Aws, Effect, Found, Worker, missing, scanned, table, unasked

SUMS, TRANSFERS = "sums", "transfers"
OPENING_BALANCE, PEOPLE = 1000, [f"person{number}" for number in range(6)]
LOOK_EVERY_S = 0.005


@dataclass
class Tables:
    transfers: Effect = field(default_factory=Effect)
    looked_at: set[str] = field(default_factory=set)  # transfers that an answer showed

    def furnish(self, aws: Aws) -> None:
        for name in (SUMS, TRANSFERS):
            table(aws, name)
        for person in PEOPLE:
            item = {"id": {"S": person}, "balance": {"N": str(OPENING_BALANCE)}}
            aws("dynamodb", "PutItem", TableName=SUMS, Item=item)

    def works(self) -> list[Callable[[Worker], None]]:
        return [self.transfer, self.look]

    def events(self) -> Effect:
        return Effect()

    def transfer(self, worker: Worker) -> None:
        (giver, taker), amount = worker.chance.sample(PEOPLE, 2), worker.chance.randint(1, 9)
        name = f"{worker.run}-{worker.number}"
        asked = transfer(name, giver, taker, amount)
        worker.effect(self.transfers, [name], "dynamodb", "TransactWriteItems", TransactItems=asked)

    def look(self, worker: Worker) -> None:
        """What was seen once must not be gone later, whoever wrote it."""
        asked: dict[str, Any] = {"ConsistentRead": True, "ProjectionExpression": "id", "Limit": 50}
        page = worker.aws("dynamodb", "Scan", TableName=TRANSFERS, **asked)
        while True:
            self.looked_at.update(item["id"]["S"] for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                break
            page = worker.aws(
                "dynamodb", "Scan", TableName=TRANSFERS, ExclusiveStartKey=page["LastEvaluatedKey"], **asked
            )
        time.sleep(LOOK_EVERY_S)

    def violations(self, found: Found) -> Iterator[str]:
        transfers = {item["id"]["S"]: item for item in scanned(found.aws, TRANSFERS)}
        yield from missing("transfer", self.transfers.done, set(transfers))
        yield from missing("transfer that was seen", self.looked_at, set(transfers))
        yield from unasked("transfer", self.transfers.tried, set(transfers))
        expected = dict.fromkeys(PEOPLE, OPENING_BALANCE)
        for item in transfers.values():
            expected[item["giver"]["S"]] -= int(item["amount"]["N"])
            expected[item["taker"]["S"]] += int(item["amount"]["N"])
        balances = {item["id"]["S"]: int(item["balance"]["N"]) for item in scanned(found.aws, SUMS)}
        if balances != expected:
            yield f"the balances are {balances}; the transfers that are there make {expected}"


def transfer(name: str, giver: str, taker: str, amount: int) -> list[dict[str, Any]]:
    def change(person: str, by: int) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": SUMS,
                "Key": {"id": {"S": person}},
                "UpdateExpression": "SET balance = balance + :by",
                "ExpressionAttributeValues": {":by": {"N": str(by)}},
            }
        }

    facts = {"id": {"S": name}, "giver": {"S": giver}, "taker": {"S": taker}, "amount": {"N": str(amount)}}
    note = {"Put": {"TableName": TRANSFERS, "Item": facts, "ConditionExpression": "attribute_not_exists(id)"}}
    return [change(giver, -amount), change(taker, amount), note]
