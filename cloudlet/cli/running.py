"""The node that serves a data directory: its pid and address, if it runs."""

import msgspec

from cloudlet.base.config import Settings
from cloudlet.store.disk import is_locked


class Running(msgspec.Struct):
    pid: int
    url: str
    takes_test: bool = True  # `test`/`test` is a root key of it


def find_running(settings: Settings) -> Running | None:
    """From the file a node writes when it is ready, and holds locked; None if there is none or its process is gone."""
    path = settings.data / "running.json" if settings.data is not None else None
    if path is None or not is_locked(path):
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):  # it is just starting, or just ended
        return None
