"""Functions on this machine: at every level that works here, their packages, their room, and what is told of it."""

import asyncio
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudlet.app import functions
from cloudlet.app.functions import HostFunctions
from cloudlet.app.server import Server
from cloudlet.app.wiring import House, build
from cloudlet.base.config import Settings
from cloudlet.kit.ports import CannotRun, CodePackage, Credentials, FunctionSpec, Invocation, NoCapacity
from tests.app.test_packages import archive

GUARD_S = 10


class Bench:
    """A house on disk whose functions are run by hand."""

    def __init__(self, data: Path | None, **settings: Any) -> None:
        self.runner = asyncio.Runner()
        self.house: House = build(Settings(data=data, **settings))
        self.server = Server(self.house.gateway.handle)
        self.port: HostFunctions = self.house.functions

    def run(self, work: Any) -> Any:
        async def guarded() -> Any:
            async with asyncio.timeout(GUARD_S):
                return await work

        return self.runner.run(guarded())

    def package(self, code: str, name: str = "app.py") -> CodePackage:
        async def store() -> str:
            writer = self.house.node.database.blobs.writer()
            await writer.write(archive((name, code.encode(), 0o644)).getvalue())
            return await writer.finish()

        return CodePackage(self.run(store()), hashlib.sha256(code.encode()).hexdigest())

    async def invoke(self, code: CodePackage, *layers: CodePackage, name: str = "f", payload: bytes = b"{}") -> bytes:
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
        spec = FunctionSpec(arn, name, "$LATEST", "python3.11", "app.handler", Path(), timeout_ms=9000, code_id="1")
        credentials = Credentials("ASIAEXAMPLE", "secret", "token", self.house.node.clock.wall_ms() + 3_600_000)
        invocation = Invocation("id", payload, 0, None, arn, "", credentials)
        return (await self.port.invoke(spec, invocation, code, layers)).payload

    def close(self) -> None:
        self.run(self.server.close())
        self.run(self.house.stop())
        self.house.node.database.close()
        self.runner.close()


@pytest.fixture
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory below which another user may be let in; pytest's own are private."""
    directory = tmp_path_factory.mktemp("functions")
    for path in (directory, directory.parent, directory.parent.parent):
        path.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def opened(data: Path | None, **settings: Any) -> Bench:
    bench = Bench(data, **settings)
    bench.run(bench.house.start(bench.server))
    return bench


READS = "import os, lib\ndef handler(event, context):\n    return [lib.value, os.getuid() != 0 or 'root']\n"


@pytest.mark.parametrize("level", ["namespaces", "landlock", "none"])
def test_packages_are_found_at_every_level(level: str, public: Path) -> None:
    bench = opened(public / "data", functions_level=level)
    if bench.port.stats()["level"] != level:
        bench.close()
        pytest.skip(bench.port.stats()["why"])
    code, layer = bench.package(READS), bench.package("value = 7", "python/lib.py")
    assert bench.run(bench.invoke(code, layer)) in (b"[7, true]", b'[7, "root"]')
    assert (bench.house.roots.find("test") is None) == (level != "namespaces")
    assert bench.house.gateway.roots is bench.house.roots
    assert bench.house.notices()[0].startswith(f"functions are isolated at level {level}")
    assert bench.house.node.controls.status()["FunctionsLevel"] == level
    bench.close()
    assert not (public / "data" / "functions").exists(), "unpacked code is a cache of this run"


def test_beyond_loopback_nothing_runs_without_isolation(public: Path) -> None:
    bench = opened(public / "data", functions_level="none", host="0.0.0.0")
    assert "run only for a node on loopback" in bench.house.notices()[0]
    with pytest.raises(CannotRun, match="nothing isolates functions"):
        bench.run(bench.invoke(bench.package("x = 1")))
    bench.close()


def test_a_package_needed_by_several_calls_is_unpacked_once() -> None:
    bench = Bench(None)
    code = bench.package("def handler(event, context):\n    return 1\n")

    async def three() -> list[bytes]:
        return await asyncio.gather(*(bench.invoke(code, name=f"f{number}") for number in range(3)))

    unpacked: list[str] = []
    original = bench.port._unpack_blob

    def counted(blob_id: str, path: Path) -> None:
        unpacked.append(blob_id)
        original(blob_id, path)

    bench.port._unpack_blob = counted  # type: ignore[method-assign]
    assert bench.run(three()) == [b"1"] * 3
    assert unpacked == [code.blob_id]
    bench.close()


def test_a_call_waits_for_room_and_is_refused_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(None, functions_max=1)
    code = bench.package("import time\ndef handler(event, context):\n    time.sleep(event)\n    return event\n")

    async def two() -> list[Any]:
        calls = (bench.invoke(code, name=name, payload=b"0.3") for name in ("a", "b"))
        return await asyncio.gather(*calls, return_exceptions=True)

    assert bench.run(two()) == [b"0.3", b"0.3"], "the second one had its turn"
    monkeypatch.setattr(functions, "ROOM_WAIT_S", 0.05)
    assert [type(answer) for answer in bench.run(two())] == [bytes, NoCapacity]
    bench.close()


def test_a_package_that_is_gone_or_damaged_is_named() -> None:
    bench = Bench(None)
    with pytest.raises(CannotRun, match="is not in this store"):
        bench.run(bench.invoke(CodePackage("local:" + "0" * 32, "0" * 64)))
    bench.close()
