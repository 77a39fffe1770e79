"""Who serves a data directory: a file that a node writes when it is ready, and the commands read."""

import os
import time
from pathlib import Path

import msgspec

from cloudlet.base.config import Settings
from cloudlet.store.disk import is_locked, lock_file

RUN_FILE = "running.json"
LOOKERS_S = 0.5  # how long whoever looks whether a node runs may be in its way


class CannotServe(Exception):
    """The node cannot start: what was found, what to do."""


class Running(msgspec.Struct):
    pid: int
    url: str
    takes_test: bool = True  # `test`/`test` is a root key of it
    root_key_id: str = ""  # of the root key it was given or made; "" = none


def find_running(settings: Settings) -> Running | None:
    """The node that serves the data directory; None if there is none or its process is gone."""
    path = settings.data / RUN_FILE if settings.data is not None else None
    if path is None or not is_locked(path):
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):  # it is just starting, or just ended
        return None


class RunFile:
    """Says who serves a data directory. It is locked as long as that process lives: a killed one leaves the file
    behind, and its pid is used again, in a container by the very next node."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data / RUN_FILE if settings.data is not None else None
        self._fd = -1

    def write(self, running: Running) -> None:
        if self._path is None:
            return
        try:
            self._fd = _locked(self._path)
        except BlockingIOError:
            raise CannotServe(f"{self._path.parent} is served by another process; stop it: cloudlet down") from None
        os.truncate(self._fd, 0)
        os.write(self._fd, msgspec.json.encode(running))

    def remove(self) -> None:
        if self._path is not None and self._fd >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


def _locked(path: Path) -> int:
    """Whoever looks for a node (`status`, `up --detach` while it waits) holds the lock for an instant: that passes."""
    deadline = time.monotonic() + LOOKERS_S
    while True:
        try:
            return lock_file(path)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.005)
