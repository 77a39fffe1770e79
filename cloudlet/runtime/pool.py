"""Which environment serves a call, which start, which stop. A pure decision: no processes, no clock, no waiting.

An environment is busy or idle. The one used last serves next, so that the others grow old and stop. Limits: how many
there are, and the sum of their functions' memory. What is idle makes room for what is asked for, oldest use first.
"""

from dataclasses import dataclass

Key = tuple[str, str]  # function_arn, code_id


@dataclass
class Slot:
    id: str
    key: Key
    memory_mb: int
    started_ms: int
    valid_until_ms: int  # its credentials end
    used_ms: int
    busy: bool = True
    retired: bool = False


@dataclass(frozen=True)
class Reuse:
    id: str


@dataclass(frozen=True)
class Start:
    id: str
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Full:
    pass


Decision = Reuse | Start | Full


class Pool:
    def __init__(self, environments_max: int, memory_total_mb: int, idle_ms: int, age_max_ms: int) -> None:
        self.environments_max, self.memory_total_mb = environments_max, memory_total_mb
        self.idle_ms, self.age_max_ms = idle_ms, age_max_ms
        self.slots: dict[str, Slot] = {}
        self._last_number = 0

    def acquire(self, key: Key, memory_mb: int, now_ms: int, needed_until_ms: int, valid_until_ms: int) -> Decision:
        """The environment for a call that may last until `needed_until_ms`. A started one counts as busy at once and
        holds credentials until `valid_until_ms`; those in `stop` are forgotten here and must be stopped."""
        fitting = [
            slot
            for slot in self.slots.values()
            if slot.key == key and not slot.busy and not slot.retired and slot.valid_until_ms >= needed_until_ms
        ]
        if fitting:
            chosen = max(fitting, key=lambda slot: slot.used_ms)
            chosen.busy = True
            return Reuse(chosen.id)
        stop = self._make_room(memory_mb)
        if stop is None:
            return Full()
        for slot_id in stop:
            del self.slots[slot_id]
        self._last_number += 1
        slot_id = f"env-{self._last_number}"
        self.slots[slot_id] = Slot(slot_id, key, memory_mb, now_ms, valid_until_ms, now_ms)
        return Start(slot_id, tuple(stop))

    def _make_room(self, memory_mb: int) -> list[str] | None:
        """The idle ones that must go so that one more fits; None if it cannot."""
        count, memory = len(self.slots), sum(slot.memory_mb for slot in self.slots.values())
        stop: list[str] = []
        idle = sorted((slot for slot in self.slots.values() if not slot.busy), key=lambda slot: slot.used_ms)
        for slot in idle:
            if count < self.environments_max and memory + memory_mb <= self.memory_total_mb:
                break
            stop.append(slot.id)
            count, memory = count - 1, memory - slot.memory_mb
        fits = count < self.environments_max and memory + memory_mb <= self.memory_total_mb
        return stop if fits else None

    def release(self, slot_id: str, now_ms: int) -> bool:
        """A call ended and its environment lives. False: it was retired meanwhile, or is too old, and must be stopped
        (it is forgotten here)."""
        slot = self.slots.get(slot_id)
        if slot is None:
            return False
        if slot.retired or now_ms - slot.started_ms >= self.age_max_ms:
            del self.slots[slot_id]
            return False
        slot.busy, slot.used_ms = False, now_ms
        return True

    def forget(self, slot_id: str) -> None:
        """The environment ended."""
        self.slots.pop(slot_id, None)

    def retire(self, function_arn: str) -> list[str]:
        """No environment of this version, or of this function where it names none, serves again; the idle ones to stop
        now."""
        stop = []
        for slot in list(self.slots.values()):
            if f"{slot.key[0]}:".startswith(f"{function_arn}:"):
                slot.retired = True
                if not slot.busy:
                    stop.append(slot.id)
                    del self.slots[slot.id]
        return stop

    def expire(self, now_ms: int) -> list[str]:
        """The idle ones to stop now: unused for long, old, or with credentials that ended."""
        stop = [
            slot.id
            for slot in self.slots.values()
            if not slot.busy
            and (
                now_ms - slot.used_ms >= self.idle_ms
                or now_ms - slot.started_ms >= self.age_max_ms
                or slot.valid_until_ms <= now_ms
            )
        ]
        for slot_id in stop:
            del self.slots[slot_id]
        return stop
