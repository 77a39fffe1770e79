"""`test`/`test` is known to every web page: a page of another site can sign, but must not be heard.

A browser sends such a request with the page's choice of URL (a presigned one needs no header), never of Host, Origin,
Sec-Fetch-Site or User-Agent.
"""

from collections.abc import Iterator

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloudlet.base.config import Settings
from cloudlet.wire.message import HttpRequest
from tests.client import TestNode
from tests.sdk_wire import _Clocked, to_http_request

BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36"}
TEST = ("test", "test")
SDK = {"user-agent": "Boto3/1.40 md/Botocore#1.40"}
# Hosts that lead to this machine's loopback, to which browsers don't say Sec-Fetch-Site over plain http.
UNTOLD = (
    "localhost.localstack.cloud:4566",
    "s3.localhost.localstack.cloud:4566",
    "0.0.0.0:4566",
    "[::ffff:7f00:1]:4566",
    "[::]:4566",
    "192.168.1.4:4566",
    "cloudlet:4566",
    "iam.amazonaws.com",
)
TOLD = ("127.0.0.1:4566", "127.8.9.1", "localhost:4566", "x.localhost:4566", "[::1]:4566")


class Presigner(_Clocked, botocore.auth.SigV4QueryAuth):
    pass


@pytest.fixture(scope="module")
def served() -> Iterator[TestNode]:
    with TestNode() as node:
        yield node


def made_by_a_page(node: TestNode, host: str, headers: dict[str, str], key: tuple[str, str] = TEST) -> HttpRequest:
    """<img src=…>: reads nothing back, but IAM's query protocol takes a GET."""
    request = AWSRequest("GET", f"http://{host}/?Action=ListUsers&Version=2010-05-08", headers={"Host": host})
    signer = Presigner(Credentials(*key), "iam", "us-east-1", expires=600)
    signer.wall_ms = node.clock.wall_ms()
    signer.add_auth(request)
    made = to_http_request(request)
    made.headers = [*(pair for pair in made.headers if pair[0] != "host"), ("host", host), *headers.items()]
    return made


@pytest.mark.parametrize("host", UNTOLD)
@pytest.mark.parametrize("key", [("test", "test"), ("111111111111", "test")])
def test_a_browser_that_does_not_say_whose_page_it_is_gets_no_root(
    served: TestNode, host: str, key: tuple[str, str]
) -> None:
    assert served.send(made_by_a_page(served, host, BROWSER, key)).status == 403


@pytest.mark.parametrize("host", [*UNTOLD, *TOLD])
def test_tools_may_use_any_of_these_hosts(served: TestNode, host: str) -> None:
    assert served.send(made_by_a_page(served, host, SDK)).status == 200


@pytest.mark.parametrize("host", TOLD)
@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "none, cross-site"])
def test_a_page_of_another_site_gets_no_root(served: TestNode, host: str, site: str) -> None:
    assert served.send(made_by_a_page(served, host, {**BROWSER, "sec-fetch-site": site})).status == 403


@pytest.mark.parametrize("host", TOLD)
@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_the_address_bar_and_our_own_pages_do(served: TestNode, host: str, site: str) -> None:
    assert served.send(made_by_a_page(served, host, {**BROWSER, "sec-fetch-site": site})).status == 200


@pytest.mark.parametrize("page", ["https://evil.example", "null", "http://localhost:3000", "http://localhost"])
def test_an_old_browser_names_the_page_of_its_post(served: TestNode, page: str) -> None:
    assert served.send(made_by_a_page(served, "localhost:4566", {**BROWSER, "origin": page})).status == 403
    own = made_by_a_page(served, "localhost:4566", {**BROWSER, "origin": "http://localhost:4566"})
    assert served.send(own).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example:4566", "127.0.0.1.evil.example", "localhost.evil.example", "", "0x7f.1"]
)
def test_a_name_that_was_rebound_to_loopback_is_unknown(served: TestNode, host: str) -> None:
    for headers in (SDK, BROWSER, {**BROWSER, "sec-fetch-site": "same-origin"}):
        assert served.send(made_by_a_page(served, host, headers)).status in (400, 403)


def test_a_key_that_no_page_knows_may_be_used_in_a_browser() -> None:
    settings = Settings(host="0.0.0.0", root_access_key_id="AKIAOWNOWNOWNOWNOWNO", root_secret_access_key="s" * 40)
    with TestNode(settings=settings) as node:
        key = (settings.root_access_key_id, settings.root_secret_access_key)
        assert node.send(made_by_a_page(node, "192.168.1.4:4566", BROWSER, key)).status == 200
        assert node.send(made_by_a_page(node, "192.168.1.4:4566", SDK)).status == 403
