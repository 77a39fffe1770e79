"""Resource types of IAM and DynamoDB: made, changed, removed."""

import json
from typing import Any
from urllib.parse import unquote

import pytest

from cloudlet.services.cloudformation.service import cloudformation
from tests.client import ACCOUNT, REGION, TestNode
from tests.services.cloudformation.conftest import Stacks


def document(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
CAPABLE = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}


def identities(action: str, *, more: bool) -> dict[str, Any]:
    policies = [{"PolicyName": "inline", "PolicyDocument": document(action)}]
    if more:
        policies.append({"PolicyName": "second", "PolicyDocument": document("sqs:*")})
    return {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": TRUST,
                    "Policies": policies,
                    "ManagedPolicyArns": [{"Ref": "Managed"}],
                    "Description": "more" if more else "less",
                },
            },
            "Managed": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": document(action), "Users": [{"Ref": "User"}]},
            },
            "Group": {"Type": "AWS::IAM::Group", "Properties": {"Policies": policies}},
            "User": {
                "Type": "AWS::IAM::User",
                "Properties": {"UserName": "vendor", "Groups": [{"Ref": "Group"}], "Policies": policies},
            },
            "Key": {"Type": "AWS::IAM::AccessKey", "Properties": {"UserName": {"Ref": "User"}}},
            "Shared": {
                "Type": "AWS::IAM::Policy",
                "Properties": {
                    "PolicyName": "shared",
                    "PolicyDocument": document(action),
                    "Roles": [{"Ref": "Role"}],
                    "Groups": [{"Ref": "Group"}] if more else [],
                },
            },
        },
        "Outputs": {
            "Key": {"Value": {"Ref": "Key"}},
            "Secret": {"Value": {"Fn::GetAtt": ["Key", "SecretAccessKey"]}},
            "Arn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
        },
    }


def test_identities_come_change_and_go(node: TestNode, stacks: Stacks) -> None:
    stack = stacks.create("s", identities("s3:GetObject", more=False))
    assert stack["StackStatus"] == "CREATE_COMPLETE", stacks.events("s")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    caller = node.caller(outputs["Key"], outputs["Secret"])
    assert caller.aws("sts", "GetCallerIdentity")["Arn"].endswith(":user/vendor")
    assert outputs["Secret"] not in stored_outside_outputs(node)
    role = stacks.physical("s", "Role")
    assert outputs["Arn"].endswith(f":role/{role}")
    assert inline(node, "Role", role) == {"inline": "s3:GetObject", "shared": "s3:GetObject"}

    stack = stacks.update("s", identities("s3:*", more=True))
    assert stack["StackStatus"] == "UPDATE_COMPLETE", stacks.events("s")
    assert inline(node, "Role", role) == {"inline": "s3:*", "second": "sqs:*", "shared": "s3:*"}
    group = stacks.physical("s", "Group")
    assert inline(node, "Group", group) == {"inline": "s3:*", "second": "sqs:*", "shared": "s3:*"}
    assert node.aws("iam", "GetRole", RoleName=role)["Role"]["Description"] == "more"
    arn = stacks.physical("s", "Managed")
    version = node.aws("iam", "GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
    text = node.aws("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    assert json.loads(unquote(text))["Statement"][0]["Action"] == "s3:*"

    stacks.delete("s")
    assert node.aws("iam", "ListUsers")["Users"] == []
    assert node.aws("iam", "ListGroups")["Groups"] == []
    assert node.aws("iam", "ListPolicies", Scope="Local")["Policies"] == []
    assert node.aws("iam", "ListRoles")["Roles"] == []


def stored_outside_outputs(node: TestNode) -> str:
    """Everything that CloudFormation keeps, but the stacks themselves: outputs are there to be read."""
    tx = node.node.database.begin()
    rows = tx.scan(b"\x01", b"\xff").rows
    tx.discard()
    stacks = cloudformation.keys(ACCOUNT, REGION).stack
    ours = [value for key, value in rows if b"cloudformation" in key and key not in stacks]
    assert len(ours) > 20
    return b"".join(ours).decode("latin-1")


def inline(node: TestNode, entity: str, name: str) -> dict[str, str]:
    """Inline policies: the one action of each."""
    who = {f"{entity}Name": name}
    found = {}
    for policy in node.aws("iam", f"List{entity}Policies", **who)["PolicyNames"]:
        text = node.aws("iam", f"Get{entity}Policy", **who, PolicyName=policy)["PolicyDocument"]
        document = json.loads(unquote(text))
        found[policy] = document["Statement"][0]["Action"]
    return found


def table(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            **properties,
        },
    }


def test_a_table_comes_changes_and_goes(node: TestNode, stacks: Stacks) -> None:
    stack = stacks.create("s", {"Resources": {"T": table()}, "Outputs": {"A": {"Value": {"Fn::GetAtt": ["T", "Arn"]}}}})
    assert stack["StackStatus"] == "CREATE_COMPLETE", stacks.events("s")
    name = stacks.physical("s", "T")
    assert stack["Outputs"][0]["OutputValue"].endswith(f":table/{name}")
    node.aws("dynamodb", "PutItem", TableName=name, Item={"id": {"S": "x"}})
    stack = stacks.update("s", {"Resources": {"T": table(Tags=[{"Key": "a", "Value": "b"}])}})
    assert stack["StackStatus"] == "UPDATE_COMPLETE", stacks.events("s")
    assert node.aws("dynamodb", "Scan", TableName=name)["Count"] == 1
    stack = stacks.update("s", {"Resources": {"T": table(TableName="named")}})
    assert stack["StackStatus"] == "UPDATE_COMPLETE", stacks.events("s")
    assert node.aws("dynamodb", "ListTables")["TableNames"] == ["named"]
    stacks.delete("s")
    assert node.aws("dynamodb", "ListTables")["TableNames"] == []


@pytest.mark.parametrize("broken", [{"KeySchema": []}, {"TimeToLiveSpecification": {"Enabled": "maybe"}}])
def test_a_table_that_cannot_be_leaves_nothing(node: TestNode, stacks: Stacks, broken: dict[str, Any]) -> None:
    assert stacks.create("s", {"Resources": {"T": table(**broken)}})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert node.aws("dynamodb", "ListTables")["TableNames"] == []
