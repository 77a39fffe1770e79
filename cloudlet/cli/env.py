"""Print what to export so that AWS tools use the node: eval "$(cloudlet env)"."""

import argparse
import sys

from cloudlet.app.root_key import known_root_key
from cloudlet.app.run_file import find_running
from cloudlet.cli.running import root_key_of
from cloudlet.cli.settings import add_flags, settings_of


def configure(parser: argparse.ArgumentParser) -> None:
    add_flags(parser, "data", "port", "root_access_key_id", "root_secret_access_key")


def run(given: argparse.Namespace) -> int:
    settings = settings_of(given)
    running = find_running(settings)
    if running is not None:
        key = root_key_of(settings, running)
        url = running.url
    else:
        print(f"No node serves {settings.data}; this is where `cloudlet up` would listen.", file=sys.stderr)
        key = known_root_key(settings) or ("test", "test")
        url = f"http://127.0.0.1:{settings.port}"
    print("\n".join(exports(url, key)))
    return 0


def exports(url: str, key: tuple[str, str]) -> list[str]:
    key_id, secret = key
    return [
        f"export AWS_ENDPOINT_URL={url}",
        f"export AWS_ACCESS_KEY_ID={key_id}",
        f"export AWS_SECRET_ACCESS_KEY={secret}",
        "export AWS_DEFAULT_REGION=us-east-1",
    ]
