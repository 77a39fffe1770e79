"""Workers at work on every subject until the node is gone, and what is known of it from outside."""

import random
import threading
from collections.abc import Callable
from typing import Any

from cloudlet.base.errors import AwsError
from tests.crash.node_process import DEAD, HANG_GUARD_S, Client
from tests.crash.subjects.functions import Functions
from tests.crash.subjects.objects import Objects
from tests.crash.subjects.queues import Queues
from tests.crash.subjects.stacks import Stacks
from tests.crash.subjects.subject import Aws, Effect, Subject, Worker, policy
from tests.crash.subjects.tables import Tables
from tests.crash.subjects.topics import Topics

SERVICES = ("cloudformation", "dynamodb", "iam", "lambda", "s3", "sns", "sqs")


class Ledger:
    """All that is known of a node's contents from outside. Loads of later lives go on with it."""

    def __init__(self) -> None:
        self.subjects: list[Subject] = [Functions(), Queues(), Tables(), Objects(), Topics(), Stacks()]
        self.acknowledged = 0

    def furnish(self, aws: Aws) -> tuple[str, str]:
        """What the load needs; the access key of a user who may use it."""
        for subject in self.subjects:
            subject.furnish(aws)
        aws("iam", "CreateUser", UserName="loader")
        may = policy({"Action": [f"{service}:*" for service in SERVICES], "Resource": "*"})
        aws("iam", "PutUserPolicy", UserName="loader", PolicyName="may", PolicyDocument=may)
        key = aws("iam", "CreateAccessKey", UserName="loader")["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def events(self) -> Effect:
        """What the function must be told of in the end, and what it may be told of."""
        told = [subject.events() for subject in self.subjects]
        return Effect(set().union(*(one.tried for one in told)), set().union(*(one.done for one in told)))


class Load:
    """Each worker is one thread with a client of its own."""

    def __init__(self, ledger: Ledger, connect: Callable[[], Client], seed: int) -> None:
        self.ledger = ledger
        self.failures: list[str] = []
        self._run = f"{seed}-{ledger.acknowledged}"
        self._count_lock = threading.Lock()
        works = [work for subject in ledger.subjects for work in subject.works()]
        self._clients = [connect() for _ in works]
        self._threads = [
            threading.Thread(target=self._work, args=(work, self._worker(client, f"{seed} {work.__name__}")))
            for work, client in zip(works, self._clients, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Once the node is dead."""
        for thread in self._threads:
            thread.join()
        for client in self._clients:
            client.close()

    def _worker(self, client: Client, seed: str) -> Worker:
        return Worker(client, random.Random(seed), self._run, self._acknowledged, self.failures.append)

    def _work(self, work: Callable[[Worker], Any], worker: Worker) -> None:
        try:
            while True:
                worker.number += 1
                self._round(work, worker)
        except TimeoutError:
            self.failures.append(f"{work.__name__}: no answer for {HANG_GUARD_S} s")
        except DEAD:
            pass
        except Exception as error:
            self.failures.append(f"{work.__name__}: {error!r}")

    def _round(self, work: Callable[[Worker], Any], worker: Worker) -> None:
        try:
            work(worker)
        except AwsError as error:
            if error.status != 503:  # the disk was too slow: what was asked for may be there, or not
                raise

    def _acknowledged(self) -> None:
        with self._count_lock:
            self.ledger.acknowledged += 1
