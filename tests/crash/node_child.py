"""The process that test_node_crashes.py kills: a whole node on a slow disk whose syncs are watched.

    python -m tests.crash.node_child NOTES MUTATION up --data DATA --port PORT

Everything behind MUTATION is the `cloudlet` command's own. A mutation spoils what the tests claim, so that they must
notice. Besides powercut's notes, each sync of a folder notes in NOTES.names which names it held. The disk is slow once
NOTES.furnished is there.
"""

import asyncio
import errno
import os
import sys
from pathlib import Path
from typing import Any

from cloudlet.cli.main import main
from cloudlet.kit.call import Call
from cloudlet.kit.outbox import Outbox
from cloudlet.kit.record import replace
from cloudlet.services.s3 import events
from cloudlet.services.sns import message as sns_message
from cloudlet.store import blobs, journal
from cloudlet.store.engine import rocksdb
from cloudlet.store.journal import Journal
from cloudlet.store.transaction import Tx
from tests.crash import powercut

SYNC_S = 0.003
SLOW_SYNC_S = 0.05  # under a mutation: what is not on disk yet is more
NOTE_EVERY_S = 0.1  # a note is cut short now and then
EARLY_EVERY = 3
APART_S = 0.3
WRITE_BUFFER_BYTES = 256 << 10  # tables are written all the time


def watch_names(notes: Path) -> None:
    """From now on note which names a folder has each time it is synced."""
    out = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    fsync = os.fsync

    def watched(fd: int) -> None:
        path = os.readlink(f"/proc/self/fd/{fd}")
        names = os.listdir(fd) if os.path.isdir(path) else None
        fsync(fd)
        if names is not None:
            os.write(out, "".join(f"{path}/{name}\n" for name in names).encode())

    os.fsync = watched  # type: ignore[assignment]


def release_some_early() -> None:
    """One answer in EARLY_EVERY doesn't wait for its sync."""
    wait = Journal.wait
    waits = 0

    async def sometimes(journal: Journal, horizon: int) -> None:
        nonlocal waits
        waits += horizon > journal.durable
        if horizon > journal.durable and waits % EARLY_EVERY == 0:
            await asyncio.sleep(0)
        else:
            await wait(journal, horizon)

    Journal.wait = sometimes  # type: ignore[assignment, method-assign]


def answer_reads_early() -> None:
    """What was only read waits for nothing, also where others' writes were seen that are not on disk yet."""
    commit = Tx.commit

    def early(tx: Tx) -> int:
        wrote = bool(tx._overlay)
        horizon = commit(tx)
        return horizon if wrote else 0

    Tx.commit = early  # type: ignore[assignment, method-assign]


def send_events_apart() -> None:
    """An object's event in a transaction of its own, a moment after the object's."""
    deliver = events.deliver

    def later(call: Call, bucket: Any, notification: Any, message: Any) -> None:
        own = Call(call.node, call.service, call.operation, account=call.account, region=call.region,
                   principal=call.principal, source=call.source)  # fmt: skip
        asyncio.get_running_loop().call_later(
            APART_S, own.transact, lambda tx: deliver(own, bucket, notification, message)
        )

    events.deliver = later


def fan_out_apart() -> None:
    """A message's delivery in a transaction of its own, a moment after the publisher's."""
    send = sns_message.fan_out.send

    def later(call: Call, keys: Any, topic: Any, message: Any, budget: Any) -> None:
        own = Call(call.node, call.service, call.operation, account=call.account, region=call.region,
                   principal=call.principal, source=call.source)  # fmt: skip
        asyncio.get_running_loop().call_later(APART_S, own.transact, lambda tx: send(own, keys, topic, message, budget))

    sns_message.fan_out.send = later


def forget_what_is_taken() -> None:
    """Work is removed when it is begun, not when it is done."""
    take = Outbox.take

    def forget(outbox: Outbox, tx: Tx, target: str, *of: Any) -> list[Any]:
        taken = take(outbox, tx, target, *of)
        if target == "lambda.invoke_async":
            for entry in taken:
                outbox.finish(tx, entry.id)
        return taken

    Outbox.take = forget  # type: ignore[assignment, method-assign]


def leave_lanes() -> None:
    put = Outbox.put
    Outbox.put = lambda outbox, tx, entry: put(outbox, tx, replace(entry, lane=None))  # type: ignore[assignment, method-assign]


def fail_syncs_once(there: Path) -> None:
    """The disk fails once the file `there` is there."""
    sync = os.fdatasync

    def failing(fd: int) -> None:
        if there.exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(fd)

    os.fdatasync = failing  # type: ignore[assignment]


def mutate(mutation: str) -> None:
    def nothing(*args: Any) -> None:
        """A sync that isn't."""

    if mutation == "the journal's sync is a no-op":
        rocksdb.RocksEngine.sync = nothing  # type: ignore[assignment, method-assign]
    elif mutation == "an answer leaves early":
        release_some_early()
    elif mutation == "reads are answered early":
        answer_reads_early()
    elif mutation == "bodies are not synced":
        blobs.sync_file = nothing  # type: ignore[assignment]
    elif mutation == "names are not synced":
        blobs.sync_directory = nothing  # type: ignore[assignment]
    elif mutation == "events are sent apart":
        send_events_apart()
    elif mutation == "messages are fanned out apart":
        fan_out_apart()
    elif mutation == "events are forgotten before they are run":
        forget_what_is_taken()
    elif mutation == "a lane's entries run side by side":
        leave_lanes()
    else:
        assert not mutation, f"no mutation is called {mutation}"


if __name__ == "__main__":
    notes, mutation = Path(sys.argv[1]), sys.argv[2]
    powercut.watch_syncs(notes, SLOW_SYNC_S if mutation else SYNC_S, notes.with_suffix(".furnished"))
    watch_names(notes.with_suffix(".names"))
    rocksdb.WRITE_BUFFER_BYTES = WRITE_BUFFER_BYTES
    journal.NOTE_EVERY_S = NOTE_EVERY_S
    fail_syncs_once(notes.with_suffix(".failing"))
    mutate(mutation)
    sys.exit(main(sys.argv[3:]))
