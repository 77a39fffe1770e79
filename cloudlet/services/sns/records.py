"""What SNS stores."""

from typing import Any

from cloudlet.kit.arn import arn
from cloudlet.kit.record import Record, decoded_once


class Topic(Record, frozen=True):
    id: str  # another for each topic of this name, so that a deleted one's subscriptions never come back
    name: str
    account: str
    region: str
    attributes: dict[str, str]  # as set, the policy always; rules.py knows the defaults of the rest
    created_ms: int
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return arn("sns", self.region, self.account, self.name)

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(".fifo")


class Subscription(Record, frozen=True):
    id: str
    topic_arn: str
    topic_id: str
    protocol: str
    endpoint: str
    owner: str  # account of who subscribed
    principal: str  # and who that was
    attributes: dict[str, str] = {}
    is_confirmed: bool = False
    was_authenticated: bool = False  # the confirmation was signed: unsubscribing must be too
    token: str = ""  # of the confirmation that was sent
    subscribed_ms: int = 0

    @property
    def arn(self) -> str:
        return f"{self.topic_arn}:{self.id}"

    @property
    def is_raw(self) -> bool:
        return self.attributes.get("RawMessageDelivery") == "true"


decode_topic = decoded_once(Topic, 1024, 4 << 10)
decode_subscription = decoded_once(Subscription, 4096, 4 << 10)  # filter policies may be long


class Token(Record, frozen=True):
    """What a confirmation's token stands for: the subscription, also when it has been given up since."""

    subscription: Subscription
    expires_ms: int


class Message(Record, frozen=True):
    id: str
    topic_arn: str
    body: str
    published_ms: int
    subject: str | None = None
    bodies: dict[str, str] = {}  # by protocol, where MessageStructure is json
    attributes: dict[str, dict[str, Any]] = {}  # the caller's, in AWS's form
    group: str | None = None
    dedup_id: str | None = None
    sequence: int = 0  # FIFO

    def body_for(self, protocol: str) -> str:
        return self.bodies.get(protocol, self.body)


class Dedup(Record, frozen=True):
    message_id: str
    sequence: int
    forgotten_at_ms: int


class SigningKey(Record, frozen=True):
    sealed_key: bytes  # DER, sealed with the node key
    certificate: bytes  # PEM
    certificate_id: str  # names it in SigningCertURL
