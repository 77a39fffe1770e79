"""Print what to export so that AWS tools use the node: eval "$(cloudlet env)"."""

import argparse

from cloudlet.app.root_key import root_key
from cloudlet.base.config import Settings
from cloudlet.cli.running import find_running
from cloudlet.cli.settings import add_flags, settings_of


def configure(parser: argparse.ArgumentParser) -> None:
    add_flags(parser, "data", "host", "port", "functions_network", "root_access_key_id", "root_secret_access_key")


def run(given: argparse.Namespace) -> int:
    settings = settings_of(given)
    running = find_running(settings)
    if running is not None:
        url, takes_test = running.url, running.takes_test
    else:
        url = f"http://127.0.0.1:{settings.port}"
        takes_test = settings.is_loopback and settings.functions_network == "private"
    print("\n".join(exports(settings, url, takes_test=takes_test)))
    return 0


def exports(settings: Settings, url: str, *, takes_test: bool) -> list[str]:
    key_id, secret = root_key(settings, takes_test) or ("test", "test")
    return [
        f"export AWS_ENDPOINT_URL={url}",
        f"export AWS_ACCESS_KEY_ID={key_id}",
        f"export AWS_SECRET_ACCESS_KEY={secret}",
        "export AWS_DEFAULT_REGION=us-east-1",
    ]
