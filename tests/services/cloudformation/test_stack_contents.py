"""The table of contents and authority of CloudFormation; template URLs."""

from typing import Any

import pytest

from cloudlet.base.errors import AwsError
from cloudlet.services.cloudformation.body import object_address
from cloudlet.services.cloudformation.iam import ACCESS
from cloudlet.services.cloudformation.kinds.registry import KINDS
from cloudlet.services.cloudformation.service import cloudformation
from cloudlet.services.cloudformation.template.replacement import CREATE_ONLY
from tests.client import TestNode
from tests.services.cloudformation.conftest import Stacks

TEMPLATE = {"Resources": {"A": {"Type": "AWS::SQS::Queue"}}}
REQUESTS: dict[str, dict[str, Any]] = {
    "CreateChangeSet": {"ChangeSetName": "c", "TemplateBody": TEMPLATE},
    "CreateStack": {"TemplateBody": TEMPLATE},
    "DescribeChangeSet": {"ChangeSetName": "c"},
    "DeleteChangeSet": {"ChangeSetName": "c"},
    "ExecuteChangeSet": {"ChangeSetName": "c"},
    "DescribeStackResource": {"LogicalResourceId": "A"},
    "UpdateStack": {"TemplateBody": TEMPLATE},
    "UpdateTerminationProtection": {"EnableTerminationProtection": True},
    "ListImports": {"ExportName": "x"},
    "ValidateTemplate": {"TemplateBody": TEMPLATE},
}
WITHOUT_STACK = {"ListExports", "ListImports", "ListStacks", "ValidateTemplate"}


def test_the_table_of_contents_is_the_models() -> None:
    assert cloudformation.module_of.keys() == set(cloudformation.model.operations)


def test_every_handler_has_an_iam_mapping() -> None:
    cloudformation.load()
    assert cloudformation.operations.keys() == ACCESS.keys()


@pytest.mark.parametrize("operation", sorted(ACCESS))
def test_a_user_without_policies_is_refused(node: TestNode, stacks: Stacks, operation: str) -> None:
    request = {**({} if operation in WITHOUT_STACK else {"StackName": "s"}), **REQUESTS.get(operation, {})}
    refusal = stacks.as_user().refusal(operation, **request)
    assert refusal.code == "AccessDenied"
    assert f"is not authorized to perform: cloudformation:{operation}" in refusal.message


def test_a_policy_may_name_one_stack(stacks: Stacks) -> None:
    stacks.create("mine", TEMPLATE)
    stacks.create("yours", TEMPLATE)
    allow = {
        "Effect": "Allow",
        "Action": "cloudformation:DescribeStackEvents",
        "Resource": "arn:aws:cloudformation:*:*:stack/mine/*",
    }
    user = stacks.as_user(allow)
    assert user.call("DescribeStackEvents", StackName="mine")["StackEvents"]
    assert user.refusal("DescribeStackEvents", StackName="yours").code == "AccessDenied"


def test_every_kind_is_known_to_the_table_of_replacements() -> None:
    assert KINDS.keys() - CREATE_ONLY.keys() == {"AWS::CDK::Metadata"}
    for name, kind in KINDS.items():
        stated = CREATE_ONLY.get(name, frozenset()) - {"*"}
        unknown = stated - kind.properties
        assert unknown <= {
            "ImportSourceSpecification",
            "TenancyConfig",
            "RuntimePolicy",
            "SelfManagedEventSource",
            "AmazonManagedKafkaEventSourceConfig",
            "SelfManagedKafkaEventSourceConfig",
        }, name


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://b.s3.eu-west-1.amazonaws.com/a/t.yaml", ("b", "a/t.yaml", None)),
        ("https://my.b.s3.amazonaws.com/t?versionId=v1", ("my.b", "t", "v1")),
        ("https://s3.eu-west-1.amazonaws.com/b/a/t%20x.yaml", ("b", "a/t x.yaml", None)),
        ("https://s3-eu-west-1.amazonaws.com/b/t", ("b", "t", None)),
        ("http://127.0.0.1:4566/b/a/t", ("b", "a/t", None)),
        ("http://b.localhost:4566/t", ("b", "t", None)),
        ("http://s3.localhost.localstack.cloud:4566/b/t", ("b", "t", None)),
    ],
)
def test_a_template_url_names_an_object(url: str, address: tuple[str, str, str | None]) -> None:
    assert object_address(url, "http://localhost:4566", "http://127.0.0.1:4566") == address


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://b/t", "S3 error: Domain name specified in b is not a valid S3 domain"),
        ("https://example.com/t.yaml", "TemplateURL must be a supported URL."),
        ("ftp://127.0.0.1:4566/b/t", "TemplateURL must be a supported URL."),
        ("https://s3.amazonaws.com/", "TemplateURL must be a supported URL."),
    ],
)
def test_any_other_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(AwsError) as caught:
        object_address(url, "http://127.0.0.1:4566")
    assert caught.value.message == message


def test_validation_and_summary_tell_what_a_template_asks_for(stacks: Stacks) -> None:
    template = {
        "Description": "d",
        "Parameters": {"P": {"Type": "String", "Default": "x", "Description": "p"}},
        "Metadata": {"a": 1},
        "Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": {"Ref": "P"}}}},
    }
    assert stacks.call("ValidateTemplate", TemplateBody=template) == {
        "Parameters": [{"ParameterKey": "P", "DefaultValue": "x", "NoEcho": False, "Description": "p"}],
        "Description": "d",
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "CapabilitiesReason": "The following resource(s) require capabilities: [AWS::IAM::Role]",
    }
    summary = stacks.call("GetTemplateSummary", TemplateBody=template)
    assert (summary["ResourceTypes"], summary["Metadata"]) == (["AWS::IAM::Role"], '{"a": 1}')
    stacks.create("s", TEMPLATE)
    assert stacks.call("GetTemplateSummary", StackName="s")["ResourceTypes"] == ["AWS::SQS::Queue"]
    refusal = stacks.refusal("ValidateTemplate", TemplateBody={"Resources": {}})
    assert refusal.message == "Template format error: At least one Resources member must be defined."


def test_an_operation_without_handler_says_where_it_belongs(stacks: Stacks) -> None:
    refusal = stacks.refusal("DetectStackDrift", StackName="s")
    assert (refusal.status, refusal.code) == (501, "NotImplemented")
    assert refusal.message.endswith("services/cloudformation/drift.py")
