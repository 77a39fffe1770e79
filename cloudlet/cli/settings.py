"""The settings' flags, the same for every command that opens a data directory or finds a node."""

import argparse
from dataclasses import fields
from pathlib import Path

from cloudlet.base.config import SETTINGS, Settings, read_settings

_DEFAULTS = {field.name: field.default for field in fields(Settings)}


def add_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    """The flags of the settings `names` (all of them if none is named)."""
    for setting in SETTINGS:
        if names and setting.field not in names:
            continue
        default = _DEFAULTS[setting.field]
        shown = f", default {default}" if default and not isinstance(default, tuple) else ""
        text = f"{setting.meaning} [{setting.variable}{shown}]"
        if isinstance(default, bool):
            parser.add_argument(setting.flag, action="store_true", default=None, help=text)
        elif setting.field == "data":
            parser.add_argument(setting.flag, type=Path, metavar="DIR", help=text)
        elif isinstance(default, int):
            parser.add_argument(setting.flag, type=int, metavar="N", help=text)
        elif isinstance(default, tuple):
            parser.add_argument(setting.flag, type=_listed, metavar="A,B", help=text)
        else:
            parser.add_argument(setting.flag, metavar="TEXT", help=text)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def settings_of(given: argparse.Namespace) -> Settings:
    return read_settings(vars(given))
