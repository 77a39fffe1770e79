"""Where the time of a request goes, by stage: timers laid around the node's functions, in the bench's process only.

A stage's time is its own, without that of stages within it. Times are of the clock, so they are right with one
connection only, where one request runs at a time; "disk" is waiting. What no stage covers is the event loop's and the
gateway's own.
"""

import functools
import inspect
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from cloudlet.app import connection, gateway
from cloudlet.kit import call, dispatch
from cloudlet.services.iam.identities import IamIdentities
from cloudlet.store.journal import Journal
from cloudlet.store.transaction import Tx
from cloudlet.wire import cbor, constraints, json, query, rest_json, rest_xml

PLACES: tuple[tuple[str, Any, str], ...] = (
    ("read", connection.Connection, "data_received"),
    ("read", gateway.Router, "route"),
    ("verify", gateway, "read_credentials"),
    ("verify", gateway, "check_scope"),
    ("verify", gateway, "identify"),
    ("verify", gateway, "_sha256"),
    ("verify", gateway, "verify"),
    ("verify", IamIdentities, "note_use"),
    ("authorise", dispatch, "authorise"),
    ("authorise", call, "authorise"),
    ("validate", constraints, "check"),
    ("handle", gateway, "perform"),
    ("handle", gateway.Gateway, "_wait_on"),
    ("commit", Tx, "commit"),
    ("disk", Journal, "wait"),
    ("render", connection.Connection, "_answer"),
    *(("read", codec, "match") for codec in (cbor, json, query, rest_json, rest_xml)),
    *(("parse", codec, "parse") for codec in (cbor, json, query, rest_json, rest_xml)),
    *(("render", codec, "render") for codec in (cbor, json, query, rest_json, rest_xml)),
)

_seconds: defaultdict[str, float] = defaultdict(float)
_inside: list[float] = []  # per stage that is open: what stages within it took
_answered = 0
_clock = time.perf_counter


def seconds() -> dict[str, float]:
    return dict(_seconds)


def requests() -> int:
    return _answered


def install() -> None:
    """Lay the timers. For good: this process serves the bench and nothing else."""
    for stage, owner, name in PLACES:
        function = getattr(owner, name)
        wrap = _timed_async if inspect.iscoroutinefunction(function) else _timed
        setattr(owner, name, wrap(stage, function, ends_request=name == "_answer"))


def _close(stage: str, started: float) -> None:
    took = _clock() - started
    _seconds[stage] += took - _inside.pop()
    if _inside:
        _inside[-1] += took


def _timed(stage: str, function: Callable[..., Any], *, ends_request: bool) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        _inside.append(0.0)
        started = _clock()
        try:
            return function(*args, **kwargs)
        finally:
            _close(stage, started)

    return timed


def _timed_async(stage: str, function: Callable[..., Any], *, ends_request: bool) -> Callable[..., Any]:
    @functools.wraps(function)
    async def timed(*args: Any, **kwargs: Any) -> Any:
        global _answered
        _inside.append(0.0)
        started = _clock()
        try:
            return await function(*args, **kwargs)
        finally:
            _close(stage, started)
            _answered += ends_request

    return timed
