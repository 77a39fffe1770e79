"""Curves over time as an SVG picture, one panel below the other."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, GAP = 900, 130, 70, 34
COLOURS = "#2563eb", "#d97706", "#059669", "#dc2626"


@dataclass(frozen=True, slots=True)
class Curve:
    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Panel:
    title: str  # with the unit
    curves: Sequence[Curve]


def draw(title: str, minutes: Sequence[float], panels: Sequence[Panel]) -> str:
    """`minutes`: when each of the values was taken."""
    height = 40 + len(panels) * (HEIGHT + GAP) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="white"/><text x="{LEFT}" y="20" font-size="15">{title}</text>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, minutes, 40 + number * (HEIGHT + GAP))
    parts.append(f'<text x="{LEFT + WIDTH}" y="{height - 6}" text-anchor="end">{minutes[-1]:.0f} minutes</text></svg>')
    return "\n".join(parts) + "\n"


def _panel(panel: Panel, minutes: Sequence[float], top: int) -> list[str]:
    highest = max((value for curve in panel.curves for value in curve.values), default=0.0) * 1.1 or 1.0
    end = minutes[-1] or 1.0
    parts = [f'<text x="{LEFT}" y="{top + 12}" font-weight="bold">{panel.title}</text>']
    for share in (0.0, 0.5, 1.0):
        y = top + 16 + HEIGHT * (1 - share)
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end" fill="#666">{highest * share:.4g}</text>')
    for number, curve in enumerate(panel.curves):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(
            f"{LEFT + WIDTH * minute / end:.1f},{top + 16 + HEIGHT * (1 - value / highest):.1f}"
            for minute, value in zip(minutes, curve.values, strict=True)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        x = LEFT + WIDTH - 130 * (len(panel.curves) - number) + 20
        parts.append(f'<text x="{x}" y="{top + 12}" fill="{colour}">{curve.name}</text>')
    return parts
