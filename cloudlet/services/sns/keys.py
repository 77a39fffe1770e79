"""Where SNS keeps things. No other file builds an SNS key.

topic        ("t", name)                           -> Topic
subscription ("s", topic id, subscription id)      -> Subscription        what a message is sent to, in this order
endpoint     ("e", topic id, protocol, endpoint)   -> subscription id     so that subscribing again changes nothing
owned        ("o", topic ARN, subscription id)     -> b""                 in the subscriber's account: its list
token        ("k", token)                          -> Token               confirms a subscription, or brings it back
tally        ("n", topic id) Tally                 confirmed, pending, deleted
slot         ("w", topic id, subscription id)      -> when a throttled subscription may be sent to again, as text

parcel       ("p", topic id, message id)           -> Message             whose fan-out goes on after its transaction
waiting      ("b", topic id, group)                -> parcels of a FIFO group on their way, as text
sequence     ("q", topic id)                       -> the last sequence number given, as text       FIFO topics
dedup        ("u", topic id, scope, dedup id)      -> Dedup
dedup_end    ("ux", topic id) DueIndex             (forgotten at, scope, dedup id)

SIGNING_KEY  one for the whole node                -> SigningKey          sealed; what notifications are signed with
"""

from cloudlet.kit.counter import Tally
from cloudlet.kit.due import DueIndex
from cloudlet.store.keys import Subspace

SIGNING_KEY = Subspace("sns", "node").key("signing")  # no account is called "node"


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        root = self._root = Subspace("sns", account, region)
        self.topic, self.subscription, self.endpoint, self.owned = root["t"], root["s"], root["e"], root["o"]
        self.token, self.slot, self.parcel, self.waiting = root["k"], root["w"], root["p"], root["b"]
        self.sequence, self.dedup = root["q"], root["u"]

    def tally(self, topic_id: str) -> Tally:
        return Tally(self._root["n", topic_id], 3)

    def dedup_end(self, topic_id: str) -> DueIndex:
        return DueIndex(self._root["ux", topic_id])

    def of_topic(self, topic_id: str) -> list[Subspace]:
        """All that a deleted topic leaves behind, but for what its subscriptions point to."""
        named = ("n", "e", "w", "p", "b", "u", "ux")
        return [self._root[name, topic_id] for name in named]
