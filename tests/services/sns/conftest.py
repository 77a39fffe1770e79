"""A node that has its signing key already: making one takes a tenth of a second."""

from collections.abc import Iterator

import pytest

from cloudlet.kit.secrets import Sealer
from cloudlet.services.sns import signing
from cloudlet.services.sns.keys import SIGNING_KEY
from cloudlet.services.sns.records import SigningKey
from tests.client import NODE_KEY, TestNode
from tests.services.sns.web_server import WebServer


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    return signing.make(Sealer(NODE_KEY), 1_767_225_600_000)


@pytest.fixture
def node(signing_key: SigningKey) -> Iterator[TestNode]:
    with TestNode() as running:
        running.node.database.transact(lambda tx: tx.put(SIGNING_KEY, signing_key.encode()))
        yield running


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server
