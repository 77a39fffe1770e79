"""Objects: put, uploaded in parts, overwritten and deleted; a queue is told of some, the function of others."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from cloudlet.base.errors import AwsError
from tests.crash.subjects.subject import (
    BASE,
    FUNCTION,
    Aws,
    Effect,
    Found,
    Worker,
    arn_of,
    drained,
    missing,
    pages,
    policy,
    unasked,
)

BUCKET = "bodies"
EVENTS, REMOVALS = BASE + "events", BASE + "removals"
TOLD, RUN = "told/", "run/"  # objects whose events go to the queues, and to the function
HOT = "hot"
PART_BYTES_MIN = 5 << 20
LARGE_EVERY = 60  # rounds
REMOVED_TOGETHER = 3


@dataclass
class Objects:
    put: Effect = field(default_factory=Effect)  # by key
    removed: Effect = field(default_factory=Effect)
    begun: Effect = field(default_factory=Effect)  # uploads, by key
    ended: Effect = field(default_factory=Effect)  # completed or aborted
    hot_tried: int = 0  # versions of the one object that is written over and over
    hot_done: int = 0

    def furnish(self, aws: Aws) -> None:
        may_send = policy({"Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"})
        for name in ("events", "removals"):
            aws("sqs", "CreateQueue", QueueName=name, Attributes={"Policy": may_send})
        aws("lambda", "AddPermission", FunctionName=FUNCTION, StatementId="s3", Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com", SourceArn=f"arn:aws:s3:::{BUCKET}")  # fmt: skip
        aws("s3", "CreateBucket", Bucket=BUCKET)
        told = _notified(TOLD, "s3:ObjectCreated:*") | {"QueueArn": arn_of("sqs", "events")}
        gone = _notified(TOLD, "s3:ObjectRemoved:*") | {"QueueArn": arn_of("sqs", "removals")}
        run = _notified(RUN, "s3:ObjectCreated:*") | {"LambdaFunctionArn": arn_of("lambda", f"function:{FUNCTION}")}
        configuration = {"QueueConfigurations": [told, gone], "LambdaFunctionConfigurations": [run]}
        aws("s3", "PutBucketNotificationConfiguration", Bucket=BUCKET, NotificationConfiguration=configuration)

    def works(self) -> list[Callable[[Worker], None]]:
        return [self.write, self.overwrite]

    def events(self) -> Effect:
        return Effect(
            {key for key in self.put.tried if key.startswith(RUN)},
            {key for key in self.put.done if key.startswith(RUN)},
        )

    def write(self, worker: Worker) -> None:
        number = worker.number
        key = f"{RUN if number % 4 == 0 else TOLD}{worker.run}-{number}"
        if number % LARGE_EVERY == 30:
            self._upload(worker, key, [large_body_of(key), body_of(key)])
        elif number % 5 == 0:
            self._upload(worker, key, [body_of(key)])
        elif number % 7 == 3:
            self._begin_and_abort(worker, f"given up/{worker.run}-{number}")
        else:
            worker.effect(self.put, [key], "s3", "PutObject", Bucket=BUCKET, Key=key, Body=body_of(key))
        if number % 6 == 0:
            self._remove(worker, together=number % 12 == 0)

    def _upload(self, worker: Worker, key: str, bodies: list[bytes]) -> None:
        asked = {"Bucket": BUCKET, "Key": key}
        upload = worker.effect(self.begun, [key], "s3", "CreateMultipartUpload", **asked)["UploadId"]
        parts = []
        for number, body in enumerate(bodies, 1):
            part = worker.aws("s3", "UploadPart", **asked, UploadId=upload, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        with worker.noting(self.put, [key]), worker.noting(self.ended, [key]):
            worker.aws("s3", "CompleteMultipartUpload", **asked, UploadId=upload, MultipartUpload={"Parts": parts})

    def _begin_and_abort(self, worker: Worker, key: str) -> None:
        asked = {"Bucket": BUCKET, "Key": key}
        upload = worker.effect(self.begun, [key], "s3", "CreateMultipartUpload", **asked)["UploadId"]
        worker.aws("s3", "UploadPart", **asked, UploadId=upload, PartNumber=1, Body=body_of(key))
        worker.effect(self.ended, [key], "s3", "AbortMultipartUpload", **asked, UploadId=upload)

    def _remove(self, worker: Worker, together: bool) -> None:
        there = sorted(self.put.done - self.removed.tried)
        old = worker.chance.sample(there, min(len(there), REMOVED_TOGETHER if together else 1))
        if together:
            asked = {"Objects": [{"Key": key} for key in old]}
            worker.effect(self.removed, old, "s3", "DeleteObjects", Bucket=BUCKET, Delete=asked)
        elif old:
            worker.effect(self.removed, old, "s3", "DeleteObject", Bucket=BUCKET, Key=old[0])

    def overwrite(self, worker: Worker) -> None:
        """One object written again and again: each time a blob goes."""
        self.hot_tried += 1
        worker.aws("s3", "PutObject", Bucket=BUCKET, Key=HOT, Body=hot_body(self.hot_tried))
        self.hot_done = self.hot_tried
        worker.acknowledged()

    def violations(self, found: Found) -> Iterator[str]:
        keys = set(listed(found.aws)) - {HOT}
        yield from missing("object", self.put.done - self.removed.tried, keys)
        yield from unasked("object", self.put.tried - self.removed.done, keys)
        for key in keys:
            if read(found.aws, key) not in (body_of(key), large_body_of(key) + body_of(key)):
                yield f"object {key} has other contents"
        if self.hot_done and read(found.aws, HOT) not in map(hot_body, range(self.hot_done, self.hot_tried + 1)):
            yield f"object {HOT} is not its version {self.hot_done}"
        yield from self._of_uploads(found)
        yield from self._of_events(found, keys)

    def _of_uploads(self, found: Found) -> Iterator[str]:
        uploads = {one["Key"] for one in found.aws("s3", "ListMultipartUploads", Bucket=BUCKET).get("Uploads", ())}
        yield from missing("upload", self.begun.done - self.ended.tried, uploads)
        yield from unasked("upload", self.begun.tried - self.ended.done, uploads)

    def _of_events(self, found: Found, keys: set[str]) -> Iterator[str]:
        """Each object has its event, and each event its object: they are one transaction."""
        events = Counter(key for body in drained(found.aws, EVENTS) for key in keys_in(body))
        removals = Counter(key for body in drained(found.aws, REMOVALS) for key in keys_in(body))
        for key, count in (events + removals).items():
            if count > 1 + (key in removals and key in events):
                yield f"an event of {key} is there twice"
        yield from missing("event of", keys | self.put.done, set(events) | found.caused)
        ours = {key for key in set(events) | found.caused if key.startswith((TOLD, RUN))}
        yield from unasked("event of", keys | self.removed.tried, ours)
        gone = {key for key in self.put.done - keys if key.startswith(TOLD)}
        yield from missing("removal of", gone, set(removals))
        yield from unasked("removal of", self.removed.tried - keys, set(removals))


def _notified(prefix: str, event: str) -> dict[str, Any]:
    return {"Events": [event], "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}}


def body_of(key: str) -> bytes:
    """What object `key` holds: some fit a value, some are blobs."""
    block = hashlib.sha256(key.encode()).hexdigest().encode()
    size = (100, 5_000, 90_000, 400_000)[block[0] % 4] + block[1]
    return (block * (size // 64 + 1))[:size]


def large_body_of(key: str) -> bytes:
    """The first of two parts."""
    return hashlib.sha256(key.encode()).hexdigest().encode() * (PART_BYTES_MIN // 64)


def hot_body(version: int) -> bytes:
    return b"%d " % version * 30_000


def listed(aws: Aws) -> Iterator[str]:
    more = ("NextContinuationToken", "ContinuationToken")
    return (one["Key"] for one in pages(aws, "s3", "ListObjectsV2", "Contents", *more, Bucket=BUCKET))


def read(aws: Aws, key: str) -> bytes:
    try:
        return aws("s3", "GetObject", Bucket=BUCKET, Key=key)["Body"].encode()
    except AwsError as error:
        return error.code.encode()
    except UnicodeDecodeError:
        return b"garbage"


def keys_in(event: str) -> list[str]:
    """The objects of an S3 event; none in S3's test message."""
    return [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(event).get("Records", ())]
