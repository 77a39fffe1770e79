"""Where SQS keeps things. No other file builds an SQS key.

queue      ("q", name)                            -> Queue
deleted    ("d", name)                            -> when, as text: the name is blocked for 60 s
source     ("src", dead-letter queue, name)       -> b""          whose RedrivePolicy names that queue
task       ("t", source name, task id)            -> MoveTask
sequence   ("s", queue id)                        -> the last sequence number given, as text

contents   ("c", data id, …): a queue's messages. Purging or deleting gives the queue another data id and leaves the old
                              contents to background.py. Below it:
  message    ("m", sequence)                      -> Message
  ready      ("r") DueIndex                       (visible since, sequence)                        standard queues
  delayed    ("l") DueIndex                       (visible at, sequence)
  in_flight  ("f") DueIndex                       (visible at, sequence)
  tally      ("n") Tally                          ready, in flight, delayed
  group      ("g", group)                         -> Group                                         FIFO queues
  member     ("gm", group, sequence)              -> b""           the group's messages in order
  groups     ("gr") DueIndex                      (head visible at, head sequence) -> group
  dedup      ("u", scope, dedup id)               -> Dedup
  dedup_end  ("ux") DueIndex                      (forgotten at, scope, dedup id)
  attempt    ("a", attempt id)                    -> Attempt       receive attempts, repeated within 5 minutes
  attempt_end ("ax") DueIndex                     (forgotten at, attempt id)
"""

from functools import lru_cache

from cloudlet.kit.counter import Tally
from cloudlet.kit.due import DueIndex
from cloudlet.store.keys import Subspace


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        root = self._root = Subspace("sqs", account, region)
        self.queue, self.deleted, self.source, self.task = root["q"], root["d"], root["src"], root["t"]
        self.sequence, self.contents = root["s"], root["c"]

        # Made for every message otherwise.
        self.of = lru_cache(maxsize=1024)(self._of)
        self.queue_at = lru_cache(maxsize=1024)(self.queue.key)
        self.sequence_of = lru_cache(maxsize=1024)(self.sequence.key)

    def _of(self, data_id: str) -> "Contents":
        """The keys of one queue's messages: call it as `of`."""
        return Contents(self.contents[data_id])


class Contents:
    """The keys of one queue's messages."""

    __slots__ = (
        "attempt", "attempt_end", "dedup", "dedup_end", "delayed", "group", "groups", "in_flight", "member", "message",
        "ready", "space", "tally",
    )  # fmt: skip

    def __init__(self, space: Subspace) -> None:
        self.space = space
        self.message, self.group, self.member, self.dedup = space["m"], space["g"], space["gm"], space["u"]
        self.ready = DueIndex(space["r"])
        self.delayed, self.in_flight = DueIndex(space["l"], ahead_ms=1000), DueIndex(space["f"], ahead_ms=1000)
        self.groups, self.dedup_end = DueIndex(space["gr"]), DueIndex(space["ux"])
        self.attempt, self.attempt_end = space["a"], DueIndex(space["ax"])
        self.tally = Tally(space["n"], 3)
