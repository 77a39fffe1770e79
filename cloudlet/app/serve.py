"""One node as a process: open, listen, say so, serve until a signal, shut down in order."""

import asyncio
import gc
import logging
import os
import signal
import ssl
from collections.abc import Callable

import uvloop

from cloudlet.app.descriptors import connections_that_fit, raise_limit
from cloudlet.app.health import health_pages
from cloudlet.app.loop_watch import BUDGET_S
from cloudlet.app.run_file import CannotServe, RunFile, Running
from cloudlet.app.server import Limits, Server
from cloudlet.app.wiring import House, build
from cloudlet.base.config import Settings
from cloudlet.store.errors import StoreError
from cloudlet.store.journal import set_switch_interval

STOP_GRACE_S = 10.0
OBJECTS_BEFORE_COLLECTION = 20_000  # new ones that are alive: requests leave next to none behind

log = logging.getLogger("cloudlet")


async def serve(settings: Settings, on_ready: Callable[[House, str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `on_ready(house, url)` is called once requests are answered."""
    stop = _on_signal()  # first: a start that is interrupted ends in order too
    set_switch_interval()
    if settings.log_level == "debug":
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = BUDGET_S
    try:
        house = build(settings)
    except StoreError as error:
        raise CannotServe(str(error)) from error
    run_file = RunFile(settings)
    limits = Limits(connections_max=connections_that_fit(raise_limit(), Limits().connections_max))
    server = Server(house.gateway.handle, limits=limits, on_protocol_error=house.gateway.protocol_error)
    house.node.database.journal.start(asyncio.get_running_loop())
    try:
        house.upkeep.restore_clock()
        house.gateway.internal_pages.update(health_pages(house))
        url = await _listen(server, settings)
        house.node.base_url = url
        await house.start(server)
        house.upkeep.start()
        run_file.write(_running(house, url))
        _spare_collections()
        on_ready(house, url)
        await stop.wait()
    finally:
        await server.close(grace_s=STOP_GRACE_S)
        await house.stop()
        await house.upkeep.stop()
        house.node.database.close()
        run_file.remove()


def _running(house: House, url: str) -> Running:
    own = house.roots.own_key
    return Running(os.getpid(), url, house.roots.takes_test, own[0] if own else "")


async def _listen(server: Server, settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        port = await server.listen(settings.host, settings.port)
        if settings.tls_port:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(settings.tls_certificate, settings.tls_key)
            await server.listen(settings.host, settings.tls_port, ssl=context)
    except OSError as error:
        raise CannotServe(
            f"cannot listen on {host}:{settings.port}: {error.strerror or error}. Stop what listens there"
            f" (another Cloudlet: `cloudlet down`), or choose another port with --port."
        ) from error
    shown = "127.0.0.1" if settings.host in ("0.0.0.0", "localhost") else host
    return f"http://{shown}:{port}"


def _spare_collections() -> None:
    """Let garbage collections pass over what the start made (modules, models): a full one would hold the loop for 25 ms
    without finding anything."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION, 20, 20)


def _on_signal() -> asyncio.Event:
    """Set when the node shall stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def run(settings: Settings, on_ready: Callable[[House, str], None]) -> None:
    """`serve` on the fastest loop there is."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, on_ready))
