"""The node that serves a data directory: its pid and address, if it runs."""

import os

import msgspec

from cloudlet.base.config import Settings


class Running(msgspec.Struct):
    pid: int
    url: str
    takes_test: bool = True  # `test`/`test` is a root key of it


def find_running(settings: Settings) -> Running | None:
    """From the file a node writes when it is ready; None if there is none or its process is gone."""
    if settings.data is None:
        return None
    try:
        running = msgspec.json.decode((settings.data / "running.json").read_bytes(), type=Running)
        os.kill(running.pid, 0)
    except (FileNotFoundError, ProcessLookupError, msgspec.DecodeError):
        return None
    except PermissionError:
        pass  # it runs, as somebody else
    return running
