"""The same again as an ordinary user: what a root-run test needs to start something with no privilege at all.

Python and this checkout may lie under directories that only root may enter: they are brought out, in a mount
namespace of their own.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

USER = 12_345
ROOT = Path(__file__).resolve().parents[1]


def command(words: list[str], hold: Path, home: Path) -> list[str]:
    """Runs `words` (NAME=value first, as for env) as the ordinary user whose home is `home`, in this checkout.
    `hold`: an empty directory."""
    for tool in ("unshare", "setpriv"):
        if shutil.which(tool) is None and not os.environ.get("CLOUDLET_REQUIRE_ALL"):
            pytest.skip(f"{tool} is not installed (util-linux)")
    os.chown(home, USER, USER)
    commands = ["set -e", *_opening([Path(sys.base_prefix).resolve(), ROOT], hold), f"cd {shlex.quote(str(ROOT))}"]
    required = os.environ.get("CLOUDLET_REQUIRE_ALL", "")
    clean = ["env", "-i", "PATH=/usr/bin:/bin", f"HOME={home}", f"CLOUDLET_REQUIRE_ALL={required}"]
    user = f"exec setpriv --reuid {USER} --regid {USER} --clear-groups"
    commands.append(f"{user} {shlex.join([*clean, *words])}")
    return ["unshare", "--mount", "--propagation", "private", "bash", "-c", "\n".join(commands)]


def _closed_parent(path: Path) -> Path | None:
    """The topmost directory above `path` that others may not enter, such as /root."""
    return next((parent for parent in reversed(path.parents) if not parent.stat().st_mode & 0o001), None)


def _opening(paths: list[Path], hold: Path) -> list[str]:
    """Shell commands that bring `paths` out from under closed directories."""
    closed = {path: parent for path in paths if (parent := _closed_parent(path)) is not None}
    commands = []
    held = shlex.quote(str(hold))
    for number, path in enumerate(closed):
        (hold / str(number)).mkdir()
        commands.append(f"mount --bind {shlex.quote(str(path))} {held}/{number}")
    commands += [
        f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(parent))}" for parent in sorted(set(closed.values()))
    ]
    for number, path in enumerate(closed):
        quoted = shlex.quote(str(path))
        commands.append(f"mkdir -p {quoted} && mount --bind {held}/{number} {quoted}")
    return commands
