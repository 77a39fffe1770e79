"""What the node should reach, beside what it reached.

The aims of lines stand with the lines (`aims`, `per_core`), those of studies with their findings; here they are judged.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.lines.line import Line
from bench.report import Finding, Key, Result

WRITE_FACTOR = 1.25  # a lone write may take so many times what the disk and its own processor time take
INVOKE_OVERHEAD_MS = 3.0


@dataclass(frozen=True, slots=True)
class Judged:
    what: str
    aim: str
    reached: str
    holds: bool


def judged(
    lines: Iterable[type[Line]], results: Mapping[Key, Result], servers: Sequence[str], findings: Iterable[Finding]
) -> list[Judged]:
    ours = servers[0]
    found: list[Judged] = []
    for line in lines:
        found += _against_peers(line, results, servers)
        if (alone := results.get((line.name, line.connections[0], ours))) and not alone.cannot:
            found += _alone(line, alone)
        if line.per_core and (busy := results.get((line.name, line.connections[-1], ours))) and not busy.cannot:
            wanted, reached = f"≥ {line.per_core:,.0f}/s a core", f"{busy.per_cpu_second:,.0f} per processor second"
            found.append(Judged(line.name, wanted, reached, busy.per_cpu_second >= line.per_core))
    return found + [_of_finding(finding) for finding in findings if finding.aim is not None]


def _against_peers(line: type[Line], results: Mapping[Key, Result], servers: Sequence[str]) -> Iterator[Judged]:
    at = line.connections[-1]
    mine = results.get((line.name, at, servers[0]))
    for peer in servers[1:]:
        theirs = results.get((line.name, at, peer))
        if peer not in line.aims or mine is None or theirs is None or theirs.cannot:
            continue
        factor = line.aims[peer]
        reached = mine.per_second / theirs.per_second
        by_cpu = theirs.cpu_us / mine.cpu_us if mine.cpu_us else 0.0
        text = f"{reached:.1f} × (by processor time {by_cpu:.1f} ×)"
        yield Judged(f"{line.name}, {at} connections", f"≥ {factor:g} × {peer}", text, reached >= factor)


def _alone(line: type[Line], alone: Result) -> Iterator[Judged]:
    if line.name == "Invoke, warm":
        aim, took = f"< {INVOKE_OVERHEAD_MS:g} ms", alone.p50_ms
        yield Judged("Invoke, warm, alone", aim, f"{took:.2f} ms", took < INVOKE_OVERHEAD_MS)
    elif line.writes:
        least_ms = alone.raw_ms + alone.cpu_us / 1000
        aim = f"≤ {WRITE_FACTOR:g} × (disk {alone.raw_ms:.2f} + processor {alone.cpu_us / 1000:.2f} ms)"
        reached = f"{alone.p50_ms:.2f} ms: {alone.p50_ms / least_ms:.2f} ×"
        yield Judged(f"{line.name}, alone", aim, reached, alone.p50_ms <= WRITE_FACTOR * least_ms)


def _of_finding(finding: Finding) -> Judged:
    assert finding.aim is not None
    sign = "≥" if finding.more_is_better else "≤"
    if finding.cannot:
        return Judged(finding.what, f"{sign} {finding.aim:,g} {finding.unit}", f"cannot: {finding.cannot}", False)
    holds = finding.value >= finding.aim if finding.more_is_better else finding.value <= finding.aim
    return Judged(finding.what, f"{sign} {finding.aim:,g} {finding.unit}", finding.text, holds)


def table(aims: Iterable[Judged]) -> list[str]:
    rows = [["", "what", "aim", "reached"], ["---"] * 4]
    rows += [["✓" if aim.holds else "✗", aim.what, aim.aim, aim.reached] for aim in aims]
    return ["| " + " | ".join(row) + " |" for row in rows]
