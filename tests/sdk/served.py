"""A node as people run it: `cloudlet up` in a process of its own, on disk, at one port of HTTP and one of TLS."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from cloudlet.app.run_file import find_running
from cloudlet.base.config import read_settings
from tests.app.certificates import self_signed

START_GUARD_S = 30
STOP_GUARD_S = 15
SCHEMES = ("http", "https")
BUCKET_IN_HOST = "in-host"  # no wildcard covers it: those stand for no name of two labels
NAMES = ("localhost", f"{BUCKET_IN_HOST}.localhost", "*.s3.localhost")

Client = Callable[..., Any]


class ServedNode:
    """`with ServedNode(directory) as node: node.client("s3", scheme="https")…`"""

    def __init__(self, directory: Path, starter: Sequence[str] = ()) -> None:
        """`starter`: what runs the command, with other limits say."""
        certificate = self_signed(directory, *NAMES)
        self.certificate = certificate.path
        self.ports = dict(zip(SCHEMES, free_ports(len(SCHEMES))))
        self._data = directory / "data"
        self._log = directory / "node.log"
        arguments = {
            "--data": self._data,
            "--port": self.ports["http"],
            "--tls-port": self.ports["https"],
            "--tls-certificate": certificate.path,
            "--tls-key": certificate.key_path,
        }
        self._command = [
            *starter,
            sys.executable,
            "-m",
            "cloudlet",
            "up",
            *(str(part) for pair in arguments.items() for part in pair),
        ]
        self._clients: list[Any] = []

    def __enter__(self) -> Self:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        settings, deadline = read_settings({"data": self._data}), time.monotonic() + START_GUARD_S
        while find_running(settings) is None:
            assert self._process.poll() is None and time.monotonic() < deadline, self.log
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_GUARD_S)
        finally:
            self._process.kill()
            self._process.wait()

    @property
    def log(self) -> str:
        """What the node said."""
        return self._log.read_text(errors="replace")

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.ports[scheme]}"

    def client(
        self, service: str, scheme: str = "http", key: tuple[str, str] = ("test", "test"), verify: bool | str = ""
    ) -> Any:
        """A boto3 client, of the root user unless told otherwise, that trusts the node's certificate."""
        session = boto3.Session(*key, region_name="us-east-1")
        config = Config(retries={"total_max_attempts": 1}, read_timeout=10)
        verify = verify or str(self.certificate)
        made = session.client(service, endpoint_url=self.url(scheme), verify=verify, config=config)
        self._clients.append(made)
        return made

    def environment(self, scheme: str = "http") -> dict[str, str]:
        """Of a program that uses the node: nothing of the caller's own AWS set-up."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        return kept | {
            "AWS_ENDPOINT_URL": self.url(scheme),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NODE_EXTRA_CA_CERTS": str(self.certificate),
        }


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
