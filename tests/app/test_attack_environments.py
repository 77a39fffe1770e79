"""A function cannot take the node from others: its listener has its own share of connections and of bytes held."""

import socket

import pytest

from cloudlet.app.server import Limits
from cloudlet.wire.message import HttpRequest, HttpResponse
from tests.app.edge_client import Edge, echo, edge, post, run, until, whole_body

LIMITS = Limits(connections_each_max=3, in_flight_bytes_max=400_000, in_flight_bytes_each_max=200_000)


async def environment(it: Edge, name: str) -> int:
    listener = socket.create_server(("127.0.0.1", 0))
    await it.server.listen_socket(listener, name)
    return int(listener.getsockname()[1])


def test_connections_of_an_environment_are_counted_apart() -> None:
    async def scenario() -> None:
        async with edge(echo, LIMITS) as it:
            port = await environment(it, "greedy")
            own = [await it.client(port=port) for _ in range(3)]
            for client in own:
                assert (await client.ask(post())).status == 200
            assert (await (await it.client(port=port)).ask(post())).status == 503
            for other in (None, await environment(it, "modest")):
                assert (await (await it.client(port=other)).ask(post())).status == 200
            own[0].close()
            await until(lambda: it.server._connections_each["greedy"] < 3)
            assert (await (await it.client(port=port)).ask(post())).status == 200

    run(scenario())


def test_refusals_to_an_environment_do_not_pile_up() -> None:
    async def scenario() -> None:
        async with edge(echo, LIMITS) as it:
            port = await environment(it, "greedy")
            for _ in range(100):
                await it.client(port=port)
            assert (await (await it.client()).ask(post())).status == 200
            await until(lambda: len(it.server._connections) <= 3 + 16 + 2)

    run(scenario())


@pytest.mark.parametrize("length", ["Content-Length: 150000", "Content-Length: 100000"])
def test_bytes_held_for_an_environment_leave_room_for_others(length: str) -> None:
    held: list[HttpRequest] = []

    async def hold(request: HttpRequest) -> HttpResponse:
        held.append(request)
        await whole_body(request)
        return HttpResponse(200)

    async def scenario() -> None:
        async with edge(hold, LIMITS) as it:
            port = await environment(it, "greedy")
            statuses = []
            for number in range(3):
                client = await it.client(port=port)
                await client.send(f"PUT / HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n".encode())
                if number < 200_000 // int(length.split()[1]):
                    await until(lambda number=number: len(held) > number)  # type: ignore[misc]
                else:
                    statuses.append((await client.answer()).status)
            assert statuses and set(statuses) == {503}
            assert (await (await it.client()).ask(post(b"x" * 150_000))).status == 200
            assert it.server.in_flight_bytes <= 200_000

    run(scenario())


def test_nothing_of_an_environment_that_ended_is_kept() -> None:
    async def scenario() -> None:
        async with edge(echo, LIMITS) as it:
            for number in range(20):
                port = await environment(it, f"environment-{number}")
                client = await it.client(port=port)
                assert (await client.ask(post(b"x" * 50_000))).status == 200
                it.server.stop_listening(f"environment-{number}")
            await until(lambda: not it.server._connections)
            assert not it.server._connections_each and not it.server._bytes_each

    run(scenario())
