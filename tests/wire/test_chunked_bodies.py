"""aws-chunked bodies in every mode, fed whole and byte by byte, and each broken in every place it can break.

The published examples: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

import hmac
from hashlib import sha256

import pytest

from cloudlet.base.checksums import digest_base64
from cloudlet.base.errors import AwsError
from cloudlet.wire.chunked import TRAILER_BYTES_MAX, Decoder, decoder_for
from cloudlet.wire.message import HttpRequest
from cloudlet.wire.sigv4 import (
    PayloadMode,
    SignatureProblem,
    SigningKeys,
    read_credentials,
    sign,
    signing_key,
    verify,
)

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEY = signing_key(SECRET, "20130524", "us-east-1", "s3")
DATE, SCOPE = "20130524T000000Z", "20130524/us-east-1/s3/aws4_request"
EMPTY = sha256(b"").hexdigest()
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
TRAILER_SEED = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
CHUNKS, CHUNKS_TRAILER = PayloadMode.CHUNKS, PayloadMode.CHUNKS_TRAILER
UNSIGNED_TRAILER = PayloadMode.UNSIGNED_TRAILER
DATA = bytes(range(256)) * 50  # two chunks: 8192 and 4608 bytes
DATA_BYTES = len(DATA)
CRC32C = "x-amz-checksum-crc32c"


def mac(text):
    return hmac.new(KEY, text.encode(), "sha256").hexdigest()


def encode(mode, chunks, trailers=(), seed=SEED):
    """The body as a client makes it, in pieces: one a chunk, one a trailer, and the last line end."""
    pieces, previous = [], seed
    for chunk in [*chunks, b""]:
        line = f"{len(chunk):x}"
        if mode is not UNSIGNED_TRAILER:
            hashed = sha256(chunk).hexdigest()
            previous = mac(f"AWS4-HMAC-SHA256-PAYLOAD\n{DATE}\n{SCOPE}\n{previous}\n{EMPTY}\n{hashed}")
            line += f";chunk-signature={previous}"
        pieces.append(line.encode() + b"\r\n" + chunk + (b"\r\n" if chunk else b""))
    pieces += [f"{name}:{value}\r\n".encode() for name, value in trailers]
    if mode is CHUNKS_TRAILER:
        hashed = sha256("".join(f"{name}:{value}\n" for name, value in sorted(trailers)).encode()).hexdigest()
        signature = mac(f"AWS4-HMAC-SHA256-TRAILER\n{DATE}\n{SCOPE}\n{previous}\n{hashed}")
        pieces.append(f"x-amz-trailer-signature:{signature}\r\n".encode())
    return [*pieces, b"\r\n"]


def trailers_of(mode):
    return [] if mode is CHUNKS else [(CRC32C, digest_base64("CRC32C", DATA))]


def body_of(mode):
    return b"".join(encode(mode, [DATA[:8192], DATA[8192:]], trailers_of(mode)))


def new_decoder(mode, *, length=DATA_BYTES, names=(CRC32C,), seed=SEED):
    return Decoder(
        mode,
        decoded_length=length,
        trailer_names=names,
        seed_signature=seed,
        signing_key=KEY,
        amz_date=DATE,
        scope=SCOPE,
    )


def decode(decoder, body, step):
    pieces = [piece for start in range(0, len(body), step) for piece in decoder.feed(body[start : start + step])]
    return b"".join(pieces), decoder.finish()


def refusal(mode, body, step=1_000_000, **options):
    """The error's code; for a signature that doesn't hold, S3's name of that."""
    with pytest.raises((AwsError, SignatureProblem)) as refused:
        decode(new_decoder(mode, **options), body, step)
    if isinstance(refused.value, SignatureProblem):
        return refused.value.to_error("rest-xml", "s3").code
    return refused.value.code


every_mode = pytest.mark.parametrize("mode", [CHUNKS, CHUNKS_TRAILER, UNSIGNED_TRAILER])
signed_mode = pytest.mark.parametrize("mode", [CHUNKS, CHUNKS_TRAILER])
trailer_mode = pytest.mark.parametrize("mode", [CHUNKS_TRAILER, UNSIGNED_TRAILER])
every_step = pytest.mark.parametrize("step", [1, 7, 1_000_000])


# --- what AWS publishes ---


