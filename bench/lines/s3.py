"""Lines of S3: objects of 1 KiB and of 1 MiB."""

import hashlib
import random
from functools import cache

from bench.client import Client
from bench.lines.line import READ_BACK, Line, expect, loaded, value_of
from bench.load import Answer, Outcome, Request, one

BUCKET = "bench-objects"
MIB = 1024 * 1024


async def make_bucket(client: Client) -> None:
    """Unless another line has."""
    created = await one(client.server, client.request("s3", "PUT", f"/{BUCKET}"))
    expect(created.status == 200 or b"BucketAlreadyOwnedByYou" in created.body, created)


@cache
def content(number: int, size: int) -> bytes:
    return value_of(f"object:{number}", size).encode()


class PutObject(Line):
    name = "PutObject 1 KiB"
    writes = True
    aims = {"moto": 10, "ministack": 5}
    size = 1024
    contents = 2_000  # different ones

    async def set_up(self) -> None:
        await make_bucket(self.client)

    async def requests(self, run: str, count: int) -> list[Request]:
        self._run = run
        put, size = self.client.parts, self.size
        return [put("s3", "PUT", self._path(i), content(i % self.contents, size)) for i in range(count)]

    def _path(self, number: int) -> str:
        return f"/{BUCKET}/{self.size}/{self._run}/{number}"

    def check(self, answer: Answer) -> None:
        right = f'"{hashlib.md5(content(answer.request % self.contents, self.size)).hexdigest()}"'
        expect(answer.status == 200 and answer.headers.get("etag") == right, answer)

    async def finish(self, outcome: Outcome) -> None:
        for written in random.Random(1).sample(outcome.answers, min(READ_BACK, len(outcome.answers))):
            answer = await self.client.call(self.client.request("s3", "GET", self._path(written.request)))
            expect(answer.body == content(written.request % self.contents, self.size), answer)


class PutObjectMiB(PutObject):
    name = "PutObject 1 MiB"
    aims = {"moto": 1, "ministack": 1}
    size, contents, requests_max = MIB, 16, 400


class GetObject(Line):
    name = "GetObject 1 KiB"
    aims = {"moto": 10, "ministack": 5}
    size, objects = 1024, 2_000

    async def set_up(self) -> None:
        await make_bucket(self.client)
        put = self.client.parts
        bodies = [content(i, self.size) for i in range(self.objects)]
        await loaded(self.client, [put("s3", "PUT", self._path(i), body) for i, body in enumerate(bodies)], "objects")

    def _path(self, number: int) -> str:
        return f"/{BUCKET}/{self.size}/object/{number}"

    async def requests(self, run: str, count: int) -> list[bytes]:
        chosen = random.Random(run)
        self._asked = [chosen.randrange(self.objects) for _ in range(count)]
        return [self.client.request("s3", "GET", self._path(i)) for i in self._asked]

    def check(self, answer: Answer) -> None:
        right = content(self._asked[answer.request], self.size)
        expect(answer.status == 200 and answer.body == right, answer)


class GetObjectMiB(GetObject):
    name = "GetObject 1 MiB"
    aims = {"moto": 1, "ministack": 1}
    size, objects, requests_max = MIB, 16, 400
