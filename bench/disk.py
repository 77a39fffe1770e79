"""What the disk takes for itself: a KiB appended to a file, and fdatasync, as the node's log does it."""

import os
import statistics
import time
from pathlib import Path

APPENDED = os.urandom(1024)
SAMPLES = 60


def fdatasync_ms(directory: Path, samples: int = SAMPLES) -> float:
    """The median, on the disk that `directory` is on."""
    path = directory / "raw-syncs"
    times = []
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        for _ in range(samples):
            started = time.perf_counter()
            os.write(descriptor, APPENDED)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - started)
    finally:
        os.close(descriptor)
        path.unlink()
    return 1000 * statistics.median(times)
