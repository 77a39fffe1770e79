"""One run as others read it: text, JSON, a picture."""

import dataclasses
import datetime
import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench import aims, lines, picture, report
from bench.compare import Comparison
from bench.report import Finding, Key, Result
from bench.server import Server
from bench.watch import BREACH_S

BEGIN, END = "<!-- written by ./scripts/bench --publish -->", "<!-- end of what is written -->"


@dataclass(slots=True)
class Edition:
    servers: Sequence[Server]
    comparison: Comparison
    missing: Sequence[str] = ()
    findings: list[Finding] = field(default_factory=list)
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [server.name for server in self.servers]

    @property
    def judged(self) -> list[aims.Judged]:
        if not self.servers:
            return []
        return aims.judged(lines.LINES, self.comparison.results, self.names, self.findings)

    @property
    def failures(self) -> list[str]:
        """What our node did not do, or not rightly."""
        ours = self.names[0]
        results = self.comparison.results.items()
        lines = [line for (line, _, server), result in results if server == ours and result.cannot]
        return lines + [finding.what for finding in self.findings if finding.server == ours and finding.cannot]

    def text(self) -> Iterator[str]:
        plan, results = self.comparison.plan, with_cycle(self.comparison.results)
        busy = os.getloadavg()[0]
        yield f"{self._where()} Load of the machine at the end: {busy:.0f}.\n"
        yield f"{plan.items:,} items of 1 KiB, best of {plan.rounds} × {plan.run_s} s. µs: the server's processor time"
        yield "per request; /cpu-s: requests per second of its own process's. Ratios: requests a second, in brackets"
        yield "by processor time. syncs: of our log in the run; fdatasync: of the bare disk around it.\n"
        yield from report.table(results, self.names)
        yield ""
        yield from [*self.missing, *report.reasons(results, self.findings)]
        if self.findings:
            yield ""
            yield from report.findings(self.findings, self.names)
        yield "\nAims:\n"
        yield from aims.table(self.judged)
        yield ""
        yield from self._loop()
        if self.comparison.disk_ms:
            yield f"\nA KiB and fdatasync on this disk: median {statistics.median(self.comparison.disk_ms):.2f} ms."
        if self.stages:
            yield "\nµs per request by stage, one connection, timers on:\n"
            yield from report.budget(self.stages)

    def _where(self) -> str:
        today = datetime.datetime.now(datetime.UTC).date()
        versions = ", ".join(f"{server.name} {server.version}" for server in self.servers)
        return f"{today}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}: {versions}."

    def _loop(self) -> Iterator[str]:
        longest = _longest(self.comparison.callback_ms)
        yield f"Longest callbacks on the node's event loop: {longest}. {1000 * BREACH_S:.0f} ms fail the bench."
        for breach in self.comparison.breaches:
            yield f"- HELD {breach['held_ms']:.0f} ms by {breach['name']} ({breach['id']}) during {breach['during']}"
        yield f"Longest turns of the loop, of many callbacks: {_longest(self.comparison.turn_ms)}."

    def write(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "bench.json").write_bytes(msgspec.json.format(msgspec.json.encode(self._values())))
        (directory / "bench.md").write_text("\n".join(self.text()) + "\n")
        (directory / "bench.svg").write_text(picture.drawn(with_cycle(self.comparison.results), self.names))

    def publish(self, docs: Path) -> None:
        """Into the page, between its two marks; and the picture beside it."""
        page = docs / "performance.md"
        before, _, rest = page.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        page.write_text(f"{before}{BEGIN}\n\n{chr(10).join(self.text())}\n\n{END}{after}")
        (docs / "performance.svg").write_text(picture.drawn(with_cycle(self.comparison.results), self.names))

    def _values(self) -> dict[str, Any]:
        rows = [
            {"line": line, "connections": connections, "server": server, **dataclasses.asdict(result)}
            for (line, connections, server), result in with_cycle(self.comparison.results).items()
        ]
        return {
            "run": self._where(),
            "plan": dataclasses.asdict(self.comparison.plan),
            "servers": {server.name: server.version for server in self.servers},
            "lines": rows,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "aims": [dataclasses.asdict(aim) for aim in self.judged],
            "loop_callback_ms": self.comparison.callback_ms,
            "loop_turn_ms": self.comparison.turn_ms,
            "loop_breaches": self.comparison.breaches,
            "fdatasync_ms": self.comparison.disk_ms,
            "stages_us": self.stages,
        }


def _longest(times_ms: Mapping[str, float]) -> str:
    longest = sorted(times_ms.items(), key=lambda pair: -pair[1])[:3]
    return "; ".join(f"{ms:.0f} ms ({during})" for during, ms in longest) or "none was seen"


def with_cycle(results: Mapping[Key, Result]) -> dict[Key, Result]:
    """And a message's whole life: sent, received, deleted, one after the other."""
    found: dict[Key, Result] = {}
    for key, result in results.items():
        found[key] = result
        line, connections, server = key
        if line == lines.CYCLE[-1]:
            parts = [results[part, connections, server] for part in lines.CYCLE]
            found["Send, receive, delete", connections, server] = _one_after_another(parts)
    return found


def _one_after_another(parts: Sequence[Result]) -> Result:
    if cannot := next((part.cannot for part in parts if part.cannot), ""):
        return Result(cannot=cannot)
    return Result(
        per_second=1 / sum(1 / part.per_second for part in parts),
        p50_ms=sum(part.p50_ms for part in parts),
        p99_ms=sum(part.p99_ms for part in parts),
        cpu_us=sum(part.cpu_us for part in parts),
        per_cpu_second=1 / sum(1 / part.per_cpu_second for part in parts),
    )
