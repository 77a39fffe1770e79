"""Wake-ups inside the process. A notify is a hint: whoever waits looks again at least every second."""

import asyncio

RECHECK_S = 1.0


class Waiters:
    """Who waits for what: a key is the service's own tuple, e.g. ("sqs", queue_id)."""

    def __init__(self) -> None:
        self._waiting: dict[tuple, set[asyncio.Future]] = {}

    def wake(self, key: tuple) -> None:
        for future in self._waiting.pop(key, ()):
            if not future.done():
                future.set_result(None)

    def wake_all(self) -> None:
        """After the service clock moved: everyone looks at the time again."""
        for key in list(self._waiting):
            self.wake(key)

    async def wait(self, key: tuple, timeout_s: float) -> None:
        """Return when `key` is woken, or after `timeout_s` (at most RECHECK_S)."""
        future = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(key, set())
        waiting.add(future)
        try:
            async with asyncio.timeout(min(timeout_s, RECHECK_S)):  # wait_for of 3.11 may swallow a cancellation
                await future
        except TimeoutError:
            pass
        finally:
            waiting.discard(future)
            if not waiting and self._waiting.get(key) is waiting:
                del self._waiting[key]
