"""What became of some bytes in the HTTP parser: every request that came to its end, then how it went on."""

from collections.abc import Callable, Iterable

from cloudlet.wire.http1 import Data, End, Event, Incoming, Refused, RequestParser


def outcome(parser: RequestParser, pieces: Iterable[bytes], told: Callable[[Refused], object]) -> list[object]:
    """`told` says what stands for a refusal, which is the last that a parser says; behind it, what is awaited."""
    events: list[Event] = []
    for piece in pieces:
        events += parser.receive(piece)
    found: list[object] = []
    body, head = b"", None
    for event in events:
        if isinstance(event, Incoming):
            head, body = event, event.body
            if event.whole:
                found.append((event.method, event.path, event.query, event.headers, body, {}))
        elif isinstance(event, Data):
            body += event.data
        elif isinstance(event, End):
            assert head is not None
            found.append((head.method, head.path, head.query, head.headers, body, event.trailers))
        else:
            assert isinstance(event, Refused) and event is events[-1]
            found.append(told(event))
    return [*found, parser.in_head, parser.in_body, parser.finished]
