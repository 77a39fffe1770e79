"""The sandbox needs no privilege: what hostile functions try is tried again under an ordinary user.

Run by an ordinary user, all other tests of this folder are that already.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

USER = 12_345
HERE = Path(__file__).resolve().parent


def closed_parent(path: Path) -> Path | None:
    """The topmost directory above `path` that others may not enter, such as /root."""
    return next((parent for parent in reversed(path.parents) if not parent.stat().st_mode & 0o001), None)


def opening(paths: list[Path], hold: Path) -> list[str]:
    """Shell commands that, in a mount namespace of their own, bring `paths` out from under closed directories."""
    closed = {path: parent for path in paths if (parent := closed_parent(path)) is not None}
    commands = []
    for number, path in enumerate(closed):
        (hold / str(number)).mkdir()
        commands.append(f"mount --bind {shlex.quote(str(path))} {hold}/{number}")
    commands += [
        f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(parent))}" for parent in sorted(set(closed.values()))
    ]
    for number, path in enumerate(closed):
        quoted = shlex.quote(str(path))
        commands.append(f"mkdir -p {quoted} && mount --bind {hold}/{number} {quoted}")
    return commands


@pytest.mark.slow
def test_hostile_functions_are_stopped_by_an_ordinary_user_too(open_directory: Path) -> None:
    if os.geteuid() != 0:
        return
    for tool in ("unshare", "setpriv"):
        if shutil.which(tool) is None and not os.environ.get("CLOUDLET_REQUIRE_ALL"):
            pytest.skip(f"{tool} is not installed (util-linux)")
    hold, home = open_directory / "hold", open_directory / "home"
    hold.mkdir()
    home.mkdir()
    os.chown(home, USER, USER)
    commands = opening([Path(sys.base_prefix).resolve(), HERE.parents[1]], hold)
    clean = f"env -i PATH=/usr/bin:/bin HOME={home} CLOUDLET_REQUIRE_ALL={os.environ.get('CLOUDLET_REQUIRE_ALL', '')}"
    tests = f"-B -m pytest -p no:cacheprovider --confcutdir={HERE} --basetemp={home}/t {HERE}/test_hostile_functions.py"
    commands.append(f"cd {shlex.quote(str(HERE.parents[1]))}")
    commands.append(
        f"exec setpriv --reuid {USER} --regid {USER} --clear-groups {clean} {sys.executable} {tests} --tb=short"
    )
    script = "set -e\n" + "\n".join(commands)
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    print(done.stdout)
