"""One node for the tests of clients that are not boto3 over plain HTTP: a real process, HTTP and TLS."""

from collections.abc import Iterator

import pytest

from tests.sdk.served import SCHEMES, ServedNode


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    with ServedNode(tmp_path_factory.mktemp("served")) as node:
        yield node


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    return request.param
