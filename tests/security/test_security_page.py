"""docs/security.md names tests that are there, and all of those that attack."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "security.md"


def defined_in(*files: Path) -> set[str]:
    """The names of the tests that these files define."""
    return {
        node.name
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def named() -> set[str]:
    return set(re.findall(r"`(test_\w+)`", PAGE.read_text()))


def test_each_test_that_the_page_names_is_there() -> None:
    assert len(named()) > 100
    assert named() - defined_in(*TESTS.rglob("test_*.py")) == set()


def test_each_attack_that_is_tried_is_on_the_page() -> None:
    here = list(TESTS.glob("security/test_attack_*.py"))
    assert here and defined_in(*here, TESTS / "runtime" / "test_hostile_neighbours.py") - named() == set()


def test_each_line_of_attack_names_a_test() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "`test_" not in line]
    headings = ("| attack |", "| level |", "| a function tries |", "| `namespaces` |", "| `landlock` |", "| `none` |")
    assert [line for line in lines if not line.startswith(headings)] == []
