"""The node under load: `cloudlet up`, which on SIGUSR1 also writes its counters to a file.

CLOUDLET_BENCH_CORE holds it, its threads and its children to one core. With CLOUDLET_BENCH_STAGES it times the stages
of each request (bench/stages.py), with CLOUDLET_BENCH_PROFILE it writes a profile of its whole life when it ends.
"""

import asyncio
import cProfile
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from bench import stages
from bench.watch import BenchWatch
from cloudlet.app import serve
from cloudlet.app.wiring import House
from cloudlet.base.config import Settings, read_settings


def main() -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # it answers requests before it is ready to be asked
    given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    settings = read_settings({"data": Path(given["--data"]), "port": int(given["--port"])})
    if core := os.environ.get("CLOUDLET_BENCH_CORE"):
        os.sched_setaffinity(0, {int(core)})
    if os.environ.get("CLOUDLET_BENCH_STAGES"):
        stages.install()
    profile = os.environ.get("CLOUDLET_BENCH_PROFILE")
    if not profile:
        serve.run(settings, _ready)
        return
    profiler = cProfile.Profile(time.thread_time)  # other processes take nothing from it
    profiler.runcall(_run, settings)
    profiler.dump_stats(profile)


def _run(settings: Settings) -> None:
    serve.run(settings, _ready)


def _ready(house: House, url: str) -> None:
    watch = BenchWatch(house.node.clock.now_ms)
    watch.start()
    house.watch = house.gateway.watch = house.workers.watch = house.upkeep.watch = watch
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, _write_counters, house, watch)


def _write_counters(house: House, watch: BenchWatch) -> None:
    path = Path(os.environ["CLOUDLET_BENCH_COUNTERS"])
    counters = {
        **house.node.database.stats()._asdict(),
        "stages": stages.seconds(),
        "requests": stages.requests(),
        "loop": watch.taken(),
    }
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(counters))
    fresh.rename(path)


if __name__ == "__main__":
    main()
