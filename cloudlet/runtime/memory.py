"""How much memory an environment holds, and when that is too much.

With a control group the kernel counts: what is the function's own (anonymous memory and /dev/shm), not the page cache
and not /tmp, which on AWS is a disk. The group's hard limit must leave room for /tmp's pages, so it follows what /tmp
holds, 64 MiB ahead; in between this meter decides. Without a group the proportional set size of the tree is polled.

What is whose costs the kernel much to say (memory.stat), the sum next to nothing: while use and peak stand still, for a
second at most, the last figures are true.
"""

import os
import time
from dataclasses import dataclass

from cloudlet.runtime import processes
from cloudlet.runtime.cgroups import Cgroup

MIB = 1 << 20
TMP_AHEAD = 64 * MIB
STILL_BYTES = MIB // 4
STILL_S = 1.0


@dataclass
class MemoryMeter:
    group: Cgroup
    init_pid: int
    limit_bytes: int
    tmp_fd: int | None  # of a /tmp that lives in memory
    peak_bytes: int = 0
    _hard_limit: int = 0
    _settled: tuple[int, int, float] = (-MIB, 0, 0.0)  # use, peak and when, as last asked what is whose

    def __post_init__(self) -> None:
        self._hard_limit = self.limit_bytes + TMP_AHEAD

    @property
    def by_kernel(self) -> bool:
        return self.group.memory is not None

    @property
    def unknown(self) -> bool:
        """Nobody counts for us and we have not looked yet."""
        return not self.by_kernel and self.peak_bytes == 0

    def exceeded(self) -> bool:
        """Look once; cheap while the group's use is far from the limit."""
        if self.by_kernel:
            usage = self.group.usage_bytes() or 0
            if usage > self.limit_bytes // 2:
                self._follow_tmp()
                self.peak_bytes = max(self.peak_bytes, self.group.own_bytes(self.tmp_bytes()))
        else:
            self.peak_bytes = max(self.peak_bytes, processes.memory_bytes(processes.tree(self.init_pid)))
        return self.peak_bytes > self.limit_bytes

    def settle(self) -> int:
        """The peak so far, at the end of a call, in bytes and never above the limit unless it was exceeded."""
        if self.by_kernel:
            usage, peak, now_s = self.group.usage_bytes() or 0, self.group.peak_bytes() or 0, time.monotonic()
            usage_before, peak_before, before_s = self._settled
            if peak == peak_before and abs(usage - usage_before) < STILL_BYTES and now_s - before_s < STILL_S:
                return self.peak_bytes
            self._settled = (usage, peak, now_s)
            own = self.group.own_bytes(self.tmp_bytes())
            highest = peak - max(usage - own, 0)  # the kernel's peak, less what is no memory of its own
            self.peak_bytes = max(self.peak_bytes, own, min(highest, self.limit_bytes))
        return self.peak_bytes

    def tmp_bytes(self) -> int:
        if self.tmp_fd is None:
            return 0
        facts = os.fstatvfs(self.tmp_fd)
        return (facts.f_blocks - facts.f_bfree) * facts.f_frsize

    def _follow_tmp(self) -> None:
        wanted = self.limit_bytes + self.tmp_bytes() + TMP_AHEAD
        if wanted > self._hard_limit + 4 * MIB:
            self.group.limit(wanted)
            self._hard_limit = wanted