def published(trailer=()):
    chunk = "{};chunk-signature={}\r\n"
    a, b, c = (
        (
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        )
        if trailer
        else (
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        )
    )
    head = [chunk.format("10000", a), "a" * 65536 + "\r\n", chunk.format("400", b), "a" * 1024 + "\r\n"]
    return "".join([*head, chunk.format("0", c), *trailer]).encode()


PUBLISHED_TRAILER = [
    "x-amz-checksum-crc32c:sOO8/Q==",
    "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
]


@pytest.mark.parametrize("step", [1000, 1_000_000])
def test_published_chunked_upload_decodes(step):
    body = published() + b"\r\n"
    assert len(body) == 66824  # the example's Content-Length
    assert decode(new_decoder(CHUNKS, length=66560), body, step) == (b"a" * 66560, {})


@pytest.mark.parametrize(
    "layout",
    ["{0}\r\n{1}\r\n\r\n", "{0}\r\n{1}\r\n", "{0}\n\r\n{1}\r\n\r\n", "\r\n{0}\r\n{1}\r\n\r\n"],
    ids=["as SDKs send it", "no last line end", "as the documentation prints it", "one line end too many"],
)
def test_published_trailer_decodes_however_its_lines_end(layout):
    body = published([layout.format(*PUBLISHED_TRAILER)])
    decoded, trailers = decode(new_decoder(CHUNKS_TRAILER, length=66560, seed=TRAILER_SEED), body, 4096)
    assert (decoded, trailers) == (b"a" * 66560, {CRC32C: "sOO8/Q=="})


def test_published_request_gives_the_seed_signature():
    """From the headers to the decoded body, with the example's own seed signature."""
    names = "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length"
    request = HttpRequest(
        "PUT",
        "/examplebucket/chunkObject.txt",
        "",
        [
            ("host", "s3.amazonaws.com"),
            ("x-amz-date", DATE),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            (
                "authorization",
                f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{SCOPE},"
                f"SignedHeaders={names};x-amz-storage-class,Signature={SEED}",
            ),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("content-length", "66824"),
        ],
    )
    keys = SigningKeys()
    claim = read_credentials(request)
    verify(request, claim, SECRET, wall_ms=claim.signed_at_ms, body_sha256=None, signing_key_cache=keys)
    decoder = decoder_for(request, claim, keys.get(claim, SECRET))
    assert decode(decoder, published() + b"\r\n", 70_000) == (b"a" * 66560, {})


# --- what is whole ---


@every_mode
@every_step
def test_whole_body_decodes_in_pieces_of_any_size(mode, step):
    assert decode(new_decoder(mode), body_of(mode), step) == (DATA, dict(trailers_of(mode)))


@every_mode
def test_empty_body_decodes(mode):
    body = b"".join(encode(mode, [], trailers_of(mode)))
    assert decode(new_decoder(mode, length=0), body, 1) == (b"", dict(trailers_of(mode)))


def test_data_is_handed_out_before_its_chunk_is_complete():
    decoder = new_decoder(CHUNKS)
    assert b"".join(decoder.feed(body_of(CHUNKS)[:1000])) == DATA[: 1000 - len("2000;chunk-signature=\r\n") - 64]


@trailer_mode
def test_several_trailers_are_signed_in_the_order_of_their_names(mode):
    trailers = [("x-amz-checksum-sha1", "b=="), ("x-amz-checksum-crc32", "a==")]
    body = b"".join(encode(mode, [DATA], trailers))
    assert decode(new_decoder(mode, names=[name for name, _ in trailers]), body, 5)[1] == dict(trailers)


def test_unsigned_body_that_announces_no_trailer_needs_none():
    body = b"".join(encode(UNSIGNED_TRAILER, [DATA]))
    assert decode(new_decoder(UNSIGNED_TRAILER, names=()), body, 3) == (DATA, {})


# --- what is broken ---


@signed_mode
@every_step
@pytest.mark.parametrize("at", [100, 8000, 8192 + 90 + 100])
def test_corrupted_data_of_a_signed_chunk_is_refused(mode, step, at):
    body = bytearray(body_of(mode))
    body[at] ^= 1
    assert refusal(mode, bytes(body), step) == "SignatureDoesNotMatch"


