"""Connections that say nothing, or half of something: the node answers, is not filled, and refuses what is too many.

Ten thousand of them: CLOUDLET_CONNECTIONS=10000 (some 4 KiB each).
"""

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hang_guard import hang_guard
from tests.sdk.served import ServedNode

IDLE_MAX = 10_000  # cloudlet/app/server.py: Limits
SPARE = 1000  # descriptors for everything else
FEW_DESCRIPTORS = ("sh", "-c", 'ulimit -Sn 512; ulimit -Hn 1024; exec "$@"', "sh")
BYTES_EACH_MAX = 24 * 1024  # a connection costs the node, all told


@pytest.fixture
def room() -> Iterator[int]:
    """As many connections as this process may have, and the nodes that it starts."""
    before = _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield min(int(os.environ.get("CLOUDLET_CONNECTIONS", "2000")), IDLE_MAX, hard - SPARE)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def resident_bytes(node: ServedNode) -> int:
    status = Path(f"/proc/{node._process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def connected(node: ServedNode, say: bytes) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", node.ports["http"]), 10)
    if say:
        made.sendall(say)
    return made


@pytest.mark.slow
def test_idle_connections_are_bounded_and_cost_little(room: int, tmp_path: Path) -> None:
    with ServedNode(tmp_path) as node, hang_guard(60):
        sqs = node.client("sqs")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        before = resident_bytes(node)
        said = (b"", b"POST / HTTP/1.1\r\nHost: a\r\nX-Half: ", b"P")
        clients = [connected(node, said[number % 3]) for number in range(room - 20)]
        try:
            sqs.send_message(QueueUrl=url, MessageBody="still there")
            grown = resident_bytes(node) - before
            print(f"{len(clients)} connections: {grown // len(clients)} bytes each, {grown >> 20} MiB")
            assert grown < BYTES_EACH_MAX * len(clients)
            if room == IDLE_MAX:
                clients += [connected(node, b"") for _ in range(40)]
                late = clients[-1]
                late.settimeout(10)
                assert late.recv(12) == b"HTTP/1.1 503"
        finally:
            for client in clients:
                client.close()
        assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "still there"


@pytest.mark.slow
def test_idle_connections_leave_the_store_its_files(room: int, tmp_path: Path) -> None:
    """Where the system gives 1024 descriptors and no more, as many do: fewer connections, and the node lives."""
    with ServedNode(tmp_path, FEW_DESCRIPTORS) as node, hang_guard(60):
        sqs, s3 = node.client("sqs"), node.client("s3")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        s3.create_bucket(Bucket="bucket")
        clients = [connected(node, b"") for _ in range(1200)]
        sqs.send_message(QueueUrl=url, MessageBody="still there")
        s3.put_object(Bucket="bucket", Key="key", Body=b"x" * 200_000)
        for client in clients:
            client.close()
        assert s3.get_object(Bucket="bucket", Key="key")["ContentLength"] == 200_000
