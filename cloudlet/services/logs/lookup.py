"""Reading and writing CloudWatch Logs' records, one by one."""

from cloudlet.services.logs import errors
from cloudlet.services.logs.keys import Contents, Keys
from cloudlet.services.logs.records import Group, Stream
from cloudlet.store.transaction import Tx


def find_group(tx: Tx, keys: Keys, name: str) -> Group | None:
    stored = tx.get(keys.group.key(name))
    return Group.decode(stored) if stored else None


def require_group(tx: Tx, keys: Keys, name: str) -> Group:
    group = find_group(tx, keys, name)
    if group is None:
        raise errors.NoSuchGroup()
    return group


def put_group(tx: Tx, keys: Keys, group: Group) -> None:
    tx.put(keys.group.key(group.name), group.encode())


def find_stream(tx: Tx, contents: Contents, name: str) -> Stream | None:
    stored = tx.get(contents.stream.key(name))
    return Stream.decode(stored) if stored else None


def require_stream(tx: Tx, contents: Contents, name: str) -> Stream:
    stream = find_stream(tx, contents, name)
    if stream is None:
        raise errors.NoSuchStream()
    return stream


def put_stream(tx: Tx, contents: Contents, stream: Stream) -> None:
    tx.put(contents.stream.key(stream.name), stream.encode())
