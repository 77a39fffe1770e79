"""Asynchronous calls against Lambda's rules: retries, ages, throttles, destinations, dead letters.

The service is the real one; only the functions are not run: they fail until a moment that the event names, and find no
room until another. Where no power was cut all is foretold to the millisecond; where it was, an event is run at least
once and its end is still told exactly once, and rightly.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import asyncio
import json
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from cloudlet.kit.outbox import Entry
from cloudlet.kit.ports import CodePackage, FunctionSpec, Invocation, NoCapacity, Outcome, PackageFacts
from cloudlet.store.keys import Subspace
from tests.client import ACCOUNT, TestNode
from tests.simulation.crashing_node import CrashingNode
from tests.simulation.driver import Tell, simulate

ROLE = f"arn:aws:iam::{ACCOUNT}:role/runner"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
SENDS = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
QUEUES = ("success", "failure", "dead")
FUNCTIONS = ("plain", "mortal")  # the second has a dead-letter queue
JUMPS_S = (0.5, 1, 3, 29, 60, 61, 120, 300, 3600, 21_600)
NEVER_MS = 1 << 50


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


@dataclass
class Config:
    """A function's, as the documentation has its defaults."""

    retries: int = 2
    age_s: int = 21_600
    on_success: bool = False
    on_failure: bool = False
    is_off: bool = False  # a reserved concurrency of 0


@dataclass
class Event:
    number: int
    function: str
    received_ms: int
    room_from_ms: int  # before this every run is refused for want of room
    right_from_ms: int  # before this every run fails
    due_ms: int
    runs: int = 0
    refusals: int = 0
    end: str = ""  # its condition, once it has ended
    ended_ms: int = 0
    ends_with_run: bool = False  # else it was given up without being run once more
    shaken: int = 0  # power cuts since it was accepted

    def attempt(self, config: Config) -> None:
        """What happens at `due_ms`, by the documentation."""
        age_max_ms = 1000 * config.age_s
        self.ends_with_run = False
        if config.is_off:
            self._end("ZeroReservedConcurrency")
        elif self.due_ms - self.received_ms >= age_max_ms:
            self._end("EventAgeExceeded")
        elif self.due_ms < self.room_from_ms:
            self.refusals += 1
            self._again(min(1000 * 2 ** (self.refusals - 1), 300_000), age_max_ms)
        else:
            self.runs += 1
            self.ends_with_run = True
            if self.due_ms >= self.right_from_ms:
                self._end("Success")
            elif self.runs >= 1 + config.retries:  # the configuration may have changed since
                self._end("RetriesExhausted")
            else:
                self._again(60_000 * self.runs, age_max_ms)

    def _again(self, after_ms: int, age_max_ms: int) -> None:
        if self.due_ms + after_ms - self.received_ms >= age_max_ms:
            self._end("EventAgeExceeded")
        else:
            self.due_ms += after_ms

    def _end(self, condition: str) -> None:
        self.end, self.ended_ms = condition, self.due_ms

    def heard_by(self, config: Config) -> list[str]:
        """The queues that hear of the end."""
        if self.end == "Success":
            return ["success"] * config.on_success
        return ["failure"] * config.on_failure + ["dead"] * (self.function == "mortal")


class Functions:
    """The port: outlives power cuts, as what a function did outside of the node does."""

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()
        self.unwritten: dict[tuple, Any] = {}
        self.attempts: Counter[int] = Counter()
        self.runs: Counter[int] = Counter()
        self.now_ms = lambda: 0

    async def inspect(self, blob_id: str) -> PackageFacts:
        return PackageFacts(100, 1)

    async def invoke(
        self, spec: FunctionSpec, invocation: Invocation, code: CodePackage, layers: Sequence[CodePackage]
    ) -> Outcome:
        event = json.loads(invocation.payload)
        self.attempts[event["number"]] += 1
        for _ in range(event["turns"]):
            await asyncio.sleep(0)
        if self.now_ms() < event["room_from_ms"]:
            raise NoCapacity("no room")
        self.runs[event["number"]] += 1
        error = None if self.now_ms() >= event["right_from_ms"] else "Unhandled"
        payload = json.dumps({"errorMessage": "not yet"} if error else event["number"]).encode()
        return Outcome(payload, error, b"", 1.0, 1, None, 10, "ok")

    async def to_the_end(self, work: Coroutine) -> Any:
        return await work

    def begin(self, work: Coroutine) -> None:
        raise AssertionError("nothing is printed here")

    def retire(self, function_arn: str) -> None: ...

    def why_not(self, runtime: str) -> str | None:
        return None


class FunctionNode(CrashingNode):
    def __init__(self, functions: Functions, blobs: Path) -> None:
        self.functions = functions
        super().__init__("lambda", blobs=blobs)

    def started(self, node: TestNode) -> None:
        self.functions.running.clear()
        self.functions.now_ms = node.clock.now_ms
        node.node.functions = self.functions
        super().started(node)


