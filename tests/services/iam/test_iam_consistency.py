"""After any sequence of changes, IAM's indexes and counts say what its entities say."""

from random import Random
from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.iam.keys import Keys
from cloudlet.services.iam.lookup import KIND_OF_PREFIX, decoded
from cloudlet.store.transaction import Tx
from tests.client import ACCOUNT, TestNode

DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
TRUST = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"}}}'
NAMES = ("a", "b", "C")
ARNS = (*(f"arn:aws:iam::{ACCOUNT}:policy/{name}" for name in NAMES), "arn:aws:iam::aws:policy/ReadOnlyAccess")
OPERATIONS = (
    "CreateUser DeleteUser UpdateUser CreateGroup DeleteGroup UpdateGroup CreateRole DeleteRole"
    " CreatePolicy DeletePolicy AddUserToGroup RemoveUserFromGroup AttachUserPolicy DetachUserPolicy AttachGroupPolicy"
    " DetachGroupPolicy AttachRolePolicy DetachRolePolicy PutUserPermissionsBoundary DeleteUserPermissionsBoundary"
    " PutRolePermissionsBoundary DeleteRolePermissionsBoundary CreateInstanceProfile DeleteInstanceProfile"
    " AddRoleToInstanceProfile RemoveRoleFromInstanceProfile CreatePolicyVersion SetDefaultPolicyVersion"
    " CreateAccessKey"
).split()


def parameters(random: Random, node: TestNode, operation: str) -> dict[str, Any]:
    """Required members, and new names, chosen from few."""
    model = node.node.services["iam"].model.operations[operation].input
    assert model is not None
    chosen: dict[str, Any] = {}
    for name in (
        *model.required,
        *({"UserName"} & set(model.members)),
        *({"NewUserName", "NewGroupName"} & set(model.members)),
    ):
        if name in ("PolicyArn", "PermissionsBoundary"):
            chosen[name] = random.choice(ARNS)
        elif name.endswith("Document"):
            chosen[name] = TRUST if name.startswith("Assume") else DOCUMENT
        elif name == "VersionId":
            chosen[name] = f"v{random.randint(1, 3)}"
        else:
            chosen[name] = random.choice(NAMES)
    return chosen


def check(tx: Tx, keys: Keys) -> None:
    names = {keys.name.unpack(key): stored.decode() for key, stored in tx.scan(*keys.name.range()).rows}
    entities = {}
    for key, stored in tx.scan(*keys.entity.range()).rows:
        entity_id = str(keys.entity.unpack(key)[0])
        entities[entity_id] = decoded(KIND_OF_PREFIX[entity_id[:4]].record, stored)
    assert set(names.values()) == set(entities)
    for (_, name), entity_id in names.items():
        assert entities[entity_id].name.lower() == name
    kinds = [kind.position for kind in KIND_OF_PREFIX.values() for each in entities if each.startswith(kind.id_prefix)]
    assert list(keys.counts.values(tx)) == [kinds.count(position) for position in range(5)]

    uses = {keys.user_of.unpack(key) for key, _ in tx.scan(*keys.user_of.range()).rows}
    expected = {(arn, "permissions", each.id) for each in entities.values() for arn in getattr(each, "attached", ())}
    expected |= {(each.boundary, "boundary", each.id) for each in entities.values() if getattr(each, "boundary", "")}
    assert uses == expected
    for arn in ARNS:
        counted = tuple(sum(use[:2] == (arn, what) for use in uses) for what in ("permissions", "boundary"))
        assert keys.usage(arn).values(tx) == counted
    members = {keys.member.unpack(key) for key, _ in tx.scan(*keys.member.range()).rows}
    assert members == {(group, each.id) for each in entities.values() for group in getattr(each, "groups", ())}
    holders = {keys.holder.unpack(key) for key, _ in tx.scan(*keys.holder.range()).rows}
    assert holders == {(each.role_id, each.id) for each in entities.values() if getattr(each, "role_id", "")}


@pytest.mark.parametrize("seed", range(4))
def test_indexes_and_counts_agree_with_the_entities(node: TestNode, seed: int) -> None:
    random = Random(seed)
    done = refused = 0
    for _ in range(250):
        operation = random.choice(OPERATIONS)
        try:
            node.aws("iam", operation, **parameters(random, node, operation))
            done += 1
        except AwsError as error:
            assert error.status in (400, 404, 409, 403), error
            refused += 1
    assert done > 60 and refused > 60
    tx = node.node.database.begin()
    check(tx, Keys(ACCOUNT))
    tx.discard()
