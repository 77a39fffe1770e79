"""Sends HTTP requests to the outside world, in threads: one request, one answer, no redirects followed.

Loopback and private addresses are allowed, unlike on AWS: a node serves the machines around it, and those are where
its subscribers live. Link-local addresses are refused: there cloud providers hand out credentials.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cloudlet.base.lazy import lazy
from cloudlet.kit.ports import OutboundResponse

THREADS_MAX = 32
ANSWER_BYTES_MAX = 1 << 20

urllib3 = lazy("urllib3")
_pools = lazy("cloudlet.app.http_pools")


class ThreadedHttpOut:
    """kit/ports.HttpOut over urllib3."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="http-out")
        self._pools: Any = None  # made by the first request

    async def send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeout_s: float
    ) -> OutboundResponse:
        if self._pools is None:
            self._pools = _pools.checked_pools()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._send, method, url, headers, body, timeout_s)

    def _send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeout_s: float
    ) -> OutboundResponse:
        try:
            answer = self._pools.request(
                method,
                url,
                headers=urllib3.HTTPHeaderDict(headers),
                body=body,
                timeout=urllib3.Timeout(total=timeout_s),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"{type(error).__name__}: {error}") from error
        try:
            content = answer.read(ANSWER_BYTES_MAX + 1, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"{type(error).__name__}: {error}") from error
        finally:
            answer.close() if answer.length_remaining else answer.release_conn()
        return OutboundResponse(answer.status, list(answer.headers.items()), content[:ANSWER_BYTES_MAX])

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._pools is not None:
            self._pools.clear()