@signed_mode
@pytest.mark.parametrize("number", [0, 1, 2])
def test_corrupted_chunk_signature_is_refused(mode, number):
    pieces = encode(mode, [DATA[:8192], DATA[8192:]], trailers_of(mode))
    head, _, rest = pieces[number].partition(b"chunk-signature=")
    flipped = b"0" if rest[:1] != b"0" else b"1"
    pieces[number] = head + b"chunk-signature=" + flipped + rest[1:]
    assert refusal(mode, b"".join(pieces)) == "SignatureDoesNotMatch"


@signed_mode
def test_chunks_in_another_order_are_refused(mode):
    pieces = encode(mode, [DATA[:8192], DATA[:8192][::-1]], trailers_of(mode))
    pieces[0], pieces[1] = pieces[1], pieces[0]
    assert refusal(mode, b"".join(pieces), length=16384) == "SignatureDoesNotMatch"


@signed_mode
def test_chunks_of_another_request_are_refused(mode):
    assert refusal(mode, body_of(mode), seed=TRAILER_SEED) == "SignatureDoesNotMatch"


def test_corrupted_signed_trailer_is_refused():
    pieces = encode(CHUNKS_TRAILER, [DATA], trailers_of(CHUNKS_TRAILER))
    altered = [*pieces[:-3], f"{CRC32C}:AAAAAA==\r\n".encode(), *pieces[-2:]]
    assert refusal(CHUNKS_TRAILER, b"".join(altered)) == "SignatureDoesNotMatch"


def test_corrupted_trailer_signature_is_refused():
    pieces = encode(CHUNKS_TRAILER, [DATA], trailers_of(CHUNKS_TRAILER))
    pieces[-2] = pieces[-2][:-6] + b"0000\r\n"
    assert refusal(CHUNKS_TRAILER, b"".join(pieces)) == "SignatureDoesNotMatch"


def test_signed_trailer_without_its_signature_is_refused():
    pieces = encode(CHUNKS_TRAILER, [DATA], trailers_of(CHUNKS_TRAILER))
    assert refusal(CHUNKS_TRAILER, b"".join([*pieces[:-2], pieces[-1]])) == "MalformedTrailerError"


@trailer_mode
@every_step
@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"x-amz-meta-other:1\r\n",
        b"no colon\r\n",
        b":\r\n",
        b"a b:c\r\n",
        CRC32C.encode() + b":\r\n",
        b"\xff:\xff\r\n",
    ],
    ids=["missing", "not announced", "no colon", "no name", "space in the name", "no value", "not ASCII"],
)
def test_malformed_trailer_is_refused(mode, step, line):
    pieces = encode(mode, [DATA], [])
    at = -2 if mode is CHUNKS_TRAILER else -1
    assert refusal(mode, b"".join([*pieces[:at], line, *pieces[at:]]), step) == "MalformedTrailerError"


@trailer_mode
def test_trailer_given_twice_is_refused(mode):
    body = b"".join(encode(mode, [DATA], trailers_of(mode) * 2))
    assert refusal(mode, body) == "MalformedTrailerError"


def test_trailer_in_a_body_without_trailers_is_refused():
    body = b"".join(encode(CHUNKS, [DATA], trailers_of(CHUNKS_TRAILER)))
    assert refusal(CHUNKS, body) == "MalformedTrailerError"


