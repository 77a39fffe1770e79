"""The root user's own access key: given by settings, or generated into the data directory when `test`/`test` is off."""

from cloudlet.base import ids
from cloudlet.base.config import Settings
from cloudlet.store.disk import make_directory, write_new

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
        make_directory(path.parent)
        write_new(path, (" ".join(_new_key()) + "\n").encode())
    return known_root_key(settings)


def known_root_key(settings: Settings) -> tuple[str, str] | None:
    """The key of the settings or the one made earlier, whether or not a node takes it; None if there is neither."""
    if settings.root_access_key_id:
        return settings.root_access_key_id, settings.root_secret_access_key
    path = settings.data / FILE if settings.data is not None else None
    if path is None or not path.exists():
        return None
    key_id, _, secret = path.read_text().strip().partition(" ")
    return key_id, secret


def _new_key() -> tuple[str, str]:
    return ids.iam_id("AKIA"), ids.secret_access_key()
