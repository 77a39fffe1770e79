"""What earlier versions stored is read; and what a decision costs to read."""

from typing import Any

import pytest
from msgspec.structs import replace

from cloudlet.kit.policy import Principal
from cloudlet.kit.record import Record
from cloudlet.services.iam.keys import Keys
from cloudlet.services.iam.records import (
    AccessKey,
    Group,
    InstanceProfile,
    LastUse,
    Policy,
    PolicyVersion,
    Role,
    User,
)
from tests.client import ACCOUNT, TestNode

EVERYTHING = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'

_COMMON = (
    "a470617468a12fa76163636f756e74ac303030303030303030303030aa637265617465645f6d73cd03e8"  # path, account, created
)

STORED: list[tuple[Record, str]] = [
    (
        User("AIDA1", "ann", "/", ACCOUNT, 1000, {"k": "v"}, {"p": "{}"}, {"arn": "ANPA1"}, ["AGPA1"], "b", "ANPA2"),
        f"018ba26964a54149444131a46e616d65a3616e6e{_COMMON}a47461677381a16ba176a6696e6c696e6581a170a27b7d"
        "a8617474616368656481a361726ea5414e504131a667726f75707391a54147504131a8626f756e64617279a162"
        "ab626f756e646172795f6964a5414e504132",
    ),
    (
        Group("AGPA1", "g", "/", ACCOUNT, 1000, {"p": "{}"}, {"arn": ""}),
        f"0187a26964a54147504131a46e616d65a167{_COMMON}a6696e6c696e6581a170a27b7da8617474616368656481a361726ea0",
    ),
    (
        Role("AROA1", "r", "/", ACCOUNT, 1000, "{}", {"arn": "AIDA1"}, "d", 7200, {"k": "v"}),
        f"018aa26964a541524f4131a46e616d65a172{_COMMON}a57472757374a27b7dab747275737465645f69647381a361726e"
        "a54149444131ab6465736372697074696f6ea164ad6d61785f73657373696f6e5f73cd1c20a47461677381a16ba176",
    ),
    (
        Policy("ANPA1", "p", "/", ACCOUNT, 1000, 2000, "{}", 2, 3, "d", {"k": "v"}),
        f"018ba26964a5414e504131a46e616d65a170{_COMMON}aa757064617465645f6d73cd07d0a8646f63756d656e74a27b7d"
        "af64656661756c745f76657273696f6e02ae6c61746573745f76657273696f6e03ab6465736372697074696f6ea164"
        "a47461677381a16ba176",
    ),
    (
        PolicyVersion(2, "{}", 1000),
        "0183a66e756d62657202a8646f63756d656e74a27b7daa637265617465645f6d73cd03e8",
    ),
    (
        InstanceProfile("AIPA1", "i", "/", ACCOUNT, 1000, "AROA1"),
        f"0186a26964a54149504131a46e616d65a169{_COMMON}a7726f6c655f6964a541524f4131",
    ),
    (
        AccessKey("AKIA1", ACCOUNT, "AIDA1", b"\x00\x01", 1000, False),
        "0186a26964a5414b494131a76163636f756e74ac303030303030303030303030a7757365725f6964a54149444131"
        "ad7365616c65645f736563726574c4020001aa637265617465645f6d73cd03e8a969735f616374697665c2",
    ),
    (
        LastUse(1000, "sqs", "eu-west-1"),
        "0183a561745f6d73cd03e8a773657276696365a3737173a6726567696f6ea965752d776573742d31",
    ),
]


@pytest.mark.parametrize(("record", "stored"), STORED, ids=[type(record).__name__ for record, _ in STORED])
def test_stored_bytes_are_read(record: Record, stored: str) -> None:
    assert type(record).decode(bytes.fromhex(stored)) == record


class CountingTx:
    """A transaction that counts what is read of it."""

    def __init__(self, tx: Any) -> None:
        self.tx, self.gets = tx, 0

    def get(self, key: bytes) -> bytes | None:
        self.gets += 1
        return self.tx.get(key)


def test_a_decision_reads_the_user_its_groups_and_its_policies_once_each(node: TestNode) -> None:
    user = node.aws("iam", "CreateUser", UserName="ann")["User"]
    document = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
    for name in ("p", "q"):
        node.aws("iam", "CreatePolicy", PolicyName=name, PolicyDocument=document)
        node.aws("iam", "PutUserPolicy", UserName="ann", PolicyName=name, PolicyDocument=document)
    node.aws("iam", "CreateGroup", GroupName="g")
    node.aws("iam", "AddUserToGroup", UserName="ann", GroupName="g")
    node.aws("iam", "AttachGroupPolicy", GroupName="g", PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/p")
    node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/q")
    node.aws("iam", "AttachUserPolicy", UserName="ann", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    tx = node.node.database.begin()
    counting: Any = CountingTx(tx)
    principal = Principal(user["Arn"], ACCOUNT, "User", user_id=user["UserId"], name="ann")
    policies = node.node.identities.policies_of(counting, principal, None)
    assert [policy.name.rpartition("/")[2] for policy in policies.identity] == ["p", "q", "q", "ReadOnlyAccess", "p"]
    # The stamp, user, group, two of the account's own policies; AWS's own are not stored.
    assert counting.gets == 1 + 1 + 1 + 2
    assert node.node.identities.policies_of(counting, principal, None) is policies
    assert counting.gets == 5 + 1  # nothing changed, says the stamp
    tx.discard()


def test_policies_are_read_again_after_any_change_and_forgotten_with_one_that_is_undone(node: TestNode) -> None:
    user = node.aws("iam", "CreateUser", UserName="ann")["User"]
    principal = Principal(user["Arn"], ACCOUNT, "User", user_id=user["UserId"], name="ann")
    node.aws("iam", "PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=EVERYTHING)

    def names(tx: Any) -> list[str]:
        return [policy.name for policy in node.node.identities.policies_of(tx, principal, None).identity]

    database = node.node.database
    tx = database.begin()
    place = Keys(ACCOUNT).entity.key(user["UserId"])
    stored = tx.get(place)
    assert stored is not None and names(tx) == ["p"]
    with pytest.raises(ZeroDivisionError), tx.savepoint():
        tx.put(place, replace(User.decode(stored), inline={}).encode())
        assert names(tx) == []
        raise ZeroDivisionError
    assert names(tx) == ["p"]
    tx.put(place, replace(User.decode(stored), inline={"q": EVERYTHING}).encode())
    assert names(tx) == ["q"]
    tx.discard()
    tx = database.begin()
    assert names(tx) == ["p"]
    tx.discard()
