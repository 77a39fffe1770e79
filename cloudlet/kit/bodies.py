"""The forms of a long answer's body, for services: bytes, slices of open files, or an iterator of bytes."""

from collections.abc import AsyncIterator

from cloudlet.wire.message import FileSlice

AnswerBody = bytes | list[FileSlice] | AsyncIterator[bytes]

__all__ = ["AnswerBody", "FileSlice"]
