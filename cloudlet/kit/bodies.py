"""Long bodies, for services: a request's stream; an answer's bytes, slices of open files, or iterator of bytes."""

from collections.abc import AsyncIterator

from cloudlet.wire.message import BodyStream, FileSlice, WholeBody

AnswerBody = bytes | list[FileSlice] | AsyncIterator[bytes]

__all__ = ["AnswerBody", "BodyStream", "FileSlice", "WholeBody"]
