"""Versions, aliases and layers: what is published stays, what points moves."""

import json
from typing import Any

import pytest
from lambda_functions import ARN, Lambda, zipped

from cloudlet.base.errors import AwsError

LAYER = "arn:aws:lambda:us-east-1:000000000000:layer"


def refusal(fn: Any, operation: str, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        fn(operation, **parameters)
    return refused.value.code, refused.value.message


def test_a_version_keeps_code_and_configuration_when_latest_changes(fn: Lambda) -> None:
    fn.create(Timeout=7)
    fn.node.settle()
    version = fn("PublishVersion", FunctionName="echo", Description="the first")
    assert (version["Version"], version["FunctionArn"]) == ("1", f"{ARN}:echo:1")
    assert (version["State"], version["LastUpdateStatus"], version["Description"]) == (
        "Active", "Successful", "the first",
    )  # fmt: skip
    fn("UpdateFunctionCode", FunctionName="echo", ZipFile=zipped("other = 1"))
    fn("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    kept = fn("GetFunctionConfiguration", FunctionName="echo", Qualifier="1")
    assert (kept["Timeout"], kept["CodeSha256"]) == (7, version["CodeSha256"])


def test_without_a_change_no_further_version_is_published(fn: Lambda) -> None:
    fn.create()
    assert fn("PublishVersion", FunctionName="echo")["Version"] == "1"
    assert fn("PublishVersion", FunctionName="echo")["Version"] == "1"
    fn("UpdateFunctionConfiguration", FunctionName="echo", Timeout=3)
    assert fn("PublishVersion", FunctionName="echo")["Version"] == "1", "an update that changes nothing is no change"
    fn("UpdateFunctionConfiguration", FunctionName="echo", Timeout=4)
    assert fn("PublishVersion", FunctionName="echo")["Version"] == "2"


def test_a_function_may_be_published_as_it_is_created_or_updated(fn: Lambda) -> None:
    created = fn.create(Publish=True)
    assert (created["Version"], created["State"]) == ("1", "Pending")
    updated = fn("UpdateFunctionCode", FunctionName="echo", ZipFile=zipped("other = 1"), Publish=True)
    assert (updated["Version"], updated["FunctionArn"]) == ("2", f"{ARN}:echo:2")
    assert updated["State"] == "Pending" and "LastUpdateStatus" not in updated
    fn.node.settle()
    assert fn("GetFunctionConfiguration", FunctionName="echo", Qualifier="2")["State"] == "Active"
    listed = fn("ListVersionsByFunction", FunctionName="echo")["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", "1", "2"]
    assert listed[0]["FunctionArn"] == f"{ARN}:echo:$LATEST"


def test_another_code_than_expected_is_not_published(fn: Lambda) -> None:
    fn.create()
    code, message = refusal(fn, "PublishVersion", FunctionName="echo", CodeSha256="a" * 32)
    assert code == "InvalidParameterValueException" and message.startswith(f"CodeSHA256 ({'a' * 32}) is different from")


def test_a_version_can_be_deleted_unless_an_alias_points_to_it(fn: Lambda) -> None:
    fn.create(Publish=True)
    fn("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    assert refusal(fn, "DeleteFunction", FunctionName="echo", Qualifier="1")[0] == "ResourceConflictException"
    fn("DeleteAlias", FunctionName="echo", Name="live")
    fn("DeleteFunction", FunctionName="echo", Qualifier="1")
    assert refusal(fn, "GetFunction", FunctionName="echo", Qualifier="1")[0] == "ResourceNotFoundException"
    assert refusal(fn, "DeleteFunction", FunctionName="echo", Qualifier="$LATEST")[1] == (
        "$LATEST version cannot be deleted without deleting the function."
    )
    fn("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    assert fn("PublishVersion", FunctionName="echo")["Version"] == "2", "numbers are not given twice"


def test_an_alias_is_created_moved_and_deleted(fn: Lambda) -> None:
    fn.create(Publish=True)
    alias = fn("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    revision = alias.pop("RevisionId")
    shown = {"AliasArn": f"{ARN}:echo:live", "Name": "live", "FunctionVersion": "1", "Description": ""}
    assert alias == shown
    assert fn("GetAlias", FunctionName="echo", Name="live") == shown | {"RevisionId": revision}
    assert refusal(fn, "CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1") == (
        "ResourceConflictException", f"Alias already exists: {ARN}:echo:live",
    )  # fmt: skip
    moved = fn("UpdateAlias", FunctionName="echo", Name="live", FunctionVersion="$LATEST", RevisionId=revision)
    assert moved["FunctionVersion"] == "$LATEST" and moved["RevisionId"] != revision
    assert refusal(fn, "UpdateAlias", FunctionName="echo", Name="live", RevisionId=revision)[0] == (
        "PreconditionFailedException"
    )
    fn("DeleteAlias", FunctionName="echo", Name="live")
    fn("DeleteAlias", FunctionName="echo", Name="live")
    assert refusal(fn, "GetAlias", FunctionName="echo", Name="live") == (
        "ResourceNotFoundException", f"Cannot find alias arn: {ARN}:echo:live",
    )  # fmt: skip
    assert refusal(fn, "UpdateAlias", FunctionName="echo", Name="live")[1] == f"Alias not found: {ARN}:echo:live"
    assert refusal(fn, "CreateAlias", FunctionName="echo", Name="a", FunctionVersion="7")[1] == (
        f"Function not found: {ARN}:echo:7"
    )


def test_an_alias_may_share_calls_between_two_versions_only(fn: Lambda) -> None:
    fn.create(Publish=True)
    fn("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    fn("PublishVersion", FunctionName="echo")

    def weights(**shares: float) -> dict[str, Any]:
        return {"AdditionalVersionWeights": {version.strip("v"): share for version, share in shares.items()}}

    alias = fn("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1", RoutingConfig=weights(v2=0.1))
    assert alias["RoutingConfig"] == weights(v2=0.1)
    for routing, said in (
        (weights(v1=0.1), "is already included in routing configuration"),
        (weights(v2=0.1, v1=0.1), "cannot be greater than 1"),
        (weights(v9=0.1), "Function not found"),
    ):
        assert said in refusal(fn, "UpdateAlias", FunctionName="echo", Name="live", RoutingConfig=routing)[1]
    assert fn("UpdateAlias", FunctionName="echo", Name="live", Description="x")["RoutingConfig"] == weights(v2=0.1)
    cleared = fn("UpdateAlias", FunctionName="echo", Name="live", RoutingConfig=weights())
    assert "RoutingConfig" not in cleared


def test_aliases_are_listed_all_or_of_one_version(fn: Lambda) -> None:
    fn.create(Publish=True)
    for name, version in (("a", "1"), ("b", "$LATEST"), ("c", "1")):
        fn("CreateAlias", FunctionName="echo", Name=name, FunctionVersion=version)
    names = [alias["Name"] for alias in fn("ListAliases", FunctionName="echo")["Aliases"]]
    assert names == ["a", "b", "c"]
    first = fn("ListAliases", FunctionName="echo", MaxItems=2)
    assert [alias["Name"] for alias in first["Aliases"]] == ["a", "b"]
    assert len(fn("ListAliases", FunctionName="echo", Marker=first["NextMarker"])["Aliases"]) == 1
    of_one = fn("ListAliases", FunctionName="echo", FunctionVersion="1")["Aliases"]
    assert [alias["Name"] for alias in of_one] == ["a", "c"]


def publish_layer(fn: Lambda, name: str = "lib", **more: Any) -> dict[str, Any]:
    content = {"ZipFile": zipped({"python/lib.py": "value = 1"})}
    return fn("PublishLayerVersion", LayerName=name, Content=content, **more)


def test_a_layer_version_is_published_got_listed_and_deleted(fn: Lambda) -> None:
    answer = publish_layer(fn, Description="d", CompatibleRuntimes=["python3.11"], LicenseInfo="MIT")
    content = answer.pop("Content")
    assert set(content) == {"Location", "CodeSha256", "CodeSize"}
    assert answer == {
        "LayerArn": f"{LAYER}:lib",
        "LayerVersionArn": f"{LAYER}:lib:1",
        "Description": "d",
        "CreatedDate": "2026-01-01T00:00:00.000+0000",
        "Version": 1,
        "CompatibleRuntimes": ["python3.11"],
        "CompatibleArchitectures": [],
        "LicenseInfo": "MIT",
    }
    publish_layer(fn)
    assert fn("GetLayerVersion", LayerName="lib", VersionNumber=1)["LayerVersionArn"] == f"{LAYER}:lib:1"
    assert fn("GetLayerVersionByArn", Arn=f"{LAYER}:lib:2")["Version"] == 2
    listed = fn("ListLayerVersions", LayerName="lib")["LayerVersions"]
    assert [version["Version"] for version in listed] == [2, 1] and "Content" not in listed[0]
    page = fn("ListLayerVersions", LayerName="lib", MaxItems=1)
    assert [
        v["Version"] for v in fn("ListLayerVersions", LayerName="lib", Marker=page["NextMarker"])["LayerVersions"]
    ] == [1]
    assert fn("ListLayers")["Layers"][0]["LatestMatchingVersion"]["Version"] == 2
    of_python = fn("ListLayers", CompatibleRuntime="python3.11")["Layers"]
    assert of_python[0]["LatestMatchingVersion"]["Version"] == 1
    fn("DeleteLayerVersion", LayerName="lib", VersionNumber=2)
    fn("DeleteLayerVersion", LayerName="lib", VersionNumber=2)
    assert refusal(fn, "GetLayerVersion", LayerName="lib", VersionNumber=2) == (
        "ResourceNotFoundException", "The resource you requested does not exist.",
    )  # fmt: skip
    assert refusal(fn, "GetLayerVersion", LayerName="lib", VersionNumber=0)[1] == "Layer Version Cannot be less than 1"
    assert publish_layer(fn)["Version"] == 3
    assert fn("ListLayerVersions", LayerName="nothing") == {"LayerVersions": []}


def test_a_function_names_its_layers_and_keeps_them_when_they_are_deleted(fn: Lambda) -> None:
    publish_layer(fn)
    publish_layer(fn)
    fn.create()

    def use(*arns: str) -> dict[str, Any]:
        return fn("UpdateFunctionConfiguration", FunctionName="echo", Layers=list(arns))

    used = use(f"{LAYER}:lib:1")["Layers"]
    assert [layer["Arn"] for layer in used] == [f"{LAYER}:lib:1"] and used[0]["CodeSize"] > 0
    fn("DeleteLayerVersion", LayerName="lib", VersionNumber=1)
    assert fn("GetFunctionConfiguration", FunctionName="echo")["Layers"] == used
    for arns, said in (
        ([f"{LAYER}:nothing:1"], f"Layer version {LAYER}:nothing:1 does not exist."),
        ([f"{LAYER}:lib:2", f"{LAYER}:lib:2"], "Two different versions of the same layer are not allowed"),
        ([f"{LAYER}:l{number}:1" for number in range(6)], "Cannot reference more than 5 layers."),
        (["arn:aws:lambda:eu-west-1:000000000000:layer:lib:2"], "expected to be in region us-east-1."),
    ):
        with pytest.raises(AwsError) as refused:
            use(*arns)
        assert said in refused.value.message
    assert "Layers" not in use()


def test_a_layer_may_be_opened_to_other_accounts(fn: Lambda) -> None:
    publish_layer(fn)
    other = fn.node.caller("111111111111", "test")

    def read() -> dict[str, Any]:
        return other.aws("lambda", "GetLayerVersionByArn", Arn=f"{LAYER}:lib:1")

    with pytest.raises(AwsError) as refused:
        read()
    assert refused.value.code == "AccessDeniedException"
    named = {"LayerName": "lib", "VersionNumber": 1, "StatementId": "open"}
    answer = fn("AddLayerVersionPermission", **named, Action="lambda:GetLayerVersion", Principal="111111111111")
    assert json.loads(answer["Statement"])["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    assert read()["Version"] == 1
    policy = fn("GetLayerVersionPolicy", LayerName="lib", VersionNumber=1)
    assert json.loads(policy["Policy"])["Statement"][0]["Resource"] == f"{LAYER}:lib:1"
    fn("RemoveLayerVersionPermission", **named)
    assert refusal(fn, "GetLayerVersionPolicy", LayerName="lib", VersionNumber=1)[0] == "ResourceNotFoundException"
