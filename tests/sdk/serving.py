"""A node on a socket, on a loop in a thread of its own, and boto3 clients of it."""

import asyncio
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import boto3
import uvloop
from botocore.config import Config

from cloudlet.app.server import Server
from cloudlet.app.wiring import House, build
from cloudlet.base.config import Settings

GUARD_S = 10


class ServingNode(threading.Thread):
    """`with ServingNode(Settings(data=…)) as node: node.client("sns")…`"""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._ready = threading.Event()
        self.url = ""
        self.house: House
        self._clients: list[Any] = []

    def run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        house = self.house = build(self._settings)
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = Server(house.gateway.handle, on_protocol_error=house.gateway.protocol_error)
        house.node.database.journal.start(self._loop)
        house.node.base_url = self.url = f"http://127.0.0.1:{await server.listen('127.0.0.1', 0)}"
        await house.start(server)
        self._ready.set()
        await self._stopping.wait()
        await server.close(grace_s=1)
        await house.stop()
        house.node.database.close()

    def __enter__(self) -> Self:
        self.start()
        assert self._ready.wait(GUARD_S), "the node does not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        self._loop.call_soon_threadsafe(self._stopping.set)
        self.join(GUARD_S)
        assert not self.is_alive(), "the node does not stop"

    def client(
        self, service: str, region: str = "us-east-1", keys: Mapping[str, str] | None = None, **options: Any
    ) -> Any:
        """A boto3 client, of the root user or of `keys` as IAM and STS give them; `options` are botocore's Config."""
        keys = keys or {"AccessKeyId": "test", "SecretAccessKey": "test"}
        given = {"retries": {"total_max_attempts": 1}, "connect_timeout": GUARD_S, "read_timeout": GUARD_S}
        made = boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            config=Config(**given | options),
        )
        self._clients.append(made)
        return made
