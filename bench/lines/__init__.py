"""What is measured: one class a line, in the file of its service. A line that is not in LINES is not run."""

from collections.abc import Sequence

from bench.lines.dynamodb import BatchWriteItem, GetItem, MixedPutItem, PutItem, Query, TransactWriteItems
from bench.lines.lambda_ import Invoke
from bench.lines.line import Line, Shared
from bench.lines.s3 import GetObject, GetObjectMiB, PutObject, PutObjectMiB
from bench.lines.sns import Publish
from bench.lines.sqs import DeleteMessage, ReceiveMessage, SendMessage
from bench.setting import Setting

CYCLE = ("SendMessage", "ReceiveMessage", "DeleteMessage")  # together they are a message's life


LINES: tuple[type[Line], ...] = (
    GetItem,
    PutItem,
    Query,
    BatchWriteItem,
    TransactWriteItems,
    MixedPutItem,
    SendMessage,
    ReceiveMessage,
    DeleteMessage,
    Publish,
    PutObject,
    GetObject,
    PutObjectMiB,
    GetObjectMiB,
    Invoke,
)


def lines_for(setting: Setting, items: int) -> Sequence[Line]:
    """One of each, for one server."""
    shared = Shared(setting, items)
    return [line(shared) for line in LINES]


def chosen(lines: Sequence[Line], wanted: str) -> list[Line]:
    """Those of "getitem,put": a whole name means that line alone, a part of one every line that has it; with the lines
    they live on. All if none is named."""
    bare = {line.name: _bare(line.name) for line in lines}
    parts = [_bare(part) for part in wanted.split(",") if part.strip()]
    names = set() if parts else set(bare)
    for part in parts:
        is_whole = part in bare.values()
        names.update(name for name, text in bare.items() if (part == text if is_whole else part in text))
    names.update(name for line in lines if line.name in names for name in line.comes_after)
    return [line for line in lines if line.name in names]


def is_wanted(name: str, wanted: str) -> bool:
    """Whether a study is one of those, by a part of its name."""
    parts = [_bare(part) for part in wanted.split(",") if part.strip()]
    return not parts or any(part in _bare(name) for part in parts)


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
