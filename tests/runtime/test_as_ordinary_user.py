"""The sandbox needs no privilege: what hostile functions try is tried again under an ordinary user.

Run by an ordinary user, all other tests of this folder are that already.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ordinary_user

HERE = Path(__file__).resolve().parent


@pytest.mark.slow
def test_hostile_functions_are_stopped_by_an_ordinary_user_too(open_directory: Path) -> None:
    if os.geteuid() != 0:
        return
    hold, home = open_directory / "hold", open_directory / "home"
    hold.mkdir()
    home.mkdir()
    pytest_words = ["-B", "-m", "pytest", "-p", "no:cacheprovider", f"--confcutdir={HERE}", f"--basetemp={home}/t"]
    files = [f"{HERE}/test_hostile_functions.py", f"{HERE}/test_hostile_neighbours.py"]
    words = [sys.executable, *pytest_words, *files, "--tb=short"]
    command = ordinary_user.command(words, hold, home)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    print(done.stdout)
