"""Reading and writing alarms, and who watches which series."""

from typing import Any

from cloudlet.services.cloudwatch import engine, errors
from cloudlet.services.cloudwatch.keys import Keys
from cloudlet.services.cloudwatch.records import Alarm, Series, Tags
from cloudlet.store.transaction import Tx


def find_alarm(tx: Tx, keys: Keys, name: str) -> Alarm | None:
    stored = tx.get(keys.alarm.key(name))
    return Alarm.decode(stored) if stored else None


def require_alarm(tx: Tx, keys: Keys, name: str) -> Alarm:
    alarm = find_alarm(tx, keys, name)
    if alarm is None:
        raise errors.NoSuchAlarm(name=name)
    return alarm


def put_alarm(tx: Tx, keys: Keys, alarm: Alarm) -> None:
    tx.put(keys.alarm.key(alarm.name), alarm.encode())


def tags_of(tx: Tx, keys: Keys, name: str) -> dict[str, str]:
    stored = tx.get(keys.tags.key(name))
    return Tags.decode(stored).tags if stored else {}


def metric_stats(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """What an alarm reads, each as a MetricStat; a single metric's settings in that form."""
    if "MetricName" in settings:
        metric = {
            member: settings[member] for member in ("Namespace", "MetricName", "Dimensions") if member in settings
        }
        stat = settings.get("Statistic") or settings["ExtendedStatistic"]
        unit = {"Unit": settings["Unit"]} if "Unit" in settings else {}
        return [{"Metric": metric, "Period": settings["Period"], "Stat": stat, **unit}]
    return [query["MetricStat"] for query in settings.get("Metrics", ()) if "MetricStat" in query]


def watch(tx: Tx, keys: Keys, alarm: Alarm) -> None:
    """Have the alarm look when data of its metrics arrive."""
    for stat in metric_stats(alarm.settings):
        metric = stat["Metric"]
        namespace, name = metric["Namespace"], metric["MetricName"]
        identity = engine.series_id(namespace, name, engine.dimensions_of(metric.get("Dimensions")))
        tx.put(keys.watch.key(identity, alarm.name), b"")
        stored = tx.get(keys.series.key(namespace, name, identity))
        if stored and not (series := Series.decode(stored)).is_watched:
            watched = Series(series.dimensions, series.units, series.last_ms, series.hour, True, series.is_fine)
            tx.put(keys.series.key(namespace, name, identity), watched.encode())


def unwatch(tx: Tx, keys: Keys, alarm: Alarm) -> None:
    for stat in metric_stats(alarm.settings):
        metric = stat["Metric"]
        dimensions = engine.dimensions_of(metric.get("Dimensions"))
        identity = engine.series_id(metric["Namespace"], metric["MetricName"], dimensions)
        tx.delete(keys.watch.key(identity, alarm.name))
