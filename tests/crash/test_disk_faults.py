"""A disk that is full, fails to sync, fails to write, or comes back damaged, under a whole node.

It refuses what it cannot keep, saying so, and goes on with reading; or it stops with one line that says why. It never
answers a success that is not on disk.
"""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.store.sequence_note import SequenceNote
from tests.crash.node_process import DEAD, HANG_GUARD_S, Client, NodeProcess
from tests.crash.powercut import Outage

IS_ROOT = os.geteuid() == 0
UNSHARE = ["unshare", "--mount"] if IS_ROOT else ["unshare", "--user", "--map-root-user", "--mount"]
SIZE, BALLAST = "48m", 24 << 20
QUEUE = "http://127.0.0.1:4566/000000000000/q"
BODY = "x" * 100_000
FILE_BYTES_MAX = 150_000  # less than a log comes to
Aws = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.fixture
def small_disk(folder: Path) -> Iterator[subprocess.Popen]:
    """A process in whose mounts folder/data is a small file system."""
    mount = f'mount -t tmpfs -o size={SIZE},mode=700 tmpfs "$0" && echo mounted && exec sleep 60'
    holder = subprocess.Popen([*UNSHARE, "sh", "-c", mount, folder / "data"], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    try:
        if holder.stdout.readline() != "mounted\n":
            pytest.skip("needs a mount namespace with a tmpfs (util-linux)")
        yield holder
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def within(holder: subprocess.Popen) -> list[str]:
    user = [] if IS_ROOT else ["--user", "--preserve-credentials"]
    return ["nsenter", *user, "--mount", "--target", str(holder.pid), f"--wdns={os.getcwd()}"]


class Writers:
    """What is written in three services, and what was said to be kept."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.kept: dict[str, list[str]] = {"sqs": [], "dynamodb": [], "s3": []}

    def furnish(self) -> None:
        self.aws("sqs", "CreateQueue", QueueName="q")
        self.aws("s3", "CreateBucket", Bucket="bucket")
        self.aws("dynamodb", "CreateTable", TableName="table", BillingMode="PAY_PER_REQUEST",
                 KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                 AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])  # fmt: skip

    def write(self, service: str, name: str) -> None:
        if service == "sqs":
            self.aws("sqs", "SendMessage", QueueUrl=QUEUE, MessageBody=name + BODY)
        elif service == "dynamodb":
            self.aws("dynamodb", "PutItem", TableName="table", Item={"id": {"S": name}, "body": {"S": BODY}})
        else:
            self.aws("s3", "PutObject", Bucket="bucket", Key=name, Body=8 * BODY.encode())
        self.kept[service].append(name)

    def write_until_refused(self) -> dict[str, AwsError]:
        refusals: dict[str, AwsError] = {}
        for number in range(10_000):
            for service in self.kept:
                if service not in refusals:
                    try:
                        self.write(service, f"{service}-{number}")
                    except AwsError as error:
                        refusals[service] = error
            if len(refusals) == len(self.kept):
                return refusals
        raise AssertionError(f"never refused: {refusals}")

    def lost(self) -> list[str]:
        """What was said to be kept and isn't. It receives the messages."""
        lost = []
        for name in self.kept["dynamodb"]:
            if "Item" not in self.aws("dynamodb", "GetItem", TableName="table", Key={"id": {"S": name}}):
                lost.append(name)
        for name in self.kept["s3"]:
            if self.aws("s3", "GetObject", Bucket="bucket", Key=name)["Body"] != 8 * BODY:
                lost.append(name)
        received: set[str] = set()
        while messages := self.aws("sqs", "ReceiveMessage", QueueUrl=QUEUE, MaxNumberOfMessages=10).get("Messages"):
            received.update(one["Body"].removesuffix(BODY) for one in messages)
        return lost + sorted(set(self.kept["sqs"]) - received)


@pytest.mark.slow
def test_a_node_on_a_full_disk_refuses_to_write_goes_on_reading_and_heals(folder, small_disk):
    ballast = Path(f"/proc/{small_disk.pid}/root{folder}/data/ballast")
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, BALLAST)
    with NodeProcess(folder, within=within(small_disk), quiet=True) as node, node.client() as client:
        writers = Writers(client.aws)
        writers.furnish()
        refusals = writers.write_until_refused()
        for refusal in refusals.values():
            assert (refusal.status, "disk is full" in refusal.message) == (503, True), refusal
        read = client.aws("dynamodb", "GetItem", TableName="table", Key={"id": {"S": writers.kept["dynamodb"][0]}})
        assert read["Item"]["body"] == {"S": BODY}
        assert client.aws("s3", "GetObject", Bucket="bucket", Key=writers.kept["s3"][-1])["Body"] == 8 * BODY
        ballast.unlink()
        until = time.monotonic() + HANG_GUARD_S
        for service, kept in writers.kept.items():
            last = f"{service}-after"
            while last not in kept:
                assert time.monotonic() < until, f"{service} is still refused"
                try:
                    writers.write(service, last)
                except AwsError as error:
                    assert error.status == 503, error
                    time.sleep(0.1)
                except DEAD:  # an answer to part of a body may be the connection's last
                    client.close()
        node.kill()
        with NodeProcess(folder, within=within(small_disk), quiet=True) as second, second.client() as again:
            writers.aws = again.aws
            assert writers.lost() == []
        assert not any("Traceback" in line for line in node.said()), "\n".join(node.said())


