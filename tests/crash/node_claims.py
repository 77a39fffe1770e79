"""What a node is furnished with before the load, and what must be true of it after any outage."""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from cloudlet.base.errors import AwsError
from cloudlet.kit.outbox import Entry
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx
from tests.crash.node_load import (
    ACCOUNT,
    BUCKET,
    EVENTS,
    FIFO,
    FUNCTION,
    GROUPS,
    HOT,
    OPENING_BALANCE,
    PEOPLE,
    PLAIN,
    RUN,
    SEEN,
    SUMS,
    TOLD,
    TRANSFERS,
    VISIBILITY_S,
    Ledger,
    body_of,
    hot_body,
    order_of,
)  # fmt: skip

Aws = Callable[..., dict[str, Any]]
ARN = "arn:aws:{}:us-east-1:" + ACCOUNT + ":{}"
SOURCE = """
import json, os, urllib.parse
import boto3

table = boto3.client("dynamodb")

def handler(event, context):
    for record in event["Records"]:
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        table.put_item(TableName="seen", Item={"id": {"S": key}})
"""


def furnish(aws: Aws) -> tuple[str, str]:
    """Queues, tables, a bucket that tells a queue and a function; the access key of a user who may use them."""
    aws("sqs", "CreateQueue", QueueName="plain")
    aws("sqs", "CreateQueue", QueueName="ordered.fifo", Attributes={"FifoQueue": "true"})
    may_send = policy({"Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"})
    aws("sqs", "CreateQueue", QueueName="events", Attributes={"Policy": may_send})
    for name in (SUMS, TRANSFERS, SEEN):
        aws("dynamodb", "CreateTable", TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])  # fmt: skip
    for person in PEOPLE:
        item = {"id": {"S": person}, "balance": {"N": str(OPENING_BALANCE)}}
        aws("dynamodb", "PutItem", TableName=SUMS, Item=item)
    _make_function(aws)
    aws("s3", "CreateBucket", Bucket=BUCKET)
    told = {"Events": ["s3:ObjectCreated:*"], "Filter": _prefix(TOLD), "QueueArn": ARN.format("sqs", "events")}
    run = {"Events": ["s3:ObjectCreated:*"], "Filter": _prefix(RUN),
           "LambdaFunctionArn": ARN.format("lambda", f"function:{FUNCTION}")}  # fmt: skip
    configuration = {"QueueConfigurations": [told], "LambdaFunctionConfigurations": [run]}
    aws("s3", "PutBucketNotificationConfiguration", Bucket=BUCKET, NotificationConfiguration=configuration)
    aws("iam", "CreateUser", UserName="loader")
    may = policy({"Action": ["sqs:*", "s3:*", "dynamodb:*"], "Resource": "*"})
    aws("iam", "PutUserPolicy", UserName="loader", PolicyName="may", PolicyDocument=may)
    key = aws("iam", "CreateAccessKey", UserName="loader")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _make_function(aws: Aws) -> None:
    trust = policy({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    role = aws("iam", "CreateRole", RoleName="noter", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    may = policy({"Action": "dynamodb:PutItem", "Resource": ARN.format("dynamodb", f"table/{SEEN}")})
    aws("iam", "PutRolePolicy", RoleName="noter", PolicyName="may", PolicyDocument=may)
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", SOURCE)
    aws("lambda", "CreateFunction", FunctionName=FUNCTION, Runtime="python3.11", Role=role, Handler="app.handler",
        Timeout=30, Code={"ZipFile": package.getvalue()})  # fmt: skip
    aws("lambda", "AddPermission", FunctionName=FUNCTION, StatementId="s3", Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com", SourceArn=f"arn:aws:s3:::{BUCKET}")  # fmt: skip


def _prefix(value: str) -> dict[str, Any]:
    return {"Key": {"FilterRules": [{"Name": "prefix", "Value": value}]}}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | one for one in statements]})


# ── what must be true ─────────────────────────────────────────────────────────────────────────────────────────────


def violations(aws: Aws, ledger: Ledger, waiting_events: set[str]) -> Iterator[str]:
    """What is wrong, by the public API. All messages must be visible again; `waiting_events`: objects that the function
    is still to be told of."""
    yield from _of_plain_queue(aws, ledger)
    yield from _of_ordered_queue(aws, ledger)
    yield from _of_sums(aws, ledger)
    yield from _of_objects(aws, ledger, waiting_events)


def drained(aws: Aws, queue: str, deletes: bool = False) -> list[str]:
    """The body of each message, in the order they come."""
    found: list[str] = []
    while messages := aws(
        "sqs", "ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=VISIBILITY_S
    ).get("Messages"):
        found += [one["Body"] for one in messages]
        if deletes:
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
            aws("sqs", "DeleteMessageBatch", QueueUrl=queue, Entries=entries)
    return found


def _of_plain_queue(aws: Aws, ledger: Ledger) -> Iterator[str]:
    bodies = Counter(drained(aws, PLAIN))
    yield from _missing("message", ledger.sent.done - ledger.deleted.tried, set(bodies))
    yield from _missing("received message", ledger.received & ledger.sent.tried - ledger.deleted.tried, set(bodies))
    yield from _unasked("message", ledger.sent.tried - ledger.deleted.done, set(bodies))
    yield from (f"message {body} is there {count} times" for body, count in bodies.items() if count > 1)


def _of_ordered_queue(aws: Aws, ledger: Ledger) -> Iterator[str]:
    bodies = drained(aws, FIFO, deletes=True)
    ordered = ledger.ordered_sent.tried - ledger.ordered_gone.tried
    yield from _missing("message", ledger.ordered_sent.done & ordered, set(bodies))
    yield from _missing("received message", ledger.received & ordered, set(bodies))
    yield from _unasked("message", ledger.ordered_sent.tried - ledger.ordered_gone.done, set(bodies))
    for group in GROUPS:
        numbers = [order_of(body) for body in bodies if body.startswith(f"{group}-")]
        if numbers != sorted(set(numbers)):
            yield f"group {group} is out of order: {numbers}"


def _of_sums(aws: Aws, ledger: Ledger) -> Iterator[str]:
    transfers = {item["id"]["S"]: item for item in scanned(aws, TRANSFERS)}
    yield from _missing("transfer", ledger.transfers.done, set(transfers))
    yield from _missing("transfer that was seen", ledger.looked_at, set(transfers))
    yield from _unasked("transfer", ledger.transfers.tried, set(transfers))
    expected = dict.fromkeys(PEOPLE, OPENING_BALANCE)
    for item in transfers.values():
        expected[item["giver"]["S"]] -= int(item["amount"]["N"])
        expected[item["taker"]["S"]] += int(item["amount"]["N"])
    found = {item["id"]["S"]: int(item["balance"]["N"]) for item in scanned(aws, SUMS)}
    if found != expected:
        yield f"the balances are {found}; the transfers that are there make {expected}"


def scanned(aws: Aws, table: str) -> Iterator[dict[str, Any]]:
    more: dict[str, Any] = {}
    while True:
        page = aws("dynamodb", "Scan", TableName=table, **more)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _of_objects(aws: Aws, ledger: Ledger, waiting_events: set[str]) -> Iterator[str]:
    found = set(listed(aws)) - {HOT}
    yield from _missing("object", ledger.put.done - ledger.removed.tried, found)
    yield from _unasked("object", ledger.put.tried - ledger.removed.done, found)
    for key in found:
        if read(aws, key) != body_of(key):
            yield f"object {key} has other contents"
    if ledger.hot_done and read(aws, HOT) not in map(hot_body, range(ledger.hot_done, ledger.hot_tried + 1)):
        yield f"object {HOT} is not its version {ledger.hot_done}"
    events = Counter(key for body in drained(aws, EVENTS) for key in keys_in(body))
    seen = {item["id"]["S"] for item in scanned(aws, SEEN)}
    yield from (f"the event of {key} is there {count} times" for key, count in events.items() if count > 1)
    yield from _missing("event of", found | ledger.put.done, set(events) | seen | waiting_events)
    yield from _unasked("event of", found | ledger.removed.tried, set(events) | seen | waiting_events)


def listed(aws: Aws) -> Iterator[str]:
    more: dict[str, Any] = {}
    while True:
        page = aws("s3", "ListObjectsV2", Bucket=BUCKET, **more)
        yield from (one["Key"] for one in page.get("Contents", ()))
        if not page["IsTruncated"]:
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def read(aws: Aws, key: str) -> bytes:
    try:
        return aws("s3", "GetObject", Bucket=BUCKET, Key=key)["Body"].encode()
    except AwsError as error:
        return error.code.encode()
    except UnicodeDecodeError:
        return b"garbage"


def keys_in(event: str | bytes) -> list[str]:
    """The objects of an S3 event; none in S3's test message."""
    return [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(event).get("Records", ())]


def waiting(tx: Tx) -> set[str]:
    """Objects whose event the outbox holds for the function."""
    start, end = Subspace("outbox")["e"].range()
    found: set[str] = set()
    begin: bytes | None = start
    while begin is not None:
        rows, begin = tx.scan(begin, end)
        for _, stored in rows:
            entry = Entry.decode(stored)
            if entry.task == "invoke_async":
                found.update(keys_in(msgspec.msgpack.decode(entry.payload)["payload"]))
    return found


def _missing(kind: str, expected: set[str], found: set[str]) -> Iterator[str]:
    if lost := expected - found:
        yield f"{kind} {min(lost)} is lost, and {len(lost) - 1} more that an answer told of"


def _unasked(kind: str, possible: set[str], found: set[str]) -> Iterator[str]:
    if more := found - possible:
        yield f"{kind} {min(more)} should not be there"
