"""Lambda execution environments: `Runtime.invoke` runs a function for real.

The caller decides how many calls run at once; this decides only which environment takes a call (pool.py), starts it
(instance.py) and says how the call ended (call.py).
"""

import asyncio
import dataclasses
import itertools
import shutil
import socket
import sys
import time
from typing import Any

from cloudlet.runtime import call, cgroups, report
from cloudlet.runtime.instance import Ending, Instance, OffListener, OnListener
from cloudlet.runtime.launcher import Zygote, node_version
from cloudlet.runtime.model import (
    LEVELS,
    CannotStart,
    Credentials,
    FunctionSpec,
    Invocation,
    NoCapacity,
    Outcome,
    RuntimeSettings,
    SandboxUnavailable,
)
from cloudlet.runtime.pool import Full, Pool, Reuse

__all__ = [
    "Credentials",
    "FunctionSpec",
    "Invocation",
    "NoCapacity",
    "Outcome",
    "Runtime",
    "RuntimeSettings",
    "SandboxUnavailable",
]

_INIT_S = 10.0  # AWS: a start may take ten seconds, then it is tried again on the call's own time
_SWEEP_S = 15.0
_PREPARE_AFTER_S = 0.02

_CLAIMS = {
    "namespaces": {"memory", "forks", "tmp", "files", "signals"},
    "landlock": {"memory", "forks", "files"},
    "none": {"memory", "forks"},
}
_SIGNALS_SINCE_ABI = 6  # of Landlock; before, a function may signal what runs under the node's user
_UNCLAIMED = {
    "tmp": "how much they write to /tmp",
    "files": "the files of this user",
    "signals": "signals to processes of this user",
    "network": "this machine's network",
}


