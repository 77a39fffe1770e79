"""aws-chunked bodies, decoded without I/O: signed chunks, signed or unsigned trailers, every length and signature kept.

`feed` hands data out as it comes, so memory stays flat however big a chunk is; therefore nothing handed out may be
believed before `finish` returned. Hashing is done in `feed`: give it more than 64 KiB only in a thread.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

import hmac
import re
from collections.abc import Sequence
from enum import Enum, auto
from hashlib import sha256

from cloudlet.base.errors import AwsError, aws_error
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.signature_problems import Kind, SignatureProblem
from cloudlet.wire.sigv4_canonical import hmac_hex
from cloudlet.wire.sigv4_claim import Claim, PayloadMode

CHUNK_BYTES_MIN = 8192  # of every chunk but the last
CHUNK_LINE_BYTES_MAX = 256  # 16 digits, ";chunk-signature=", 64 digits: the rest is slack
TRAILER_BYTES_MAX = 8192  # of all trailers together
BLANK_LINES_MAX = 2  # between the last chunk and the trailers' end: some clients send one more than documented
TRAILER_SIGNATURE = "x-amz-trailer-signature"

_EMPTY_SHA256 = sha256(b"").hexdigest()
_SIGNED_LINE = re.compile(rb"([0-9a-fA-F]{1,16});chunk-signature=([0-9a-f]{64})\r\n")
_UNSIGNED_LINE = re.compile(rb"([0-9a-fA-F]{1,16})\r\n")
_TRAILER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~](?:[ -~\t]*[!-~])?)[ \t]*\r?\n")


class _State(Enum):
    CHUNK_LINE = auto()
    DATA = auto()
    DATA_END = auto()  # the line end behind a chunk's data
    TRAILERS = auto()
    END = auto()


def decoder_for(request: HttpRequest, claim: Claim, signing_key: bytes) -> "Decoder":
    """The decoder of a verified request's body; `claim.payload_mode` is one of the chunked ones."""
    declared = request.header("x-amz-decoded-content-length")
    if declared is None:
        raise aws_error("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    if not re.fullmatch(r"[0-9]{1,18}", declared):
        raise aws_error("InvalidArgument", "Invalid value for x-amz-decoded-content-length.", 400)
    names = [name.strip().lower() for name in (request.header("x-amz-trailer") or "").split(",") if name.strip()]
    return Decoder(
        claim.payload_mode,
        decoded_length=int(declared),
        trailer_names=names,
        seed_signature=claim.signature,
        signing_key=signing_key,
        amz_date=claim.amz_date,
        scope=claim.scope,
    )


class Decoder:
    """One body. Raises SignatureProblem for a wrong signature, AwsError (S3's) for anything else; then it is dead."""

    def __init__(
        self,
        mode: PayloadMode,
        *,
        decoded_length: int,
        trailer_names: Sequence[str] = (),
        seed_signature: str = "",
        signing_key: bytes = b"",
        amz_date: str = "",
        scope: str = "",
    ) -> None:
        assert mode.is_chunked, f"{mode} has no chunks"
        self._signed = mode is not PayloadMode.UNSIGNED_TRAILER
        self._awaited = set(trailer_names) if mode is not PayloadMode.CHUNKS else set()
        if mode is PayloadMode.CHUNKS_TRAILER:
            self._awaited.add(TRAILER_SIGNATURE)
        self._left = decoded_length  # of the whole body
        self._key, self._amz_date, self._scope = signing_key, amz_date, scope
        self._previous = seed_signature
        self._state = _State.CHUNK_LINE
        self._line = bytearray()  # an incomplete one
        self._chunk_left = 0
        self._chunk_signature = ""
        self._chunk_was_short = False
        self._hash = sha256()
        self._trailers: dict[str, str] = {}
        self._trailer_bytes = 0
        self._blank_lines = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the body; the decoded data among them."""
        decoded: list[bytes] = []
        position = 0
        while position < len(data):
            if self._state is _State.DATA:
                piece = data[position : position + self._chunk_left]
                position += len(piece)
                self._take_data(piece)
                decoded.append(piece)
            else:
                position = self._take_line(data, position)
        return decoded

    def finish(self) -> dict[str, str]:
        """The body has ended: raise unless it was whole and every signature held, else its trailers by name."""
        if self._state not in (_State.TRAILERS, _State.END) or self._line or self._left:
            raise _incomplete()
        # A body may end behind its last trailer without the blank line; one without trailers may not.
        if self._awaited:
            raise _malformed_trailer()
        if self._state is _State.TRAILERS and not self._trailers:
            raise _incomplete()
        return self._trailers

    def _take_line(self, data: bytes, position: int) -> int:
        """Take bytes up to the next line end and act on the line if it is complete."""
        end = data.find(b"\n", position) + 1
        stop = end or len(data)
        self._line += data[position : min(stop, position + TRAILER_BYTES_MAX + 1)]
        in_trailers = self._state in (_State.TRAILERS, _State.END)
        if len(self._line) > (TRAILER_BYTES_MAX if in_trailers else CHUNK_LINE_BYTES_MAX):
            raise _malformed_trailer() if in_trailers else _incomplete()
        if end:
            line = bytes(self._line)
            self._line.clear()
            if self._state is _State.CHUNK_LINE:
                self._start_chunk(line)
            elif self._state is _State.DATA_END:
                if line != b"\r\n":
                    raise _incomplete()
                self._state = _State.CHUNK_LINE
            else:
                self._take_trailer(line)
        return stop

    def _start_chunk(self, line: bytes) -> None:
        match = (_SIGNED_LINE if self._signed else _UNSIGNED_LINE).fullmatch(line)
        if match is None:
            raise _incomplete()
        size = int(match[1], 16)
        if size > self._left:
            raise _wrong_length()
        if self._signed:
            self._chunk_signature = match[2].decode("ascii")
        if size == 0:
            if self._left:
                raise _wrong_length()
            self._end_chunk()
            self._state = _State.TRAILERS
            return
        if self._chunk_was_short:
            raise aws_error(
                "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes", 400
            )
        self._chunk_was_short = size < CHUNK_BYTES_MIN
        self._chunk_left = size
        self._left -= size
        self._state = _State.DATA

    def _take_data(self, piece: bytes) -> None:
        if self._signed:
            self._hash.update(piece)
        self._chunk_left -= len(piece)
        if self._chunk_left == 0:
            self._end_chunk()
            self._state = _State.DATA_END

    def _end_chunk(self) -> None:
        if not self._signed:
            return
        self._check(
            f"AWS4-HMAC-SHA256-PAYLOAD\n{self._amz_date}\n{self._scope}\n{self._previous}\n{_EMPTY_SHA256}"
            f"\n{self._hash.hexdigest()}",
            self._chunk_signature,
        )
        self._hash = sha256()

    def _take_trailer(self, line: bytes) -> None:
        if line in (b"\r\n", b"\n"):
            self._blank_lines += 1
            if self._blank_lines > BLANK_LINES_MAX:
                raise _malformed_trailer()
            if not self._awaited:
                self._state = _State.END
            return
        self._trailer_bytes += len(line)
        match = _TRAILER_LINE.fullmatch(line)
        if match is None or self._state is _State.END or self._trailer_bytes > TRAILER_BYTES_MAX:
            raise _malformed_trailer()
        name, value = match[1].decode("ascii").lower(), match[2].decode("ascii")
        if name not in self._awaited:  # not announced by x-amz-trailer, or the second of its name
            raise _malformed_trailer()
        self._awaited.remove(name)
        if name != TRAILER_SIGNATURE:
            self._trailers[name] = value
            return
        if self._awaited:  # it comes last
            raise _malformed_trailer()
        canonical = "".join(f"{name}:{value}\n" for name, value in sorted(self._trailers.items()))
        digest = sha256(canonical.encode("ascii")).hexdigest()
        self._check(f"AWS4-HMAC-SHA256-TRAILER\n{self._amz_date}\n{self._scope}\n{self._previous}\n{digest}", value)

    def _check(self, string_to_sign: str, signature: str) -> None:
        computed = hmac_hex(self._key, string_to_sign)
        if not hmac.compare_digest(computed, signature):
            raise SignatureProblem(Kind.MISMATCH, string_to_sign=string_to_sign, signature=signature)
        self._previous = computed


def _incomplete() -> AwsError:
    return aws_error("IncompleteBody", "The request body terminated unexpectedly", 400)


def _wrong_length() -> AwsError:
    return aws_error(
        "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header", 400
    )


def _malformed_trailer() -> AwsError:
    return aws_error(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
        400,
    )
