"""The root key that a running node takes."""

from cloudlet.app.root_key import known_root_key
from cloudlet.app.run_file import Running
from cloudlet.base.config import Settings
from cloudlet.cli.failure import Failure


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
