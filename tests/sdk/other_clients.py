"""Clients that are not ours to depend on, installed beside the project: `python -m tests.sdk.other_clients`.

They lie in $XDG_CACHE_HOME/cloudlet-tests, each in a directory named by what it holds. Tests never fetch anything by
themselves, except under CLOUDLET_REQUIRE_ALL=1; else they skip and say so.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

INSTALL_GUARD_S = 300
JAVASCRIPT = tuple(
    f"@aws-sdk/{name}"
    for name in (
        "client-cloudwatch@3.1164.0",
        "client-dynamodb@3.1169.0",
        "client-lambda@3.1164.0",
        "client-s3@3.1175.0",
        "client-sqs@3.1175.0",
        "lib-storage@3.1175.0",
        "s3-request-presigner@3.1169.0",
    )
)
OLD_BOTO3 = ("boto3==1.28.57", "botocore==1.31.57")  # the last months in which SQS spoke query
AWS_CLI = ("awscli==1.46.3", "botocore==1.43.62")
SAM_CLI = ("aws-sam-cli==1.170.0",)


class CannotInstall(Exception):
    """What is missing on this machine."""


def install_javascript(directory: Path) -> None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise CannotInstall("node and npm (Debian: 'apt install nodejs npm')")
    (directory / "package.json").write_text(json.dumps({"private": True}))
    _run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", *JAVASCRIPT, cwd=directory)


def install_python(*requirements: str) -> Callable[[Path], None]:
    def install(directory: Path) -> None:
        venv.create(directory, symlinks=True)
        python = str(directory / "bin" / "python")
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", python)
        _run(*pip, "install", "--only-binary", ":all:", *requirements, cwd=directory)

    return install


def _run(*command: str, cwd: Path) -> None:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=INSTALL_GUARD_S, check=False)
    if ended.returncode:
        raise CannotInstall(f"{' '.join(command[:3])} … failed: {(ended.stderr or ended.stdout)[-2000:]}")


class OtherClient(NamedTuple):
    name: str
    meaning: str
    packages: tuple[str, ...]
    install: Callable[[Path], None]

    @property
    def directory(self) -> Path:
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        python = "" if self.name == "javascript" else sys.version
        content = hashlib.sha256(" ".join((python, *self.packages)).encode()).hexdigest()[:12]
        return Path(cache) / "cloudlet-tests" / f"{self.name}-{content}"

    @property
    def is_installed(self) -> bool:
        return (self.directory / "complete").exists()

    def ensure(self) -> Path:
        """Where it is, after installing it if need be; two at once do it once."""
        directory = self.directory
        directory.parent.mkdir(parents=True, exist_ok=True)
        with directory.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.is_installed:
                print(f"Installing {self.meaning} in {directory} …", file=sys.stderr, flush=True)
                shutil.rmtree(directory, ignore_errors=True)
                directory.mkdir()
                self.install(directory)
                (directory / "complete").touch()
        return directory

    def required(self) -> Path:
        """For tests: where it is, or a skip that names what to do."""
        if not self.is_installed and not os.environ.get("CLOUDLET_REQUIRE_ALL"):
            pytest.skip(f"{self.meaning} is not installed: CLOUDLET_REQUIRE_ALL=1 ./scripts/test does it")
        return self.ensure()


javascript = OtherClient("javascript", "the AWS SDK for JavaScript v3", JAVASCRIPT, install_javascript)
old_boto3 = OtherClient("old-boto3", "boto3 of 2023", OLD_BOTO3, install_python(*OLD_BOTO3))
aws_cli = OtherClient("aws-cli", "the AWS CLI v1", AWS_CLI, install_python(*AWS_CLI))
sam_cli = OtherClient("sam-cli", "the SAM CLI (aws-sam-cli)", SAM_CLI, install_python(*SAM_CLI))


def main() -> int:
    try:
        for client in (javascript, old_boto3, aws_cli, sam_cli):
            client.ensure()
    except CannotInstall as error:
        print(f"Not installed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
