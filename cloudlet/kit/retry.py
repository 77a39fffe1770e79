"""How a task says "again, later", and how long later is where nobody says."""

BACKOFF_FIRST_MS = 1_000
BACKOFF_MAX_MS = 300_000


class Retry(Exception):
    """Raised by a task: its entry is due again after `after_ms` (None: backing off exponentially)."""

    def __init__(self, reason: str, after_ms: int | None = None) -> None:
        self.after_ms = after_ms
        super().__init__(reason)


class GiveUp(Exception):
    """Raised by a task: no further attempt; its `on_exhausted` runs now."""


def backoff_ms(attempts: int) -> int:
    """After the first attempt a second, then twice as long each time, up to five minutes."""
    return min(BACKOFF_FIRST_MS << min(attempts - 1, 16), BACKOFF_MAX_MS)
