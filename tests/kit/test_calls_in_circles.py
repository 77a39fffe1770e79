"""Services that call each other without end are stopped by an error that they can see, and nothing of it is kept."""

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.kit.call import DEPTH_MAX, Call, Source, service_principal
from tests.client import ACCOUNT, REGION, TestNode


def test_a_call_within_a_call_within_a_call_ends_at_eight(node: TestNode) -> None:
    sqs = node.node.services["sqs"]
    call = Call(
        node.node, sqs, "Test", account=ACCOUNT, region=REGION, principal=service_principal("sqs"), source=Source()
    )
    call.depth = DEPTH_MAX
    with pytest.raises(AwsError, match=r"sqs\.ListQueues is called by 8 services in a row") as refused:
        call.transact(lambda tx: call.aws("sqs", "ListQueues", {}, as_service="sns.amazonaws.com"))
    assert (refused.value.code, refused.value.status) == ("InternalFailure", 500)
