"""How many connections are taken, by how many files the process may have open."""

import resource

import pytest

from cloudlet.app.descriptors import connections_that_fit, raise_limit


@pytest.mark.parametrize(
    ("descriptors", "fit"), [(65_536, 10_000), (20_000, 10_000), (4096, 2776), (1024, 216), (256, 42), (10, 1)]
)
def test_clients_leave_the_store_its_files(descriptors: int, fit: int) -> None:
    assert connections_that_fit(descriptors, 10_000) == fit
    assert fit == 1 or fit * 1.1 + 16 <= descriptors - 200 or fit * 1.1 + 16 <= descriptors / 4


def test_the_soft_limit_becomes_the_hard_one() -> None:
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 600), hard))
        raised = raise_limit()
        assert raised == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 600
        assert raise_limit() == raised
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
