"""Coverage-guided fuzzing of everything that reads bytes from strangers. By hand, where atheris is installed:

    python -m tests.fuzz.fuzz [-max_total_time=600] [-max_len=2048] DIRECTORY

What it finds belongs into fuzz_corpus.json, whose entries every test run feeds to the same functions.
"""

import json
import pathlib
import sys

import atheris

with atheris.instrument_imports(include=["cloudlet.wire", "cloudlet.app"]):
    from tests.fuzz.fuzz_targets import TARGETS, run

CORPUS = pathlib.Path(__file__).with_name("fuzz_corpus.json")


def seed(directory: pathlib.Path) -> None:
    """The corpus as files, which is what atheris starts from."""
    directory.mkdir(parents=True, exist_ok=True)
    names = {target.__name__: number for number, target in enumerate(TARGETS)}
    for name, entries in json.loads(CORPUS.read_text()).items():
        for number, entry in enumerate(entries):
            (directory / f"{name}-{number}").write_bytes(bytes([names[name]]) + entry.encode("latin-1"))


if __name__ == "__main__":
    seed(pathlib.Path(sys.argv[-1]))
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()
