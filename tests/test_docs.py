"""The documents hold: generated pages are fresh, the README's commands run, what is named exists."""

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudlet.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN_ELSEWHERE = {"./scripts/test", "./scripts/demo"}  # this run itself; tests/examples/test_demo.py runs it
HANG_GUARD_S = 120


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A shell of somebody who has this checkout and nothing else running."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CLOUDLET_"))}
    environment |= {
        "XDG_DATA_HOME": str(tmp_path),
        "CLOUDLET_PORT": str(free_port()),
        "CLOUDLET_PYTHON": sys.executable,
    }
    yield environment
    subprocess.run(
        [sys.executable, "-m", "cloudlet", "down"], env=environment, check=True, capture_output=True, timeout=60
    )


def test_generated_pages_are_fresh() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True,
        timeout=HANG_GUARD_S, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


@pytest.mark.slow
def test_the_readmes_commands_print_what_it_says(environment: dict[str, str]) -> None:
    commands = [block for block in blocks("bash") if block.strip() not in RUN_ELSEWHERE]
    (program,) = blocks("python")
    said = README.partition(program)[2].split("```\n")[2]
    script = "set -e\n" + "".join(commands) + f'{shlex.quote(sys.executable)} -c "$PROGRAM"\n'
    ran = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environment | {"PROGRAM": program}, capture_output=True, text=True,
        timeout=HANG_GUARD_S, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-2:] == said.split("\n")[:2] == ["Call Me Today", "I survive kill -9"]


def test_the_readme_names_every_command() -> None:
    table = README[README.index("| command |") : README.index("All settings:")]
    missing = [name for name in COMMANDS if name not in table]
    assert not missing, f"README's table of commands lacks {missing}"


def test_the_readmes_map_is_the_tree() -> None:
    map_of_folders = README[README.index("## The folders") :]
    named = set(re.findall(r"^ *(\w+)/(?: |$)", map_of_folders, re.MULTILINE))
    inside = {path.name for path in (ROOT / "cloudlet").iterdir() if (path / "__init__.py").exists()}
    assert inside | {"cloudlet", "examples", "tests", "bench", "soak", "docs"} == named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_is_there(page: Path) -> None:
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    gone = [link for link in links if not (page.parent / link).exists()]
    paths = re.findall(r"`((?:cloudlet|app|base|store|wire|runtime|kit|services|tests|docs)/[\w./]*\w)`", text)
    roots = (ROOT, ROOT / "cloudlet")
    gone += [path for path in paths if not any((root / path).exists() for root in roots)]
    scripts = [name for name in re.findall(r"\./(scripts/\w+)", text) if not os.access(ROOT / name, os.X_OK)]
    assert not gone and not scripts, f"{page.name} names {gone + scripts}, which are not there"


def test_the_example_of_adding_an_operation_is_the_code_itself() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    shown = re.search(r"```python\n(   @sqs\.operation.*?)   ```", text, re.DOTALL)
    assert shown is not None
    code = shown[1].replace("\n   ", "\n").strip()
    assert code in (ROOT / "cloudlet/services/sqs/access.py").read_text()
