"""The picture of a run: bars of requests a second, each operation to its own scale, as an SVG that a README shows."""

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from bench.report import Key, Result

SHOWN = (
    "GetItem",
    "PutItem",
    "Query of 20",
    "BatchWriteItem 25",
    "TransactWriteItems 10",
    "SendMessage",
    "Send, receive, delete",
    "Publish to 10 queues",
    "PutObject 1 KiB",
    "GetObject 1 KiB",
    "PutObject 1 MiB",
    "GetObject 1 MiB",
    "Invoke, warm",
)
WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 760, 170, 150, 11, 12, 56
COLOURS = ("#2563eb", "#94a3b8", "#cbd5e1", "#e2e8f0")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2937}.small{font-size:10px}.title{font-size:14px;font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#e5e7eb}}"
)


def drawn(results: Mapping[Key, Result], servers: Sequence[str]) -> str:
    """Each line of SHOWN at its most connections."""
    groups = []
    for line in SHOWN:
        at = max((connections for name, connections, _ in results if name == line), default=0)
        if at:
            groups.append((line, at, [results[line, at, server] for server in servers]))
    height = TOP + len(groups) * (BAR * len(servers) + GAP) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="Requests a second of {escape(", ".join(servers))}"><style>{STYLE}</style>',
        '<text class="title" x="0" y="16">Requests a second, many connections</text>',
        *_legend(servers),
    ]
    y = TOP
    for line, at, found in groups:
        parts += _group(line, at, found, y)
        y += BAR * len(servers) + GAP
    return "\n".join([*parts, "</svg>", ""])


def _legend(servers: Sequence[str]) -> Iterator[str]:
    x = LEFT
    for server, colour in zip(servers, COLOURS):
        yield f'<rect x="{x}" y="28" width="11" height="11" fill="{colour}"/>'
        yield f'<text x="{x + 16}" y="38">{escape(server)}</text>'
        x += 110


def _group(line: str, connections: int, found: Sequence[Result], y: int) -> Iterator[str]:
    most = max((result.per_second for result in found), default=0.0) or 1.0
    middle = y + BAR * len(found) / 2 + 4
    yield f'<text x="0" y="{middle:.0f}">{escape(line)} <tspan class="small">×{connections}</tspan></text>'
    for result, colour in zip(found, COLOURS):
        width = (WIDTH - LEFT - RIGHT) * result.per_second / most
        yield f'<rect x="{LEFT}" y="{y}" width="{max(width, 1):.1f}" height="{BAR - 1}" fill="{colour}"/>'
        text = "cannot" if result.cannot else f"{result.per_second:,.0f}"
        if result is not found[0] and not result.cannot and not found[0].cannot:
            text += f" ({found[0].per_second / result.per_second:.1f} × slower)"
        yield f'<text class="small" x="{LEFT + max(width, 1) + 5:.0f}" y="{y + BAR - 2}">{text}</text>'
        y += BAR
