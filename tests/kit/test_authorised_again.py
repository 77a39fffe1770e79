"""An operation that waits is authorised in each of its transactions; what cannot have changed is not asked twice."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cloudlet.base.clock import ManualClock
from cloudlet.base.errors import AccessDenied
from cloudlet.kit.call import Call, Source, service_principal
from cloudlet.kit.node import Node
from cloudlet.kit.secrets import Sealer
from cloudlet.kit.service import Service
from cloudlet.store.database import Database
from cloudlet.store.keys import Subspace


def asked(between: Callable[[Node], None]) -> tuple[int, Node]:
    """How often the rule of an operation is asked, with `between` happening before its last two transactions."""
    times = 0

    def rule(call: Call, request: dict[str, Any]) -> tuple[()]:
        nonlocal times
        times += 1
        if call.tx.get(b"refused"):
            raise AccessDenied("not any more")
        return ()

    keys = lambda account, region: Subspace("l")  # noqa: E731
    service = Service("lambda", keys=keys, contents={__name__.rpartition(".")[2]: "Invoke"})

    @service.operation("Invoke")
    async def invoke(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        between(call.node)
        for _ in range(2):
            call.transact(lambda tx: tx.get(b"anything"))
        return {}

    service.access_rules = {"Invoke": rule}
    node = Node(Database.open(None), ManualClock(), {"lambda": service}, None, Sealer(bytes(32)))  # type: ignore[arg-type]
    call = Call(node, service, "x", account="1", region="r", principal=service_principal("x"), source=Source())
    asyncio.run(call.aws_apart("lambda", "Invoke", {"FunctionName": "f"}))
    return times, node


def write(key: bytes) -> Callable[[Node], None]:
    return lambda node: node.database.transact(lambda tx: tx.put(key, b"1"))[0]


def test_it_is_asked_once_while_nothing_is_written_and_the_second_lasts() -> None:
    assert asked(lambda node: None)[0] == 1


def test_it_is_asked_again_after_any_write() -> None:
    assert asked(write(b"something else"))[0] == 2


def test_it_is_asked_again_in_another_second() -> None:
    def a_second_later(node: Node) -> None:
        assert isinstance(node.clock, ManualClock)
        node.clock.advance(1000)

    assert asked(a_second_later)[0] == 2


def test_what_was_taken_away_meanwhile_is_refused() -> None:
    with pytest.raises(AccessDenied):
        asked(write(b"refused"))
