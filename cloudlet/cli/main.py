"""The `cloudlet` command: one subcommand a file, found in COMMANDS."""

import argparse
import sys
from collections.abc import Sequence

from cloudlet import __version__
from cloudlet.base.config import SettingsError
from cloudlet.cli import check, clock, demo, deploy, down, env, logs, mail, reset, status, up
from cloudlet.cli.failure import Failure

COMMANDS = (up, down, env, status, deploy, logs, mail, clock, demo, check, reset)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="cloudlet", description="AWS's serverless stack on your own machines.")
    parser.add_argument("--version", action="version", version=f"cloudlet {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2]
        summary = (module.__doc__ or "").partition("\n")[0]
        module.configure(commands.add_parser(name, help=summary, description=module.__doc__))
    given = parser.parse_args(arguments)
    module = next(module for module in COMMANDS if module.__name__.endswith(f".{given.command}"))
    try:
        return module.run(given) or 0
    except (Failure, SettingsError) as error:
        print(f"cloudlet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
