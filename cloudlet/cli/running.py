"""The node that serves a data directory: its pid and address, if it runs."""

import msgspec

from cloudlet.app.root_key import known_root_key
from cloudlet.base.config import Settings
from cloudlet.cli.failure import Failure
from cloudlet.store.disk import is_locked


class Running(msgspec.Struct):
    pid: int
    url: str
    takes_test: bool = True  # `test`/`test` is a root key of it
    root_key_id: str = ""  # of the root key it was given or made; "" = none


def find_running(settings: Settings) -> Running | None:
    """From the file a node writes when it is ready, and holds locked; None if there is none or its process is gone."""
    path = settings.data / "running.json" if settings.data is not None else None
    if path is None or not is_locked(path):
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):  # it is just starting, or just ended
        return None


def root_key_of(settings: Settings, running: Running) -> tuple[str, str]:
    """A root key that the node takes: `test`/`test`, the one in its data directory, or the one in the settings."""
    if running.takes_test:
        return "test", "test"
    key = known_root_key(settings)
    if key is not None and key[0] == running.root_key_id:
        return key
    raise Failure(
        f"the node was started with a root key of its own, {running.root_key_id}; give it here too:"
        " CLOUDLET_ROOT_ACCESS_KEY_ID and CLOUDLET_ROOT_SECRET_ACCESS_KEY, or the flags of those names"
    )