class Runtime:
    """`level` says what separates functions from the machine, `why` why it is not a stronger one, and `claims` what is
    therefore stopped: memory, forks (a child that outlives the call), tmp (more files than allowed), files (the data
    directory; other functions'), signals (to the node, other functions, programs of its user), network."""

    def __init__(self, settings: RuntimeSettings, on_listener: OnListener, off_listener: OffListener) -> None:
        self.settings = settings
        self.level, self.why = "none", "not started"
        self._on_listener, self._off_listener = on_listener, off_listener
        self._zygote: Zygote | None = None
        self._groups = cgroups.Cgroups()
        self._pool = Pool(settings.environments_max, settings.memory_total_mb, settings.idle_ms, settings.age_max_ms)
        self._instances: dict[str, Instance] = {}  # by the pool's ids
        self._stopping: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._zygote_lock = asyncio.Lock()
        self._ready: Instance | None = None  # prepared, and nobody's yet
        self._waking: asyncio.TimerHandle | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._awaitable: asyncio.Task[None] | None = None  # the same, until a start waits for it
        self._numbers = itertools.count(1)
        self._cold_starts = self._invocations = 0
        self._versions = {"python": "python:{}.{}.{}".format(*sys.version_info[:3])}

    # ── life ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Find the strongest level that works here, by trying it; SandboxUnavailable if the one asked for does not."""
        for leftover in ("environments", "layers"):  # of a node that was killed
            await asyncio.to_thread(shutil.rmtree, self.settings.work_dir / leftover, True)
        self._groups = cgroups.discover()
        self._versions["nodejs"] = await asyncio.to_thread(node_version)
        reasons = []
        for level in LEVELS if self.settings.level == "auto" else (self.settings.level,):
            zygote = Zygote(level, self.settings, self.settings.network == "private" and level == "namespaces")
            try:
                await zygote.start()
                await self._try_environment(zygote)
            except SandboxUnavailable as error:
                reasons.append(str(error))
                await zygote.close()
                continue
            except BaseException:
                await zygote.close()
                raise
            self._zygote, self.level, self.why = zygote, level, "; ".join(reasons)
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
            self._prepare_one()
            return
        self._groups.close()
        raise SandboxUnavailable("; ".join(reasons))

    async def _try_environment(self, zygote: Zygote) -> None:
        """One environment up and down again: a level is in force only once it has worked."""
        (self.settings.work_dir / "empty").mkdir(parents=True, exist_ok=True)
        spec = FunctionSpec("", "probe", "", "python", "probe.handler", self.settings.work_dir / "empty")
        instance = Instance(next(self._numbers), zygote, self.settings.work_dir)
        try:
            await instance.prepare(self._groups)
            await instance.start(spec, Credentials("", "", "", 0), _no_listener, _no_listener)
            await instance.wait(_INIT_S)
        finally:
            await instance.stop()
        if instance.api.init_error is None:  # "Unable to import module 'probe'" is what a working one says
            printed = instance.printed.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise SandboxUnavailable(f"level {zygote.level}: {printed or instance.exit_text()}")

    async def close(self) -> None:
        """Stop everything; nothing of it is left on the machine afterwards."""
        if self._waking is not None:
            self._waking.cancel()
        unasked = [task for task in (self._sweeper, self._preparing) if task is not None]
        for task in unasked:
            task.cancel()
        await asyncio.gather(*unasked, return_exceptions=True)
        self._stop_soon(list(self._instances))
        if self._ready is not None:
            self._stop(self._ready)
        await asyncio.gather(*self._stopping, return_exceptions=True)
        if self._zygote is not None:
            await self._zygote.close()
        self._groups.close()

    @property
    def claims(self) -> frozenset[str]:
        claims = set(_CLAIMS[self.level])
        if self.level == "namespaces" and self.settings.network == "private":
            claims.add("network")
        if self.level == "landlock" and self._zygote is not None:
            claims |= {"signals"} if (self._zygote.landlock_abi or 0) >= _SIGNALS_SINCE_ABI else set()
        return frozenset(claims)

    @property
    def gaps(self) -> list[str]:
        """What functions can do here that a stronger host would stop, in words."""
        return [words for claim, words in _UNCLAIMED.items() if claim not in self.claims]

    def stats(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "why": self.why,
            "claims": sorted(self.claims),
            "gaps": self.gaps,
            "runtimes": {name: version for name, version in self._versions.items() if version},
            "memory_by": "cgroup" if self._groups.limits_memory else "polling",
            "freeze_by": "cgroup" if self._groups.freezes and self.level == "namespaces" else "signals",
            "environments": len(self._pool.slots),
            "busy": sum(slot.busy for slot in self._pool.slots.values()),
            "cold_starts": self._cold_starts,
            "invocations": self._invocations,
        }

    def why_not(self, runtime: str) -> str | None:
        """Why functions of this runtime cannot run here; None if they can."""
        if runtime.startswith("nodejs") and not self._versions.get("nodejs"):
            return f"{runtime}: there is no `node` on this machine"
        if not runtime.startswith(("python", "nodejs", "provided")):
            return f"{runtime} does not run here; python*, nodejs* and provided* do"
        return None

    def retire(self, function_arn: str) -> None:
        """Its code or configuration changed: idle environments stop, busy ones after their call."""
        self._stop_soon(self._pool.retire(function_arn))

    # ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """Run one call to its end. NoCapacity if nothing is idle and no more may start."""
        asked_ms = _wall_ms()
        needed_ms = asked_ms + spec.timeout_ms
        valid_ms = max(invocation.credentials.expires_ms, needed_ms)
        decision = self._pool.acquire((spec.function_arn, spec.code_id), spec.memory_mb, asked_ms, needed_ms, valid_ms)
        if isinstance(decision, Full):
            raise NoCapacity(f"{self.settings.environments_max} environments, {self.settings.memory_total_mb} MB")
        self._invocations += 1
        alive = False
        try:
            if isinstance(decision, Reuse):
                instance = self._instances[decision.id]
                instance.thaw()
                outcome, alive = await self._call(instance, invocation, asked_ms, b"")
            else:
                self._stop_soon(decision.stop)
                outcome, alive = await self._cold_call(decision.id, spec, invocation, asked_ms)
            return outcome
        finally:
            self._settle(decision.id, alive)

    def _settle(self, slot_id: str, alive: bool) -> None:
        if alive and self._pool.release(slot_id, _wall_ms()):
            self._instances[slot_id].freeze_soon()
        else:
            self._pool.forget(slot_id)
            self._stop_soon([slot_id])

    async def _cold_call(
        self, slot_id: str, spec: FunctionSpec, invocation: Invocation, asked_ms: int
    ) -> tuple[Outcome, bool]:
        """A start that fails, or takes longer than AWS allows, is tried once more, on the call's own time.

        https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
        """
        language = "python" if spec.runtime.startswith("python") else "nodejs" if "nodejs" in spec.runtime else ""
        log = call.init_start_line(spec, self._versions.get(language, ""))
        try:
            instance = await self._start_instance(slot_id, spec, invocation)
        except CannotStart as error:
            return call.cannot_start(spec, invocation, error.kind, error.text, log), False
        ending = await instance.wait(_INIT_S)
        log += instance.take_log()
        if ending.kind == "idle":
            return await self._call(instance, invocation, asked_ms, log, init_ms=ending.seconds * 1000)
        log += call.failed_first_start(instance, invocation, ending)
        await instance.stop()
        instance = await self._start_instance(slot_id, spec, invocation)
        ending = await instance.wait(spec.timeout_ms / 1000)
        if ending.kind == "timeout":
            log += report.start_line(invocation.request_id, spec.version) + instance.take_log()
            return call.ended(instance, invocation, ending, None, log), False
        log += instance.take_log()
        if ending.kind != "idle":
            return call.failed_start(instance, invocation, ending, log), False
        return await self._call(instance, invocation, asked_ms, log, spent_s=ending.seconds)

    async def _start_instance(self, slot_id: str, spec: FunctionSpec, invocation: Invocation) -> Instance:
        self._cold_starts += 1
        given = spec, invocation.credentials, self._on_listener, self._off_listener
        instance = await self._prepared()
        if instance is not None:
            self._instances[slot_id] = instance
            try:
                await instance.start(*given)
                return instance
            except SandboxUnavailable:  # it ended unused: with its zygote, say
                self._stop(instance)
        instance = Instance(next(self._numbers), await self._living_zygote(), self.settings.work_dir)
        self._instances[slot_id] = instance
        await instance.prepare(self._groups)
        await instance.start(*given)
        return instance

    async def _prepared(self) -> Instance | None:
        """The environment that stands ready; the one that soon will, if nobody else waits for it."""
        preparing, self._awaitable = self._awaitable, None
        if self._ready is None and preparing is not None:
            await asyncio.wait([preparing])
        instance, self._ready = self._ready, None
        if self._preparing is None and self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(_PREPARE_AFTER_S, self._prepare_one)
        return instance

    def _prepare_one(self) -> None:
        """One environment stands ready for whatever function is cold next. It is not made right beside the start that
        used up the last one, for which somebody waits."""
        self._waking = None
        self._preparing = self._awaitable = asyncio.get_running_loop().create_task(self._prepare())

    async def _prepare(self) -> None:
        instance: Instance | None = None
        try:
            instance = Instance(next(self._numbers), await self._living_zygote(), self.settings.work_dir)
            await instance.prepare(self._groups)
            self._ready, instance = instance, None
        except (SandboxUnavailable, OSError):
            pass  # a start will say why
        finally:
            self._preparing = None
            if instance is not None:
                self._stop(instance)

    async def _living_zygote(self) -> Zygote:
        """The zygote; a new one if it was killed, say by the kernel when the machine ran out of memory."""
        async with self._zygote_lock:
            assert self._zygote is not None, "Runtime.start was not called"
            if not self._zygote.alive:
                await self._zygote.close()
                self._zygote = Zygote(self.level, self.settings, self._zygote.private_network)
                await self._zygote.start()
            return self._zygote

    async def _call(
        self,
        instance: Instance,
        invocation: Invocation,
        asked_ms: int,
        log: bytes,
        *,
        init_ms: float | None = None,
        spent_s: float = 0.0,
    ) -> tuple[Outcome, bool]:
        """Hand the call over and wait for its end. The second value: the environment can take another one. `spent_s`:
        what a second start took of the call's time."""
        deadline_ms, left_s = call.time_left_s(invocation, instance.spec, asked_ms, _wall_ms(), spent_s * 1000)
        log += report.start_line(invocation.request_id, instance.spec.version)
        if instance.api.idle and not instance.exited:
            instance.api.deliver(invocation.request_id, call.headers(invocation, deadline_ms), invocation.payload)
            ending = await instance.wait(left_s)
        else:
            ending = Ending("exited", 0.0)  # it died in its sleep
        log += instance.take_log()
        if spent_s:
            ending = dataclasses.replace(ending, seconds=ending.seconds + spent_s)
        return call.ended(instance, invocation, ending, init_ms, log), ending.kind == "idle"

    # ── unasked ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _stop_soon(self, slot_ids: list[str] | tuple[str, ...]) -> None:
        for slot_id in slot_ids:
            instance = self._instances.pop(slot_id, None)
            if instance is not None:
                self._stop(instance)

    def _stop(self, instance: Instance) -> None:
        task = asyncio.get_running_loop().create_task(instance.stop())
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self._stop_soon(self._pool.expire(_wall_ms()))


async def _no_listener(name: str, listener: socket.socket | None = None) -> None:
    """Nobody serves the AWS API to a probe."""
    if listener is not None:
        listener.close()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
