"""Topics: one to two queues and the function, in the publisher's transaction; one whose fan-out takes several.

The wide one is a FIFO topic with more subscribers than one transaction serves: each message goes through a lane of the
outbox, in pieces, and every queue gets each group's messages in order.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.crash.subjects.subject import (
    BASE,
    FUNCTION,
    Aws,
    Effect,
    Found,
    Worker,
    arn_of,
    drained,
    missing,
    out_of_order,
    policy,
    unasked,
)

NEWS, WIDE = arn_of("sns", "news"), arn_of("sns", "wide.fifo")
RAW, WRAPPED = "news-raw", "news-wrapped"
WIDE_QUEUES = [f"wide{number:02}.fifo" for number in range(27)]  # SNS serves 25 in one transaction
WIDE_LOOKED_AT = 2  # each time, and the last one: the second piece's
GROUPS = ("x", "y")
NOTE = "note/"
PAUSE_S = 0.03


@dataclass
class Topics:
    published: Effect = field(default_factory=Effect)
    ordered: Effect = field(default_factory=Effect)  # "group-number"

    def furnish(self, aws: Aws) -> None:
        may_send = policy({"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"})
        aws("sns", "CreateTopic", Name="news")
        aws("sns", "CreateTopic", Name="wide.fifo", Attributes={"FifoTopic": "true"})
        for name in (RAW, WRAPPED):
            aws("sqs", "CreateQueue", QueueName=name, Attributes={"Policy": may_send})
            raw = {"RawMessageDelivery": "true" if name == RAW else "false"}
            aws("sns", "Subscribe", TopicArn=NEWS, Protocol="sqs", Endpoint=arn_of("sqs", name), Attributes=raw)
        for name in WIDE_QUEUES:
            aws("sqs", "CreateQueue", QueueName=name, Attributes={"Policy": may_send, "FifoQueue": "true"})
            aws("sns", "Subscribe", TopicArn=WIDE, Protocol="sqs", Endpoint=arn_of("sqs", name),
                Attributes={"RawMessageDelivery": "true"})  # fmt: skip
        function = arn_of("lambda", f"function:{FUNCTION}")
        aws("lambda", "AddPermission", FunctionName=FUNCTION, StatementId="sns", Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com", SourceArn=NEWS)  # fmt: skip
        aws("sns", "Subscribe", TopicArn=NEWS, Protocol="lambda", Endpoint=function)

    def works(self) -> list[Callable[[Worker], None]]:
        return [self.publish, self.publish_ordered]

    def events(self) -> Effect:
        return self.published

    def publish(self, worker: Worker) -> None:
        bodies = [f"{NOTE}{worker.run}-{worker.number}-{part}" for part in range(worker.chance.choice((1, 1, 4)))]
        if len(bodies) == 1:
            worker.effect(self.published, bodies, "sns", "Publish", TopicArn=NEWS, Message=bodies[0])
        else:
            entries = [{"Id": str(part), "Message": body} for part, body in enumerate(bodies)]
            worker.effect(
                self.published, bodies, "sns", "PublishBatch", TopicArn=NEWS, PublishBatchRequestEntries=entries
            )
        time.sleep(PAUSE_S)

    def publish_ordered(self, worker: Worker) -> None:
        group = worker.chance.choice(GROUPS)
        body = f"{group}-{len(self.ordered.tried)}"
        worker.effect(self.ordered, [body], "sns", "Publish", TopicArn=WIDE, Message=body, MessageGroupId=group,
                      MessageDeduplicationId=body)  # fmt: skip
        time.sleep(PAUSE_S)

    def violations(self, found: Found) -> Iterator[str]:
        told = {body for body in found.caused if body.startswith(NOTE)}
        for name in (RAW, WRAPPED):
            bodies = drained(found.aws, BASE + name)
            counted = Counter(bodies if name == RAW else [json.loads(body)["Message"] for body in bodies])
            yield from missing(f"{name} message", self.published.done | told, set(counted))
            yield from unasked(f"{name} message", self.published.tried, set(counted))
            yield from unasked(f"{name} message that the function wasn't told of", told, set(counted))
            yield from (f"{name} has {body} {count} times" for body, count in counted.items() if count > 1)
        everywhere: set[str] | None = None
        for name in [*found.chance.sample(WIDE_QUEUES[:-1], WIDE_LOOKED_AT), WIDE_QUEUES[-1]]:
            bodies = drained(found.aws, BASE + name, deletes=True)
            yield from missing(f"{name} message", self.ordered.done, set(bodies))
            yield from unasked(f"{name} message", self.ordered.tried, set(bodies))
            yield from out_of_order(bodies, GROUPS, name)
            everywhere = set(bodies) if everywhere is None else everywhere
            if everywhere != set(bodies):
                yield f"{name} has other messages than the other queues of its topic"
