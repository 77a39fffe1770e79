"""A node for a module's tests, and a small project to deploy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CODE, TEMPLATE, Cloudlet

from cloudlet.cli.stories.stage import Stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        stage.start_node()
        yield stage


@pytest.fixture(scope="module")
def cloudlet(stage: Stage) -> Cloudlet:
    return Cloudlet(stage)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(CODE)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path