class Simulation:
    def __init__(self, chance: Random, tell: Tell) -> None:
        self.tell, self.functions = tell, Functions()
        self.directory = Path(tempfile.mkdtemp())
        self.world = FunctionNode(self.functions, self.directory)
        self.configs = {name: Config() for name in FUNCTIONS}
        self.events: dict[int, Event] = {}
        self.number = 0
        self.heard: dict[int, list[tuple]] = defaultdict(list)
        for name in QUEUES:
            self.world.aws("sqs", "CreateQueue", QueueName=name, Attributes={"MessageRetentionPeriod": "1209600"})
        document = {"Version": "2012-10-17", "Statement": [TRUST]}
        self.world.aws("iam", "CreateRole", RoleName="runner", AssumeRolePolicyDocument=json.dumps(document))
        document = {"Version": "2012-10-17", "Statement": [SENDS]}
        self.world.aws("iam", "PutRolePolicy", RoleName="runner", PolicyName="p", PolicyDocument=json.dumps(document))
        for name in FUNCTIONS:
            more = {"DeadLetterConfig": {"TargetArn": queue_arn("dead")}} if name == "mortal" else {}
            self.world.aws("lambda", "CreateFunction", FunctionName=name, Runtime="python3.11", Role=ROLE,
                           Handler="app.handler", Code={"ZipFile": b"a package"}, **more)  # fmt: skip
        self.world.node.settle()

    def step(self, chance: Random) -> None:
        actions = (self.invoke, self.configure, self.switch, self.pass_time)
        faults = (self.cut, self.cut_in_time, self.cut_invoking, self.refuse)
        chance.choices((*actions, *faults), (10, 2, 1, 8, 1, 2, 1, 1))[0](chance)
        if chance.random() < 0.3:
            self._listen()

    # ── what a client does ────────────────────────────────────────────────────────────────────────────────────────

    def _new(self, chance: Random) -> tuple[Event, dict[str, Any]]:
        now_ms, self.number = self.world.now_ms, self.number + 1
        room_from_ms = chance.choice((0,) * 8 + (now_ms + 2500, now_ms + 900_000, now_ms + 900_000, NEVER_MS))
        right_from_ms = chance.choice((0, 0, now_ms + 1, now_ms + 61_000, NEVER_MS))
        event = Event(self.number, chance.choice(FUNCTIONS), now_ms, room_from_ms, right_from_ms, now_ms)
        payload = {"number": event.number, "room_from_ms": room_from_ms, "right_from_ms": right_from_ms,
                   "turns": chance.choice((0, 1, 4))}  # fmt: skip
        request = {"InvocationType": "Event", "Payload": json.dumps(payload).encode(), "FunctionName": event.function}
        return event, request

    def invoke(self, chance: Random) -> None:
        event, request = self._new(chance)
        self.tell(f"invoke {event}")
        assert self.world.aws("lambda", "Invoke", **request)["StatusCode"] == 202
        self._accept(event)

    def _accept(self, event: Event) -> None:
        self.events[event.number] = event
        self.world.node.settle()
        self._attempt_due()

    def configure(self, chance: Random) -> None:
        self._listen()
        name = chance.choice(FUNCTIONS)
        config = self.configs[name]
        config.retries, config.age_s = chance.randrange(3), chance.choice((60, 100, 3600, 21_600))
        config.on_success, config.on_failure = chance.random() < 0.7, chance.random() < 0.7
        self.tell(f"{name} gets {config}")
        destinations = {}
        if config.on_success:
            destinations["OnSuccess"] = {"Destination": queue_arn("success")}
        if config.on_failure:
            destinations["OnFailure"] = {"Destination": queue_arn("failure")}
        self.world.aws("lambda", "PutFunctionEventInvokeConfig", FunctionName=name, DestinationConfig=destinations,
                       MaximumRetryAttempts=config.retries, MaximumEventAgeInSeconds=config.age_s)  # fmt: skip

    def switch(self, chance: Random) -> None:
        self._listen()
        name = chance.choice(FUNCTIONS)
        config = self.configs[name]
        config.is_off = not config.is_off
        self.tell(f"{name} gets {config}")
        if config.is_off:
            self.world.aws("lambda", "PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=0)
        else:
            self.world.aws("lambda", "DeleteFunctionConcurrency", FunctionName=name)

    # ── what happens to it ────────────────────────────────────────────────────────────────────────────────────────

    def pass_time(self, chance: Random) -> None:
        self._pass(chance.choice(JUMPS_S))

    def _pass(self, seconds: float) -> None:
        self.tell(f"{seconds} s pass")
        self.world.advance(seconds)
        self._attempt_due()

    def _attempt_due(self) -> None:
        for event in self.events.values():
            while not event.shaken and not event.end and event.due_ms <= self.world.now_ms:
                event.attempt(self.configs[event.function])

    def cut(self, chance: Random) -> None:
        self.tell("power cut")
        self._shake()
        self.world.power_cut(chance)

    def _shake(self) -> None:
        for event in self.events.values():
            event.shaken += 1

    def cut_in_time(self, chance: Random) -> None:
        seconds = chance.choice(JUMPS_S)
        self.tell(f"power cut while {seconds} s pass")
        self._shake()
        self.world.cut_while_time_passes(chance, seconds)

    def cut_invoking(self, chance: Random) -> None:
        """It was not answered: if it was accepted all the same, its beginning or its end is seen at once."""
        event, request = self._new(chance)
        self.tell(f"power cut while invoking {event}")
        self._shake()
        self.world.cut_while_answering(chance, "lambda", "Invoke", **request)
        self._listen()
        if self.functions.attempts[event.number] or self.heard[event.number]:
            self._accept(event)

    def refuse(self, chance: Random) -> None:
        event, request = self._new(chance)
        answered = self.world.refuse_once(chance, "lambda", "Invoke", **request)
        self.tell(f"a refused write: invoke {event}: {answered}")
        if answered:
            self._accept(event)

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────────────────

    def _listen(self) -> None:
        """Take what the queues have heard; then hold every event against it."""
        for name in QUEUES:
            while messages := self._messages(name):
                for message in messages:
                    self._note(name, message)
        for event in [event for event in self.events.values() if event.end or event.shaken]:
            if event.shaken:
                self._check_shaken(event)
            else:
                self._check_foretold(event)

    def _messages(self, name: str) -> list[dict[str, Any]]:
        url = f"http://127.0.0.1:4566/{ACCOUNT}/{name}"
        wanted = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "AttributeNames": ["SentTimestamp"]}
        messages = self.world.aws("sqs", "ReceiveMessage", QueueUrl=url, **wanted).get("Messages", [])
        for message in messages:
            self.world.aws("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def _note(self, queue: str, message: dict[str, Any]) -> None:
        body, at_ms = json.loads(message["Body"]), int(message["Attributes"]["SentTimestamp"])
        if queue == "dead":
            code = message["MessageAttributes"]["ErrorCode"]["StringValue"]
            self.heard[body["number"]].append((queue, at_ms, code))
            return
        context = body["requestContext"]
        number = body["requestPayload"]["number"]
        self.heard[number].append((queue, at_ms, context["condition"], context["approximateInvokeCount"]))

    def _check_foretold(self, event: Event) -> None:
        heard = self.heard.pop(event.number, [])
        expected: list[tuple] = []
        for queue in event.heard_by(self.configs[event.function]):
            if queue == "dead":
                expected.append((queue, event.ended_ms, "200" if event.ends_with_run else "429"))
            else:
                expected.append((queue, event.ended_ms, event.end, event.runs))
        assert sorted(heard) == sorted(expected), f"{event} with {self.configs[event.function]}"
        assert self.functions.runs[event.number] == event.runs, f"{event} ran {self.functions.runs[event.number]} times"
        del self.events[event.number]

    def _check_shaken(self, event: Event) -> None:
        """Told once, and nothing impossible; at the end of the run it must have been told, see `end`."""
        heard = self.heard.get(event.number, [])
        ran = self.functions.runs[event.number]
        assert len({one[0] for one in heard}) == len(heard), f"{event} was told twice: {heard}"
        for queue, at_ms, *rest in heard:
            if queue == "dead":
                assert event.function == "mortal"
                continue
            condition, runs = rest
            assert (queue == "success") == (condition == "Success")
            assert runs <= ran <= runs + event.shaken, f"{event} ran {ran} times, told {heard}"
            if condition == "Success":
                assert at_ms >= max(event.right_from_ms, event.room_from_ms)
            if condition == "RetriesExhausted":
                assert 1 <= runs <= 3
            if condition == "EventAgeExceeded":
                assert at_ms + 300_000 - event.received_ms >= 60_000

    def end(self) -> None:
        """After the longest age every event has ended, and who is to hear of it has heard."""
        self._listen()
        for config, name in [(self.configs[name], name) for name in FUNCTIONS]:
            self.world.aws("lambda", "PutFunctionEventInvokeConfig", FunctionName=name, MaximumRetryAttempts=2,
                           MaximumEventAgeInSeconds=21_600, DestinationConfig={
                               "OnSuccess": {"Destination": queue_arn("success")},
                               "OnFailure": {"Destination": queue_arn("failure")}})  # fmt: skip
            config.retries, config.age_s, config.on_success, config.on_failure = 2, 21_600, True, True
        open_before = {number for number, event in self.events.items() if not event.shaken and not event.end}
        self._pass(21_700)
        self._listen()
        assert not open_before & self.events.keys()
        for event in self.events.values():
            told = {one[0] for one in self.heard[event.number]}
            if event.function == "mortal" and told:
                assert told in ({"success"}, {"failure", "dead"}, {"dead"}), f"{event}: {told}"
        rows, _ = self.world.node.node.database.transact(lambda tx: tx.scan(*Subspace("outbox")["e"].range()).rows)
        left = [entry for entry in (Entry.decode(value) for _, value in rows) if entry.task == "invoke_async"]
        assert not left, "events that nobody will ever run"

    def close(self) -> None:
        self.world.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def test_an_event_ends_as_lambdas_rules_say_and_who_is_to_hear_of_it_does() -> None:
    simulate(Simulation, steps=1000, run_steps=100)
