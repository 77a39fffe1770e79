"""How CloudWatch words why an alarm is in its state."""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

COMPARISONS = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
SHOWN_MAX = 5
DATA_MAX = 4000


class Point(NamedTuple):
    """A period of what an alarm watches; newest first in lists."""

    at_ms: int
    value: float
    samples: float | None  # None: of an expression


def moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%d/%m/%y %H:%M:%S")


def stamp(at_ms: int) -> str:
    """An instant as alarm notifications write it."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}+0000"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _list(points: list[Point]) -> str:
    return "[" + ", ".join(f"{point.value} ({moment(point.at_ms)})" for point in points) + "]"


def crossed(settings: dict[str, Any], points: list[Point], total: int, missing: int, *, alarms: bool) -> str:
    """The reason of ALARM or OK by `points`, those that decided; `missing` were filled in."""
    needed = settings.get("DatapointsToAlarm", settings["EvaluationPeriods"])
    treated = {"breaching": "Breaching", "notBreaching": "NonBreaching"}.get(settings.get("TreatMissingData", ""))
    if not points:
        filled = "1 missing datapoint was" if missing == 1 else f"{missing} missing datapoints were"
        return (
            f"Threshold Crossed: no datapoints were received for {_count(missing, 'period')} and {filled} treated as"
            f" [{treated}]."
        )
    shown = points[:SHOWN_MAX]
    was, negation = "was" if len(points) == 1 else "were", "" if alarms else "not "
    comparison = (
        f"{was} {negation}{COMPARISONS[settings['ComparisonOperator']]} the threshold ({settings['Threshold']})"
    )
    if missing and treated:
        filled = "1 missing datapoint was" if missing == 1 else f"{missing} missing datapoints were"
        return (
            f"Threshold Crossed: {_count(len(points), 'datapoint')} {_list(shown)} {comparison} and {filled} treated as"
            f" [{treated}]."
        )
    least = needed if alarms else settings["EvaluationPeriods"] - needed + 1
    change = "OK -> ALARM" if alarms else "ALARM -> OK"
    minimum = f"(minimum {_count(least, 'datapoint')} for {change} transition)."
    out_of = f"{len(points)} out of the last {_count(total, 'datapoint') if total != 1 else '1 datapoints'}"
    if len(points) > SHOWN_MAX:
        recent = f"The most recent datapoints which {'' if alarms else 'did not '}cross{'ed' if alarms else ''}"
        return f"Threshold Crossed: {out_of} {comparison}. {recent} the threshold: {_list(shown)} {minimum}"
    return f"Threshold Crossed: {out_of} {_list(shown)} {comparison} {minimum}"


def insufficient(missing: int) -> str:
    return f"Insufficient Data: {_count(missing, 'datapoint')} {'was' if missing == 1 else 'were'} unknown."


def data(settings: dict[str, Any], stat: dict[str, Any] | None, points: list[Point], now_ms: int) -> str:
    """StateReasonData: what was looked at, as JSON."""
    described: dict[str, Any] = {"version": "1.0", "queryDate": stamp(now_ms)}
    if points:
        described["startDate"] = stamp(points[-1].at_ms)
    if stat is not None:
        if "Unit" in stat:
            described["unit"] = stat["Unit"]
        described |= {"statistic": stat["Stat"], "period": stat["Period"]}
    described |= {
        "recentDatapoints": [point.value for point in reversed(points)],
        "threshold": settings["Threshold"],
        "evaluatedDatapoints": [_evaluated(point) for point in points[:10]],
    }
    text = json.dumps(described, separators=(",", ":"))
    while len(text) > DATA_MAX:
        shown = described["recentDatapoints"]
        described["recentDatapoints"] = shown[len(shown) // 2 + 1 :]  # the newest are told
        text = json.dumps(described, separators=(",", ":"))
    return text


def _evaluated(point: Point) -> dict[str, Any]:
    samples = {} if point.samples is None else {"sampleCount": point.samples}
    return {"timestamp": stamp(point.at_ms), **samples, "value": point.value}
