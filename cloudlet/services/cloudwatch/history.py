"""What happened to alarms, for 30 days: kept, listed."""

import json
from typing import Any

from cloudlet.kit import page
from cloudlet.kit.call import Call
from cloudlet.services.cloudwatch import errors, rules
from cloudlet.services.cloudwatch.records import Alarm, HistoryItem
from cloudlet.services.cloudwatch.service import cloudwatch

FORGOTTEN_PER_NOTE = 4  # more than are added, so that what has expired doesn't grow
DATA_MAX, SUMMARY_MAX = 4095, 255
LOOKED_AT_MAX = 1000


def note(call: Call, alarm: Alarm, kind: str, summary: str, data: dict[str, Any]) -> None:
    tx, keys = call.tx, call.keys
    stored = tx.get(keys.number)
    number = int(stored) + 1 if stored else 1
    tx.put(keys.number, b"%d" % number)
    text = json.dumps(data, separators=(",", ":"))
    if len(text) > DATA_MAX:
        text = json.dumps({"version": "1.0", "truncated": True})
    item = HistoryItem(alarm.name, alarm.kind, call.now_ms, kind, summary[:SUMMARY_MAX], text).encode()
    tx.put(keys.history.key(call.now_ms, number), item)
    tx.put(keys.of_alarm.key(alarm.name, call.now_ms, number), item)
    keys.history_end.put(tx, call.now_ms + rules.HISTORY_KEPT_MS, (call.now_ms, number), alarm.name.encode())
    for entry in keys.history_end.claim(tx, call.now_ms, FORGOTTEN_PER_NOTE):
        tx.delete(keys.history.key(*entry.tie))
        tx.delete(keys.of_alarm.key(entry.value.decode(), *entry.tie))


@cloudwatch.operation("DescribeAlarmHistory")
def describe_alarm_history(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    rules.refuse(request, "AlarmContributorId")
    limit, descending = request.get("MaxRecords", 100), request.get("ScanBy") != "TimestampAscending"
    space = call.keys.of_alarm[request["AlarmName"]] if "AlarmName" in request else call.keys.history
    begin = space.key(max(request.get("StartDate", 0), call.now_ms - rules.HISTORY_KEPT_MS))
    end = space.key(request["EndDate"] + 1) if "EndDate" in request else space.range()[1]
    token = request.get("NextToken")
    if token is not None:
        edge = space.key(*page.decode_token(token, errors.InvalidToken()))
        begin, end = (begin, min(end, edge)) if descending else (max(begin, edge + b"\x01"), end)
    if begin >= end:
        return {"AlarmHistoryItems": []}
    found = call.tx.scan(begin, end, limit=LOOKED_AT_MAX, reverse=descending)
    items: list[dict[str, Any]] = []
    last = None
    for key, value in found.rows:
        item = HistoryItem.decode(value)
        if _is_wanted(item, request):
            if len(items) == limit:
                break
            items.append(_shown(item))
        last = key
    else:
        if found.resume is None:
            return {"AlarmHistoryItems": items}
    following = {"NextToken": page.encode_token(*space.unpack(last))} if last is not None else {}
    return {"AlarmHistoryItems": items, **following}


def _is_wanted(item: HistoryItem, request: dict[str, Any]) -> bool:
    return request.get("HistoryItemType", item.kind) == item.kind and item.alarm_kind in (
        request.get("AlarmTypes") or ("MetricAlarm", "CompositeAlarm")
    )


def _shown(item: HistoryItem) -> dict[str, Any]:
    return {
        "AlarmName": item.alarm,
        "AlarmType": item.alarm_kind,
        "Timestamp": item.at_ms,
        "HistoryItemType": item.kind,
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    }
