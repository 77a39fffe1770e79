"""The `cloudlet` command: one subcommand a file of this folder, imported when it is named (or listed by --help)."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from cloudlet import __version__
from cloudlet.base.config import SettingsError
from cloudlet.cli.failure import Failure

COMMANDS = ("up", "down", "env", "status", "deploy", "logs", "mail", "clock", "demo", "check", "reset")


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    named = arguments[0] if arguments and arguments[0] in COMMANDS else None
    modules = {name: command(name) for name in ([named] if named else COMMANDS)}
    parser = argparse.ArgumentParser(prog="cloudlet", description="AWS's serverless stack on your own machines.")
    parser.add_argument("--version", action="version", version=f"cloudlet {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in modules.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        module.configure(commands.add_parser(name, help=summary, description=module.__doc__))
    given = parser.parse_args(arguments)
    try:
        return modules[given.command].run(given) or 0
    except (Failure, SettingsError) as error:
        print(f"cloudlet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def command(name: str) -> ModuleType:
    """The module of a subcommand: its docstring is the help, `configure` takes the parser, `run` what was given."""
    return importlib.import_module(f"cloudlet.cli.{name}")
