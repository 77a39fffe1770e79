"""The root user's own access key: given by settings, or generated into the data directory when `test`/`test` is off."""

import os
from pathlib import Path

from cloudlet.base import ids
from cloudlet.base.config import Settings

FILE = "root.key"  # "<access key id> <secret>", readable by its owner only


def root_key(settings: Settings, allows_test: bool) -> tuple[str, str] | None:
    """The key in force; None where only `test`/`test` is."""
    if settings.root_access_key_id:
        return settings.root_access_key_id, settings.root_secret_access_key
    if allows_test:
        return None
    if settings.data is None:
        return _new_key()
    path = settings.data / FILE
    if not path.exists():
        _write(path, _new_key())
    key_id, _, secret = path.read_text().strip().partition(" ")
    return key_id, secret


def _new_key() -> tuple[str, str]:
    return ids.iam_id("AKIA"), ids.secret_access_key()


def _write(path: Path, key: tuple[str, str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(" ".join(key) + "\n")
        file.flush()
        os.fsync(file.fileno())
