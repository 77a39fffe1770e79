"""Writes docs/operations.md and docs/settings.md from the code itself: ./scripts/docs [--check]."""

import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from cloudlet.app.wiring import SERVICES
from cloudlet.base.config import SETTINGS, Settings
from cloudlet.kit.service import Service

DOCS = Path(__file__).parent
NOTE = "<!-- Written by ./scripts/docs; change the code, not this file. -->\n"


def operations() -> str:
    services = sorted((service.load() for service in SERVICES), key=lambda service: service.name)
    lines = [
        NOTE,
        "# Operations",
        "",
        "Every operation of each API is listed. What isn't written yet answers `501 NotImplemented`, naming itself and",
        "the module it belongs in; nothing answers a success that it doesn't mean. Parameters that an operation can't",
        "honour yet are refused the same way.",
        "",
        "| service | protocols | works | answers 501 |",
        "|---|---|---:|---:|",
        *(_summary(service) for service in services),
    ]
    for service in services:
        lines += ["", f"## {service.name}", "", "| module | operation | status |", "|---|---|---|"]
        lines += [
            f"| `{module}` | {operation} | {'works' if operation in service.operations else '501'} |"
            for operation, module in service.module_of.items()
        ]
    return "\n".join(lines) + "\n"


def _summary(service: Service) -> str:
    works = len(service.operations)
    protocols = ", ".join(service.model.protocols)
    return f"| [{service.name}](#{service.name}) | {protocols} | {works} | {len(service.module_of) - works} |"


def settings() -> str:
    defaults = {field.name: field.default for field in fields(Settings)}
    lines = [
        NOTE,
        "# Settings",
        "",
        "Each is a flag of `cloudlet up` and an environment variable; the flag wins. Commands that look for a node",
        "(`status`, `mail`, `logs` …) find it by its data directory.",
        "",
        "| flag | variable | default | meaning |",
        "|---|---|---|---|",
    ]
    for setting in SETTINGS:
        meaning = setting.meaning.replace("|", "\\|")
        default = defaults[setting.field]
        lines.append(f"| `{setting.flag}` | `{setting.variable}` | {_default(default)} | {meaning} |")
    lines += [
        "",
        "`cloudlet up` also takes `--ephemeral` (everything in memory; nothing survives) and `--detach` (run in the",
        "background; `cloudlet down` stops it).",
    ]
    return "\n".join(lines) + "\n"


def _default(value: object) -> str:
    if value in (None, "", ()):
        return ""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"`{value}`"


PAGES: dict[str, Callable[[], str]] = {"operations.md": operations, "settings.md": settings}


def main(arguments: list[str]) -> int:
    stale = [name for name, page in PAGES.items() if _read(DOCS / name) != page()]
    if arguments == ["--check"]:
        for name in stale:
            print(f"docs/{name} is stale: run ./scripts/docs", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name]())
        print(f"docs/{name} written")
    return 0


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
