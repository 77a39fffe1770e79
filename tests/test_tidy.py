"""The rules of the house, run: which layer may import which, sizes, banned calls with their remedies."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "cloudlet"
FILES = sorted(ROOT.rglob("*.py"))
MAY_IMPORT = {
    "base": set(),
    "store": {"base"},
    "wire": {"base"},
    "runtime": {"base"},
    "kit": {"base", "store", "wire", "runtime"},
    "services": {"base", "store", "kit"},
}
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
SERVICE_BANS = {
    ("time", "time"): "call.now_ms: the service clock can be moved",
    ("time", "time_ns"): "call.now_ms: the service clock can be moved",
    ("time", "sleep"): "call.later(…, due_ms=…) or call.wait_for",
    ("asyncio", "sleep"): "call.wait_for or call.pause",
    ("datetime", "now"): "call.now_ms: the service clock can be moved",
    ("random", "random"): "base/ids.py: tests seed it",
    ("uuid", "uuid4"): "base/ids.py: tests seed it",
}
INSIDE_FUNCTIONS_ALLOWED = {"base/lazy.py", "runtime/bootstrap.py"}  # the door itself; user code's own imports

WHOLE_REMEDY = "tx.all (bounded), page.first (the first few), or go on at the scan's resume key"


def layer_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else ""


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "cloudlet" else [f"cloudlet.{alias.name}" for alias in node.names]
            if node.module == "cloudlet.services":
                names = [f"cloudlet.services.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name) for name in names)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_keeps_to_the_rules(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    problems = [*wrong_way(path, tree), *too_long(path, text, tree), *hidden_imports(path, tree), *banned(path, tree)]
    problems += taken_for_whole(path, tree)
    assert not problems, "\n" + "\n".join(problems)
    assert ast.get_docstring(tree) or not text.strip(), f"{path} needs a docstring: what it is, and what not"


def wrong_way(path: Path, tree: ast.Module) -> Iterator[str]:
    layer = layer_of(path)
    own_service = path.relative_to(ROOT).parts[1] if layer == "services" else ""
    for line, name in imported(tree):
        parts = name.split(".")
        if parts[0] != "cloudlet" or len(parts) < 2 or layer not in MAY_IMPORT:
            continue
        is_own = parts[1] == layer and (layer != "services" or len(parts) < 3 or parts[2] == own_service)
        if not is_own and parts[1] not in MAY_IMPORT[layer]:
            allowed = ", ".join(sorted(MAY_IMPORT[layer])) or "nothing of ours"
            remedy = "call.aws(…)" if layer == "services" and parts[1] == "services" else "a protocol in kit/ports.py"
            yield f"{path}:{line} imports {name}; {layer} may import {allowed}: use {remedy}"


def too_long(path: Path, text: str, tree: ast.Module) -> Iterator[str]:
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{path} has {lines} lines; split it by resource ({FILE_LINES_MAX} is the end)"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > FUNCTION_LINES_MAX:
                yield f"{path}:{node.lineno} {node.name} has {size} lines; {FUNCTION_LINES_MAX} is the end"


def hidden_imports(path: Path, tree: ast.Module) -> Iterator[str]:
    if str(path.relative_to(ROOT)) in INSIDE_FUNCTIONS_ALLOWED:
        return
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield f"{path}:{node.lineno} imports inside a function; heavy libraries come by base/lazy.py"


def banned(path: Path, tree: ast.Module) -> Iterator[str]:
    if layer_of(path) != "services":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
            remedy = SERVICE_BANS.get((name, node.func.attr))
            if remedy:
                yield f"{path}:{node.lineno} calls {name}.{node.func.attr}; use {remedy}"


def taken_for_whole(path: Path, tree: ast.AST) -> Iterator[str]:
    """A scan ends at its limit and at 1 MiB: its rows are all there are only if its resume key says so."""
    if layer_of(path) in ("store", "cli"):
        return
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for line in sorted(parts_of_scans(function)):
                yield f"{path}:{line} takes a scan's rows for the whole range; use {WHOLE_REMEDY}"


def parts_of_scans(function: ast.AST) -> Iterator[int]:
    """Lines of the scans whose rows are used and whose resume key isn't."""
    parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    members = {(ast.unparse(node.value), node.attr) for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for scan in filter(is_scan, ast.walk(function)):
        user = parents[scan]
        while isinstance(user, ast.IfExp):
            user = parents[user]
        match user:
            case ast.Attribute(attr="rows") | ast.Subscript():
                yield scan.lineno
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.NamedExpr(target=ast.Name(id=name)):
                if (name, "rows") in members and (name, "resume") not in members:
                    yield scan.lineno
            case ast.Assign(targets=[ast.Tuple(elts=[_, ast.Name(id=resume)])]):
                if resume not in read:
                    yield scan.lineno


def is_scan(node: ast.AST) -> bool:
    """tx.scan(…), but for one that asks for a single row by number: that is what it gets."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "scan"):
        return False
    limits = [keyword.value for keyword in node.keywords if keyword.arg == "limit"]
    return bool(node.args) and not any(isinstance(limit, ast.Constant) and limit.value == 1 for limit in limits)


@pytest.mark.parametrize(
    ("body", "is_caught"),
    [
        ("return tx.scan(a, b).rows", True),
        ("return tx.scan(*bounds, limit=LIMIT).rows", True),
        ("rows = tx.scan(a, b, limit=2).rows if a < b else []", True),
        ("for key, _ in tx.scan(a, b)[0]: pass", True),
        ("found = tx.scan(a, b)\n    return found.rows", True),
        ("found = tx.scan(a, b) if a < b else None\n    return found.rows", True),
        ("if (found := tx.scan(a, b)): return found.rows", True),
        ("rows, _ = tx.scan(a, b)", True),
        ("rows, resume = tx.scan(a, b)", True),
        ("rows, resume = tx.scan(a, b)\n    return rows, resume", False),
        ("found = tx.scan(a, b)\n    return found.rows, found.resume", False),
        ("return tx.scan(a, b)", False),
        ("return tx.scan(a, b, limit=1).rows", False),
        ("return tx.all(a, b, rows_max=5)", False),
        ("return dynamodb.scan(TableName=name)", False),
    ],
)
def test_a_scan_taken_for_the_whole_range_is_caught(body: str, is_caught: bool) -> None:
    tree = ast.parse(f"def f():\n    {body}\n")
    caught = list(taken_for_whole(ROOT / "services" / "sqs" / "queue.py", tree))
    assert len(caught) == is_caught and all(":2 " in line and "tx.all" in line for line in caught)


def test_no_name_is_an_attic() -> None:
    banned = ("utils", "util", "helpers", "helper", "common", "misc", "manager")
    attics = [path for path in FILES if path.stem in banned]
    assert not attics, f"{attics}: name files for what they hold"
