"""Lists and lookups that stay whole and cheap however many versions, aliases and layers there are."""

from typing import Any

import pytest
from lambda_functions import ARN, Lambda, zipped

from cloudlet.base.errors import AwsError
from cloudlet.services.lambda_ import layer


def publish(fn: Lambda, count: int, name: str = "echo") -> None:
    for number in range(count):
        fn("UpdateFunctionConfiguration", FunctionName=name, Description=f"{number}")
        fn("PublishVersion", FunctionName=name)


def through(fn: Lambda, operation: str, member: str, **parameters: Any) -> list[list[dict[str, Any]]]:
    """All pages of a list."""
    pages, more = [], parameters
    while True:
        answer = fn(operation, **more)
        pages.append(answer[member])
        if "NextMarker" not in answer:
            return pages
        more = parameters | {"Marker": answer["NextMarker"]}


def test_all_versions_of_all_functions_are_listed_page_by_page(fn: Lambda) -> None:
    for name, count in (("a", 5), ("b", 0), ("c", 2)):
        fn.create(name)
        publish(fn, count, name)
    wanted = ["a:$LATEST", *(f"a:{n}" for n in range(1, 6)), "b:$LATEST", "c:$LATEST", "c:1", "c:2"]
    for size in (1, 2, 3, 7, 50):
        pages = through(fn, "ListFunctions", "Functions", FunctionVersion="ALL", MaxItems=size)
        assert [each["FunctionArn"].removeprefix(f"{ARN}:") for page in pages for each in page] == wanted
        assert all(len(page) == size for page in pages[:-1])


def test_which_alias_uses_a_version_is_known_without_looking_at_the_others(fn: Lambda) -> None:
    fn.create()
    publish(fn, 3)
    fn("CreateAlias", FunctionName="echo", Name="moved", FunctionVersion="3")
    fn("UpdateAlias", FunctionName="echo", Name="moved", FunctionVersion="1")
    for number in range(20):
        fn("CreateAlias", FunctionName="echo", Name=f"a{number}", FunctionVersion="1")
    routing = {"AdditionalVersionWeights": {"2": 0.1}}
    fn("CreateAlias", FunctionName="echo", Name="shared", FunctionVersion="1", RoutingConfig=routing)
    with pytest.raises(AwsError, match="Version 2 of function echo is used by alias shared"):
        fn("DeleteFunction", FunctionName="echo", Qualifier="2")
    fn("UpdateAlias", FunctionName="echo", Name="shared", RoutingConfig={"AdditionalVersionWeights": {}})
    fn("DeleteFunction", FunctionName="echo", Qualifier="2")
    fn.node.node.database.run_twice = False
    before = fn.node.node.database.stats().rows_scanned
    fn("DeleteFunction", FunctionName="echo", Qualifier="3")
    assert fn.node.node.database.stats().rows_scanned == before
    for alias in fn("ListAliases", FunctionName="echo")["Aliases"]:
        fn("DeleteAlias", FunctionName="echo", Name=alias["Name"])
    fn("DeleteFunction", FunctionName="echo", Qualifier="1")


def test_a_layers_latest_version_that_fits_is_found_however_deep(fn: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "VERSIONS_LOOKED_AT", 4)
    monkeypatch.setattr(layer, "VERSIONS_AT_ONCE", 2)
    content = {"ZipFile": zipped({"python/lib.py": "value = 1"})}
    for name, others in (("a", 0), ("b", 9), ("c", 3), ("d", 0)):
        fn("PublishLayerVersion", LayerName=name, Content=content, CompatibleRuntimes=["python3.11"])
        for _ in range(others):
            fn("PublishLayerVersion", LayerName=name, Content=content)
    pages = through(fn, "ListLayers", "Layers", CompatibleRuntime="python3.11")
    found = [(each["LayerName"], each["LatestMatchingVersion"]["Version"]) for page in pages for each in page]
    assert found == [("a", 1), ("b", 1), ("c", 1), ("d", 1)]
    assert len(pages) > 1, "one page looks at so many versions and no more"
    assert through(fn, "ListLayers", "Layers", CompatibleRuntime="nodejs20.x")[-1] == []
    newest = [each["LatestMatchingVersion"]["Version"] for page in through(fn, "ListLayers", "Layers") for each in page]
    assert newest == [1, 10, 4, 1]
    numbers = [each["Version"] for page in through(fn, "ListLayerVersions", "LayerVersions", LayerName="b", MaxItems=3)
               for each in page]  # fmt: skip
    assert numbers == list(range(10, 0, -1))
