"""Operations that wait, called by others: in the caller's transaction where they have a form for it, or apart."""

import asyncio
from typing import Any

import pytest

from cloudlet.base.clock import ManualClock
from cloudlet.kit.authority import everyone
from cloudlet.kit.call import Call, Source, service_principal
from cloudlet.kit.node import Node
from cloudlet.kit.secrets import Sealer
from cloudlet.kit.service import Service
from cloudlet.store.database import Database
from cloudlet.store.keys import Subspace


def node_with(service: Service) -> Node:
    service.access_rules = {"Invoke": everyone, "ListFunctions": everyone}
    return Node(Database.open(None, run_twice=True), ManualClock(), {"lambda": service}, None, Sealer(bytes(32)))  # type: ignore[arg-type]


def lambda_like() -> Service:
    return Service(
        "lambda", keys=lambda account, region: Subspace("l"), contents={__name__.rpartition(".")[2]: "Invoke"}
    )


def outer(node: Node) -> Call:
    return Call(
        node, node.services["lambda"], "x", account="1", region="r", principal=service_principal("x"), source=Source()
    )


def put(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    call.tx.put(call.keys.key(request["FunctionName"]), b"")
    return {"StatusCode": 202}


def test_what_waits_runs_in_the_callers_transaction_by_its_form_for_that() -> None:
    service = lambda_like()

    @service.operation("Invoke", within=put)
    async def invoke(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError("not here")

    call = outer(node_with(service))

    def fails(tx: Any) -> None:
        assert call.aws("lambda", "Invoke", {"FunctionName": "f"}) == {"StatusCode": 202}
        raise KeyError("after it")

    with pytest.raises(KeyError):
        call.transact(fails)
    assert call.transact(lambda tx: tx.get(call.keys.key("f"))) is None, "it was part of the failed transaction"
    call.transact(lambda tx: call.aws("lambda", "Invoke", {"FunctionName": "f"}))
    assert call.transact(lambda tx: tx.get(call.keys.key("f"))) == b""


def test_what_can_only_wait_is_our_own_mistake_inside_a_transaction() -> None:
    service = lambda_like()

    @service.operation("Invoke")
    async def invoke(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        return {}

    call = outer(node_with(service))
    with pytest.raises(AssertionError, match="waits"):
        call.transact(lambda tx: call.aws("lambda", "Invoke", {"FunctionName": "f"}))


def test_apart_an_operation_makes_transactions_of_its_own_and_its_horizon_is_the_callers() -> None:
    service = lambda_like()

    @service.operation("Invoke")
    async def invoke(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        call.transact(lambda tx: put(call, request))
        await asyncio.sleep(0)
        return {"StatusCode": 200}

    node = node_with(service)
    call = outer(node)
    answer = asyncio.run(call.aws_apart("lambda", "Invoke", {"FunctionName": "f"}))
    assert answer == {"StatusCode": 200}
    assert call.horizon == node.database.journal.applied > 0
