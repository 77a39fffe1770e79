"""What was measured, as text: a table of lines and ratios, the budget by stage, what a sync costs here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STAGES = ("read", "verify", "parse", "authorise", "validate", "handle", "commit", "disk", "render")
Key = tuple[str, int, str]  # line, connections, server


@dataclass(frozen=True, slots=True)
class Result:
    """One line on one server: its best run, or why there is none."""

    per_second: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_us: float = 0.0  # of the server's processes, a request
    per_cpu_second: float = 0.0  # requests per second of processor time of the server's own process
    load_us: float = 0.0  # of the load generator, a request
    syncs: float = 0.0  # of our log, in this run
    sync_ms: float = 0.0  # each
    raw_ms: float = 0.0  # a KiB and fdatasync, measured around the run
    cannot: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure of a study, of one server."""

    what: str
    server: str
    value: float = 0.0
    unit: str = ""
    aim: float | None = None
    more_is_better: bool = False
    cannot: str = ""

    @property
    def text(self) -> str:
        if self.cannot:
            return "cannot"
        digits = 0 if self.value >= 100 else 1 if self.value >= 10 else 2
        return f"{self.value:,.{digits}f} {self.unit}"


def better(one: Result, other: Result) -> Result:
    """Of two runs the one with more requests a second; an answer that was wrong once is wrong."""
    if one.cannot or other.cannot:
        return one if one.cannot else other
    return one if one.per_second >= other.per_second else other


def ratio(ours: Result, peer: Result) -> str:
    """How many times the peer's requests a second; in brackets: how many times its requests by processor time."""
    if ours.cannot or peer.cannot or not peer.per_second:
        return "–"
    text = _times(ours.per_second / peer.per_second)
    return f"{text} ({_times(peer.cpu_us / ours.cpu_us)})" if ours.cpu_us else text


def _times(number: float) -> str:
    return f"{number:.1f}×" if number < 10 else f"{number:.0f}×"


def table(results: Mapping[tuple[str, int, str], Result], servers: Sequence[str]) -> list[str]:
    """Rows of Markdown: per line and number of connections, each server, then our ratio to each peer."""
    peers = servers[1:]
    head = ["operation", "connections", *servers, *(f"× {peer}" for peer in peers), "syncs", "fdatasync"]
    rows = [head, ["---"] * len(head)]
    keys = list(dict.fromkeys((line, connections) for line, connections, _ in results))
    for line, connections in keys:
        found = [results[line, connections, server] for server in servers]
        ratios = [ratio(found[0], peer) for peer in found[1:]]
        rows.append([line, str(connections), *map(cell, found), *ratios, *_disk(found[0])])
    return ["| " + " | ".join(row) + " |" for row in rows]


def _disk(ours: Result) -> tuple[str, str]:
    """How often our log was synced in the run and how long that took, and what the bare disk took."""
    if not ours.syncs or not ours.raw_ms:
        return "", ""
    return f"{ours.syncs:,.0f} of {ours.sync_ms:.2f} ms", f"{ours.raw_ms:.2f} ms"


def findings(found: Sequence[Finding], servers: Sequence[str]) -> list[str]:
    """Rows of Markdown: what was looked at, and what each server showed."""
    rows = [["", *servers], ["---"] * (1 + len(servers))]
    for what in dict.fromkeys(finding.what for finding in found):
        texts = {finding.server: finding.text for finding in found if finding.what == what}
        rows.append([what, *(texts.get(server, "") for server in servers)])
    return ["| " + " | ".join(row) + " |" for row in rows]


def cell(result: Result) -> str:
    if result.cannot:
        return "cannot"
    speed = f"{result.per_second:,.0f}/s, p50 {result.p50_ms:.2f}, p99 {result.p99_ms:.1f} ms"
    return f"{speed}, {result.cpu_us:,.0f} µs, {result.per_cpu_second:,.0f}/cpu-s"


def reasons(results: Mapping[Key, Result], found: Sequence[Finding] = ()) -> list[str]:
    """Why a server got no figure."""
    pairs = [(server, line, result.cannot) for (line, _, server), result in results.items() if result.cannot]
    pairs += [(finding.server, finding.what, finding.cannot) for finding in found if finding.cannot]
    lines: dict[tuple[str, str], dict[str, None]] = {}
    for server, line, why in pairs:
        lines.setdefault((server, why), {})[line] = None
    return [f"- {server} cannot {', '.join(what)}: {why}" for (server, why), what in sorted(lines.items())]


def behind(
    results: Mapping[tuple[str, int, str], Result], servers: Sequence[str], connections: int, by: str = "per_second"
) -> list[str]:
    """The lines on which a peer is ahead of us `by` requests a second, or by processor time (`cpu_us`)."""
    late = []
    for (line, at, server), peer in results.items():
        if at != connections or server == servers[0] or peer.cannot:
            continue
        ours = results[line, at, servers[0]]
        is_ahead = ours.cpu_us <= peer.cpu_us if by == "cpu_us" else ours.per_second >= peer.per_second
        if ours.cannot or not is_ahead:
            late.append(f"{line} ({server})")
    return late


def budget(lines: Mapping[str, Mapping[str, float]]) -> list[str]:
    """µs per stage and line; `whole` is the time a client waits."""
    head = ["operation", *STAGES, "the rest", "whole"]
    rows = [head, ["---"] * len(head)]
    for line, stages in lines.items():
        rest = stages["whole"] - sum(stages.get(stage, 0.0) for stage in STAGES)
        rows.append(
            [line, *(f"{stages.get(stage, 0.0):.0f}" for stage in STAGES), f"{rest:.0f}", f"{stages['whole']:.0f}"]
        )
    return ["| " + " | ".join(row) + " |" for row in rows]