@pytest.mark.slow
def test_a_sync_that_fails_ends_the_node_with_one_line_and_no_answer(folder):
    with NodeProcess(folder, quiet=True) as node:
        with node.client() as client:
            Writers(client.aws).furnish()
        kept, answered_late = _send_until_dead(node)
        assert node.wait() == 70
        assert [line for line in node.said() if "Input/output error" not in line] == [] and len(node.said()) == 1
        assert answered_late == [], "a success was answered after the disk had failed"
    node.notes.with_suffix(".failing").unlink()
    Outage(node.data / "store", node.notes)  # its notes tell of no sync that failed
    with NodeProcess(folder) as second, second.client() as again:
        found: set[str] = set()
        while messages := again.aws("sqs", "ReceiveMessage", QueueUrl=QUEUE, MaxNumberOfMessages=10).get("Messages"):
            found.update(one["Body"] for one in messages)
        assert set(kept) <= found


def _send_until_dead(node: NodeProcess) -> tuple[list[str], list[str]]:
    """Several clients send, then the disk fails: what was acknowledged before, what after its failure was seen."""
    kept: list[str] = []
    late: list[str] = []
    failing = node.notes.with_suffix(".failing")

    def send(client: Client, number: int) -> None:
        count = 0
        while True:
            count += 1
            begun_late = failing.exists()
            try:
                client.aws("sqs", "SendMessage", QueueUrl=QUEUE, MessageBody=f"{number}-{count}")
            except DEAD:
                return
            kept.append(f"{number}-{count}")
            if begun_late:
                late.append(f"{number}-{count}")

    clients = [node.client() for _ in range(4)]
    threads = [threading.Thread(target=send, args=(client, number)) for number, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + HANG_GUARD_S
    while len(kept) < 40 and time.monotonic() < until:
        time.sleep(0.005)
    failing.touch()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    return kept, late


@pytest.mark.slow
def test_a_disk_that_takes_no_more_of_the_log_is_told_and_nothing_kept_is_lost(folder):
    """EFBIG stands for any failure of a write(2): RLIMIT_FSIZE needs no privileges."""
    with NodeProcess(folder, quiet=True) as node, node.client() as client:
        writers = Writers(client.aws)
        writers.furnish()
        for number in range(3):
            for service in writers.kept:
                writers.write(service, f"{service}-{number}")
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, resource.RLIM_INFINITY))
        refusals = writers.write_until_refused()
        for refusal in refusals.values():
            assert (refusal.status, "writes are refused" in refusal.message) == (503, True), refusal
        assert "Item" in client.aws("dynamodb", "GetItem", TableName="table", Key={"id": {"S": "dynamodb-0"}})
        assert node.stop() == 0
        told = [line for line in node.said() if "CRITICAL" in line and "File too large" in line]
        assert len(told) == 1 and not any("Traceback" in line for line in node.said()), "\n".join(node.said())
    with NodeProcess(folder) as second, second.client() as again:
        writers.aws = again.aws
        assert writers.lost() == []


@pytest.mark.slow
def test_a_node_whose_log_is_damaged_before_its_last_sync_does_not_start_and_says_why(folder):
    with NodeProcess(folder) as node, node.client() as client:
        Writers(client.aws).furnish()
        noted, until = _noted(node), time.monotonic() + HANG_GUARD_S
        while _noted(node) <= noted:  # what is durable is noted now and then
            assert time.monotonic() < until, "nothing was noted"
            client.aws("sqs", "SendMessage", QueueUrl=QUEUE, MessageBody="little, so that there is but one log")
            time.sleep(0.01)
        node.kill()
    (log,) = Outage.logs_of(node.data / "store")
    with open(log, "r+b") as file:
        file.seek(log.stat().st_size // 2)
        file.write(b"garbage")
    with NodeProcess(folder, waits=False, quiet=True) as broken:
        assert broken.wait() == 1
        (said,) = broken.said()
    assert f"{log} is damaged at byte" in said and "--accept-loss" in said


def _noted(node: NodeProcess) -> int:
    note = SequenceNote(node.data / "store" / "durable")
    try:
        noted = note.read()
        return noted.sequence if noted is not None else 0
    finally:
        note.close()
