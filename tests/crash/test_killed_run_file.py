"""A killed node leaves its running.json behind, and its pid may be anybody's by now."""

import fcntl
import os
import signal
import threading
import time

import pytest

from cloudlet.app.run_file import CannotServe, RunFile, Running, find_running
from cloudlet.base.config import Settings
from tests.crash.node_process import HANG_GUARD_S, NodeProcess, cloudlet


def test_a_node_that_lives_is_found(tmp_path):
    settings, run_file = Settings(data=tmp_path), RunFile(Settings(data=tmp_path))
    assert find_running(settings) is None
    run_file.write(Running(1, "http://127.0.0.1:1", True))
    found = find_running(settings)
    assert found is not None and (found.pid, found.url) == (1, "http://127.0.0.1:1")
    with pytest.raises(CannotServe):
        RunFile(settings).write(Running(2, "http://127.0.0.1:2", True))
    run_file.remove()
    assert find_running(settings) is None and list(tmp_path.iterdir()) == []


def test_who_could_not_have_it_leaves_the_file_alone(tmp_path):
    settings, mine, yours = (Settings(data=tmp_path), *(RunFile(Settings(data=tmp_path)) for _ in range(2)))
    yours.write(Running(1, "http://127.0.0.1:1", True))
    with pytest.raises(CannotServe):
        mine.write(Running(2, "http://127.0.0.1:2", True))
    mine.remove()
    assert find_running(settings) is not None
    yours.remove()


def test_who_looks_for_a_node_at_the_moment_it_starts_is_not_in_its_way(tmp_path):
    (tmp_path / "running.json").touch()
    looking = os.open(tmp_path / "running.json", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    gone = threading.Timer(0.05, os.close, [looking])
    gone.start()
    run_file = RunFile(Settings(data=tmp_path))
    run_file.write(Running(1, "http://127.0.0.1:1", True))
    assert find_running(Settings(data=tmp_path)) is not None
    gone.join()
    run_file.remove()


@pytest.mark.slow
def test_a_reused_pid_neither_bars_a_start_nor_is_stopped(tmp_path):
    with NodeProcess(tmp_path) as node:
        until = time.monotonic() + HANG_GUARD_S
        while find_running(Settings(data=node.data)) is None:  # written a moment after the first answer
            assert time.monotonic() < until, "a node that serves is not found"
            time.sleep(0.01)
        node.kill()
    left = (node.data / "running.json").read_text()
    (node.data / "running.json").write_text(left.replace(f'"pid":{node.pid}', f'"pid":{os.getpid()}'))
    stopped = []
    before = signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    try:
        down = cloudlet("down", "--data", node.data)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (down.returncode, stopped) == (0, [])
    with NodeProcess(tmp_path) as second:
        assert second.stop() == 0
