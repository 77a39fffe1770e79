"""Messages and descriptors over a SOCK_SEQPACKET pair, between the node, the zygote and the environments.

Runs inside the zygote: standard library only. JSON in, JSON out; a message is at most 1 MiB.
"""

import array
import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

_BYTES_MAX = 1 << 20
_DESCRIPTORS_MAX = 8


@dataclass(frozen=True)
class Message:
    """`body` is None when the other side is gone; `pid` is the sender's, if the socket asks for it (SO_PASSCRED)."""

    body: dict[str, Any] | None
    descriptors: list[int]
    pid: int


def pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _BYTES_MAX)
    return ours, theirs


def receive(channel: socket.socket) -> Message:
    space = socket.CMSG_SPACE(4 * _DESCRIPTORS_MAX) + socket.CMSG_SPACE(12)
    data, ancillary, _, _ = channel.recvmsg(_BYTES_MAX, space, socket.MSG_CMSG_CLOEXEC)
    descriptors, pid = array.array("i"), 0
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
        elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            pid = struct.unpack("iII", payload)[0]
    return Message(json.loads(data) if data else None, list(descriptors), pid)


def send(channel: socket.socket, body: dict[str, Any], descriptors: list[int] | None = None) -> None:
    ancillary = []
    if descriptors:
        ancillary.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors)))
    channel.sendmsg([json.dumps(body).encode()], ancillary)
