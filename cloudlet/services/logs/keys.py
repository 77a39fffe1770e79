"""Where CloudWatch Logs keeps things. No other file builds one of its keys.

group      ("g", name)                             -> Group

contents   ("c", group id, …): what a deleted group leaves to background.py. Below it:
  stream   ("s", stream name)                      -> Stream
  by_time  ("t", last event ms, stream name)       -> b""         streams by their last event
  batch    ("e", first ms, stream number, sequence) -> Batch      events as they came, a minute's at most
  position ("i", stream number, first ms, sequence) -> b""        the batches of one stream
  size     ("n") Tally                             bytes stored
  filter   ("f", filter name)                      -> MetricFilter
Batches are deleted in front by retention: no scan begins before the group's `trimmed_ms`.
"""

from cloudlet.kit.counter import Tally
from cloudlet.store.keys import Subspace


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        root = Subspace("logs", account, region)
        self.group, self.contents = root["g"], root["c"]

    def of(self, group_id: str) -> "Contents":
        return Contents(self.contents[group_id])


class Contents:
    """The keys of one group's streams and events."""

    __slots__ = ("batch", "by_time", "filter", "position", "size", "space", "stream")

    def __init__(self, space: Subspace) -> None:
        self.space = space
        self.stream, self.by_time, self.batch, self.position = space["s"], space["t"], space["e"], space["i"]
        self.size, self.filter = Tally(space["n"], 1), space["f"]
