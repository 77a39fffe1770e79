"""./scripts/soak: kill a node, cut its power, keep it busy; a table in the end. Exit status 1 if anything was wrong."""

import argparse
import logging
import signal
import sys
import time
from pathlib import Path

from soak import large, life, outages

KILLS, CUTS, MINUTES = 100, 500, 10


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="./scripts/soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help=f"kill -9 under load (default {KILLS})")
    parser.add_argument("--cuts", type=int, default=CUTS, help=f"power cuts (default {CUTS})")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"of steady load (default {MINUTES})")
    parser.add_argument("--large", action=argparse.BooleanOptionalAction, default=True, help="kill a node with 1 GiB")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="to repeat a run")
    parser.add_argument("--picture", default="soak.svg", help="where the curves of the steady load go")
    given = parser.parse_args()
    logging.getLogger("cloudlet").setLevel(logging.ERROR)  # that logs end in garbage is what is done to them
    signal.signal(signal.SIGTERM, _interrupt)
    say(f"seed {given.seed}")
    rows: list[outages.Row] = [("seed", str(given.seed))]
    wrong: list[str] = []
    for count, run in ((given.kills, outages.kill), (given.cuts, outages.cut)):
        if count:
            done = run(count, given.seed, say)
            rows += done.rows()
            wrong += done.wrong
    if given.large:
        rows += large.large(given.seed, say).rows()
    if given.minutes:
        lived = life.live(given.minutes, say)
        rows += lived.rows()
        wrong += lived.wrong
        if lived.looks:
            Path(given.picture).write_text(lived.picture())
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")
    for what in wrong:
        print(f"WRONG: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
