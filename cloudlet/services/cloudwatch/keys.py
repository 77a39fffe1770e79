"""Where CloudWatch keeps things. No other file builds one of its keys.

series     ("s", namespace, metric name, series id) -> Series    id = digest of namespace, name and dimensions
bucket     ("b", series id, seconds, unit, start)  -> Bucket     seconds: 1, 60, 300 or 3600, what it spans
aging      ("g") DueIndex                          (leaves at, series id, hour, seconds) -> packed series key
aging_run  ("gr",)                                 -> b""        there is a task that ages
watch      ("w", series id, alarm name)            -> b""        who is to look when data of the series arrive

alarm      ("a", name)                             -> Alarm
parent     ("p", child name, composite's name)     -> b""        whose rule names the child
look       ("l", name)                             -> when, as text: the last look that new data asked for
tags       ("t", name)                             -> Tags
history    ("h", at, number)                       -> HistoryItem of all alarms
of_alarm   ("ha", name, at, number)                -> HistoryItem again
history_end ("hx") DueIndex                        (forgotten at, at, number) -> name
number     ("n",)                                  -> the last history number, as text
"""

from cloudlet.kit.due import DueIndex
from cloudlet.store.keys import Subspace


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        root = Subspace("cloudwatch", account, region)
        self.series, self.bucket, self.watch = root["s"], root["b"], root["w"]
        self.aging, self.aging_run = DueIndex(root["g"]), root.key("gr")
        self.alarm, self.parent, self.look, self.tags = root["a"], root["p"], root["l"], root["t"]
        self.history, self.of_alarm, self.history_end = root["h"], root["ha"], DueIndex(root["hx"])
        self.number = root.key("n")
