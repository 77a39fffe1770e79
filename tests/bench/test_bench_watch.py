"""What holds the loop is found out by name; what only waited for a processor is not."""

import asyncio
import time
from typing import Any

from bench.watch import BREACH_S, BenchWatch


def watched(*seconds: float, forgiven_s: float = 0.0) -> dict[str, Any]:
    """What a watch saw of steps that computed so long."""

    async def main() -> dict[str, Any]:
        watch = BenchWatch(lambda: 0)
        if forgiven_s:
            queued = watch._waited_s
            watch._run_queue_s = lambda: queued + forgiven_s  # type: ignore[method-assign]
        for number, held_s in enumerate(seconds):
            await watch.run(_holds(held_s), lambda number=number: (f"sqs.Operation{number}", "id"))  # type: ignore[misc]
        return watch.taken()

    return asyncio.run(main())


async def _holds(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_callback_over_the_limit_is_named() -> None:
    seen = watched(0.001, BREACH_S + 0.01)
    assert [breach["name"] for breach in seen["breaches"]] == ["sqs.Operation1"]
    assert seen["callback_ms"] > 1000 * BREACH_S


def test_short_callbacks_are_none() -> None:
    assert watched(0.001, 0.002)["breaches"] == []


def test_waiting_for_a_processor_is_forgiven_computing_is_not() -> None:
    async def sleeps(watch: BenchWatch) -> None:
        since = watch.now()
        time.sleep(BREACH_S + 0.01)
        watch.look(since, lambda: ("waits", ""))

    async def main(forgiven_s: float) -> list[dict[str, Any]]:
        watch = BenchWatch(lambda: 0)
        queued = watch._waited_s
        watch._run_queue_s = lambda: queued + forgiven_s  # type: ignore[method-assign]
        await sleeps(watch)
        return watch.taken()["breaches"]

    assert asyncio.run(main(0.03)) == []
    assert len(asyncio.run(main(0.0))) == 1, "a callback that sleeps holds the loop too"
    assert len(watched(BREACH_S + 0.01, forgiven_s=1.0)["breaches"]) == 1


def test_each_reading_starts_anew() -> None:
    async def main() -> tuple[dict[str, Any], dict[str, Any]]:
        watch = BenchWatch(lambda: 0)
        watch.start()
        await _holds(0.03)
        await asyncio.sleep(0.02)
        return watch.taken(), watch.taken()

    first, second = asyncio.run(main())
    assert second == {"callback_ms": 0.0, "turn_ms": 0.0, "breaches": []}
    assert first["turn_ms"] > 0
