"""Lambda with a role to run as. `fn`: a new node for each test; `running`: one for a module, where functions run."""

from collections.abc import Iterator

import pytest
from lambda_functions import Lambda

from tests.client import TestNode


@pytest.fixture
def fn(node: TestNode) -> Iterator[Lambda]:
    lambda_ = Lambda(node)
    lambda_.make_role()
    yield lambda_
    node.run(node.house.functions.close())


@pytest.fixture(scope="module")
def running() -> Iterator[Lambda]:
    """Functions are run for real, in the strongest isolation that works here."""
    with TestNode() as node:
        lambda_ = Lambda(node)
        lambda_.make_role()
        yield lambda_
        node.run(node.house.functions.close())
