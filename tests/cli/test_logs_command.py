"""cloudlet logs: what a function wrote, and what it goes on writing."""

import json
import subprocess
import threading
from pathlib import Path

import pytest
from command_line import HANG_GUARD_S, Cloudlet

pytestmark = pytest.mark.slow


def test_logs_shows_a_functions_lines_and_follows_new_ones(cloudlet: Cloudlet, project: Path) -> None:
    assert cloudlet.deploy(project, "--parameter", "Word=hello").returncode == 0
    invoke = cloudlet.stage.clients()("lambda").invoke
    invoke(FunctionName="echo", Payload=json.dumps({"n": 1}))
    shown = cloudlet.stage.wait_until(
        "the line", lambda: text if "{'n': 1}" in (text := cloudlet("logs", "echo").stdout) else None, 10
    )
    assert "said hello" in shown and "REPORT RequestId:" in shown

    following = subprocess.Popen(
        cloudlet.command("logs", "-f", "--filter", "said", "/aws/lambda/echo"), text=True,
        env=cloudlet.stage.environment(), stdout=subprocess.PIPE,
    )  # fmt: skip
    guard = threading.Timer(HANG_GUARD_S, following.kill)
    guard.start()
    try:
        assert following.stdout is not None
        assert "{'n': 1}" in following.stdout.readline()
        invoke(FunctionName="echo", Payload=json.dumps({"n": 2}))
        assert "{'n': 2}" in following.stdout.readline()
    finally:
        guard.cancel()
        following.kill()
        following.communicate()


def test_logs_of_nothing_say_what_was_looked_for(cloudlet: Cloudlet) -> None:
    nothing = cloudlet("logs", "nobody")
    assert (nothing.returncode, nothing.stderr) == (
        1, "cloudlet: there is no log group /aws/lambda/nobody or nobody\n",
    )  # fmt: skip
