"""The corpus of the fuzzer (fuzz.py): what each reader of strangers' bytes has met, it still answers."""

import json
import random
from pathlib import Path

import pytest

from tests.fuzz.fuzz_targets import TARGETS, Target
from tests.hang_guard import hang_guard

CORPUS = {
    name: [entry.encode("latin-1") for entry in entries]
    for name, entries in json.loads(Path(__file__).with_name("fuzz_corpus.json").read_text()).items()
}
MUTATIONS = 10  # of each entry: what fuzzing without a guide would find


def mutated(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            del changed[at : at + chance.randint(1, 8)]
        elif kind == 1:
            changed[at:at] = chance.choice((b"\r\n", b"\n", b"\0", b"\xff", b"9" * 30, b"%", b"&", b"[" * 150, b":"))
        elif kind == 2:
            changed[at : at + 1] = chance.randbytes(1)
        else:
            changed[at:at] = changed[max(0, at - 9) : at]
    return bytes(changed)


def test_the_corpus_is_of_every_target():
    assert sorted(CORPUS) == sorted(target.__name__ for target in TARGETS)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_what_was_met_is_answered(target: Target) -> None:
    chance = random.Random(target.__name__)
    for entry in CORPUS[target.__name__]:
        for data in (entry, *(mutated(chance, entry) for _ in range(MUTATIONS))):
            with hang_guard():
                target(data)
