"""Node: what every call of one running node shares. Built once by app/wiring.py; nothing here does work."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudlet.base.clock import Clock
from cloudlet.kit.authority import DecisionTrace
from cloudlet.kit.meter import Meter
from cloudlet.kit.outbox import Outbox
from cloudlet.kit.policy.evaluate import Decisions
from cloudlet.kit.ports import Controls, Functions, HttpOut, Identities, Mailbox, MailOut
from cloudlet.kit.secrets import Sealer
from cloudlet.kit.service import Service
from cloudlet.kit.waiters import Waiters
from cloudlet.store.database import Database


@dataclass(slots=True)
class Node:
    database: Database
    clock: Clock
    services: Mapping[str, Service]
    identities: Identities
    sealer: Sealer
    functions: Functions | None = None
    http_out: HttpOut | None = None
    mail_out: MailOut | None = None
    mailbox: Mailbox | None = None
    controls: Controls | None = None
    outbox: Outbox = field(default_factory=Outbox)
    waiters: Waiters = field(default_factory=Waiters)
    decisions: DecisionTrace = field(default_factory=DecisionTrace)
    decided: Decisions = field(default_factory=Decisions)
    meter: Meter = field(default_factory=Meter)
    base_url: str = "http://127.0.0.1:4566"
    settings: Any = None
