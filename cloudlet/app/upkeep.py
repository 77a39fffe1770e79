"""What the node does for itself, every few seconds: hands its own metrics to CloudWatch, notes its clock."""

import asyncio
import logging
from collections.abc import Iterator

from cloudlet.app.loop_watch import LoopWatch, watched
from cloudlet.base.errors import AwsError
from cloudlet.kit.call import Call, Source
from cloudlet.kit.meter import Series, Statistics
from cloudlet.kit.node import Node
from cloudlet.kit.policy import service_principal
from cloudlet.kit.record import Record
from cloudlet.store.errors import StoreError
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx

EVERY_S = 5.0
METRICS_PER_CALL = 50  # a transaction of some milliseconds

log = logging.getLogger("cloudlet.upkeep")

_CLOCK_KEY = Subspace("node").key("clock")


class ClockNote(Record, frozen=True):
    latest_ms: int  # no later start answers an earlier time
    offset_ms: int


class Upkeep:
    def __init__(self, node: Node) -> None:
        self.node = node
        self._loop_task: asyncio.Task | None = None
        self._noted_sequence = -1
        self.watch: LoopWatch | None = None

    def restore_clock(self) -> None:
        """At start: go on from the service clock of the last run."""
        stored = self.node.database.transact(lambda tx: tx.get(_CLOCK_KEY))[0]
        if stored:
            note = ClockNote.decode(stored)
            clock = self.node.clock
            clock.offset_ms = note.offset_ms
            clock.not_before(note.latest_ms)

    def note_clock(self) -> int:
        """Store the service clock; returns the horizon."""
        clock = self.node.clock
        note = ClockNote(latest_ms=clock.now_ms(), offset_ms=clock.offset_ms)
        return self.node.database.transact(lambda tx: tx.put(_CLOCK_KEY, note.encode()))[1]

    def start(self) -> None:
        self._loop_task = asyncio.get_running_loop().create_task(self._run(), name="upkeep")

    async def stop(self) -> None:
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
        self.tick()

    def tick(self) -> None:
        """One round: metrics out, clock noted if anything was stored since."""
        self.flush_metrics()
        self._note_clock_if_moved()

    def _note_clock_if_moved(self) -> None:
        sequence = self.node.database.journal.applied
        if sequence == self._noted_sequence:
            return
        try:
            self.note_clock()
        except StoreError as error:
            log.warning("the clock was not noted: %s", error)
        else:
            self._noted_sequence = self.node.database.journal.applied

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.flush_metrics_in_pieces()
                self._note_clock_if_moved()
                await asyncio.to_thread(self.node.database.tidy)
            except Exception:
                log.exception("upkeep failed; it is tried again in %s s", EVERY_S)

    def flush_metrics(self) -> None:
        """Hand what was counted to CloudWatch, at once."""
        for _ in self._flushing():
            pass

    async def flush_metrics_in_pieces(self) -> None:
        """The same, letting others run in between."""
        for _ in self._flushing():
            await asyncio.sleep(0)

    def _flushing(self) -> Iterator[None]:
        """Hand out what was counted by account, region and namespace, a transaction a step."""
        if "cloudwatch" not in self.node.services:
            return
        batches: dict[tuple[str, str, str], list[tuple[Series, Statistics]]] = {}
        for series, statistics in self.node.meter.take().items():
            batches.setdefault((series.account, series.region, series.namespace), []).append((series, statistics))
        for (account, region, namespace), batch in batches.items():
            for start in range(0, len(batch), METRICS_PER_CALL):
                with watched(self.watch, lambda: ("upkeep.flush_metrics", "")):
                    data = [_datum(*counted) for counted in batch[start : start + METRICS_PER_CALL]]
                    self._put(account, region, {"Namespace": namespace, "MetricData": data})
                yield

    def _put(self, account: str, region: str, request: dict) -> None:
        principal = service_principal("monitoring.amazonaws.com")
        service = self.node.services["cloudwatch"]
        call = Call(
            self.node, service, "PutMetricData", account=account, region=region, principal=principal, source=Source()
        )

        def put(tx: Tx) -> None:
            call.aws("cloudwatch", "PutMetricData", request)

        try:
            call.transact(put)
        except (AwsError, StoreError) as error:
            log.warning("metrics of %s were not taken: %s", request["Namespace"], error)


def _datum(series: Series, statistics: Statistics) -> dict:
    return {
        "MetricName": series.metric,
        "Unit": series.unit,
        "Timestamp": series.minute * 60_000,
        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
        "StatisticValues": {
            "SampleCount": statistics.count,
            "Sum": statistics.total,
            "Minimum": statistics.minimum,
            "Maximum": statistics.maximum,
        },
    }
