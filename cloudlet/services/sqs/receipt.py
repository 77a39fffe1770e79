"""Receipt handles: which receive of which message. Opaque to clients."""

import base64
import binascii
from typing import NamedTuple

from cloudlet.services.sqs import errors
from cloudlet.services.sqs.records import Message, Queue
from cloudlet.store.keys import pack, unpack


class Receipt(NamedTuple):
    queue_id: str
    data_id: str  # not to be trusted, nor needed: sequences of a queue go on after a purge
    sequence: int
    receive_count: int


def encode(queue: Queue, message: Message) -> str:
    packed = pack((queue.id, queue.data_id, message.sequence, message.receive_count))
    return base64.b64encode(b"AQEB" + packed).decode()


def decode(queue: Queue, handle: str) -> Receipt:
    """The receipt behind `handle`; ReceiptHandleIsInvalid if it isn't one of this queue's.

    Clients can forge handles: they say which of this queue's messages is meant, never where it lies.
    """
    try:
        raw = base64.b64decode(handle, validate=True)
        receipt = Receipt(*unpack(raw[4:]))
    except (binascii.Error, ValueError, IndexError, TypeError, UnicodeDecodeError) as error:
        raise errors.ReceiptHandleIsInvalid(handle=handle) from error
    if receipt.queue_id != queue.id or not isinstance(receipt.sequence, int):
        raise errors.ReceiptHandleIsInvalid(handle=handle)
    return receipt