@every_mode
@every_step
def test_body_cut_anywhere_is_refused(mode, step):
    body = body_of(mode)
    last_needed = len(body) - (3 if mode is not CHUNKS else 1)  # a body may end behind its last trailer
    for length in [*range(0, 200, 13), len(body) // 2, *range(last_needed - 150, last_needed, 13), last_needed]:
        assert refusal(mode, body[:length], step if length < 9000 else 997) in (
            "IncompleteBody",
            "MalformedTrailerError",
        )


@every_mode
@pytest.mark.parametrize("length", [len(DATA) - 1, len(DATA) + 1, 0, 8192])
def test_decoded_length_other_than_declared_is_refused(mode, length):
    assert refusal(mode, body_of(mode), length=length) == "IncompleteBody"


@every_mode
def test_bytes_behind_the_end_are_refused(mode):
    for rest in (b"x\r\n", b"0\r\n", b"\r\n\r\n\r\n", b"x"):
        assert refusal(mode, body_of(mode) + rest) in ("MalformedTrailerError", "IncompleteBody")


@every_step
@pytest.mark.parametrize(
    "line",
    [
        b"\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x1\r\n",
        b"1 \r\n",
        b"1;a=b\r\n",
        b"g\r\n",
        b"1\n",
        b"1_0\r\n",
        b"1" * 17 + b"\r\n",
    ],
)
def test_malformed_chunk_line_is_refused(line, step):
    assert refusal(UNSIGNED_TRAILER, line + b"x" * 20, step) == "IncompleteBody"
    assert refusal(CHUNKS, line + b"x" * 20, step) == "IncompleteBody"


def test_unsigned_chunk_in_a_signed_body_is_refused():
    assert refusal(CHUNKS, body_of(UNSIGNED_TRAILER)) == "IncompleteBody"


@every_mode
def test_only_the_last_chunk_may_be_small(mode):
    small = b"".join(encode(mode, [DATA[:8191], DATA[8191:]], trailers_of(mode)))
    assert refusal(mode, small) == "InvalidChunkSizeError"


def test_data_longer_than_its_chunk_says_is_refused():
    for rest in (b"d\r\n", b"\n", b"\rd\n"):
        body = b"3\r\nabc" + rest + b"0\r\n\r\n"
        assert refusal(UNSIGNED_TRAILER, body, length=3, names=()) == "IncompleteBody"


def test_wrong_length_is_refused_as_soon_as_it_shows():
    with pytest.raises(AwsError, match="number of bytes"):
        new_decoder(UNSIGNED_TRAILER, length=3).feed(b"4\r\n")
    decoder = new_decoder(UNSIGNED_TRAILER, length=3)
    decoder.feed(b"2\r\nab\r\n")
    with pytest.raises(AwsError, match="number of bytes"):
        decoder.feed(b"0\r\n")


@pytest.mark.parametrize("step", [1, 1000, 1_000_000])
def test_endless_lines_are_refused_without_being_kept(step):
    decoder = new_decoder(UNSIGNED_TRAILER, length=0)
    decoder.feed(b"0\r\n")
    taken = 0
    with pytest.raises(AwsError, match="not well-formed"):
        for _ in range(2_000_000 // step):
            taken += step
            decoder.feed(b"x" * step)
    assert taken <= max(step, TRAILER_BYTES_MAX + step)
    with pytest.raises(AwsError, match="terminated unexpectedly"):
        new_decoder(CHUNKS).feed(b"1" * 257)


def test_endless_trailers_are_refused():
    names = [f"x-amz-meta-{number}" for number in range(1000)]
    body = b"".join(encode(UNSIGNED_TRAILER, [], [(name, "v" * 50) for name in names]))
    assert refusal(UNSIGNED_TRAILER, body, length=0, names=names) == "MalformedTrailerError"


# --- from a request ---


def chunked_request(*headers):
    request = HttpRequest("PUT", "/b/k", "", [("host", "localhost"), *headers])
    added = sign(
        request,
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret=SECRET,
        region="us-east-1",
        service="s3",
        wall_ms=1_369_353_600_000,
        payload_hash=UNSIGNED_TRAILER.value,
    )
    return HttpRequest("PUT", "/b/k", "", [*request.headers, *added])


def test_request_announces_its_length_and_trailers():
    request = chunked_request(("x-amz-decoded-content-length", "3"), ("x-amz-trailer", f" {CRC32C.title()} "))
    decoder = decoder_for(request, read_credentials(request), b"")
    assert decode(decoder, b"3\r\nabc\r\n0\r\n" + CRC32C.encode() + b":NkuzNw==\r\n\r\n", 1) == (
        b"abc",
        {CRC32C: "NkuzNw=="},
    )


def test_request_without_decoded_length_is_refused():
    request = chunked_request()
    with pytest.raises(AwsError) as refused:
        decoder_for(request, read_credentials(request), b"")
    assert (refused.value.code, refused.value.status) == ("MissingContentLength", 411)
    for length in ("-1", "1e3", "9" * 30, ""):
        request = chunked_request(("x-amz-decoded-content-length", length))
        with pytest.raises(AwsError, match="x-amz-decoded-content-length"):
            decoder_for(request, read_credentials(request), b"")
