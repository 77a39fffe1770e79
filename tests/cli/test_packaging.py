"""Packaging: which paths of a template are local code, what a package holds, what of the text changes."""

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
import yaml

from cloudlet.cli.failure import Failure
from cloudlet.cli.packaging import mentions, packaged, parameters_of, zipped

YAML = """\
# a comment that stays
Globals:
  Function: {CodeUri: shared/}
Parameters: {Stage: {Type: String}, Size: {Type: Number}}
Resources:
  A: {Type: AWS::Serverless::Function, Properties: {CodeUri: src/, Handler: !Sub "${Stage}.x"}}
  B:
    Type: AWS::Lambda::Function
    Properties:
      Code: "src/"
      Role: !GetAtt Role.Arn
  C: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://already/there.zip}}
  D: {Type: AWS::Lambda::Function, Properties: {Code: {ZipFile: "x = 1"}}}
  E: {Type: AWS::Serverless::Function, Properties: {CodeUri: !Ref Somewhere}}
  F: {Type: AWS::SQS::Queue, Properties: {CodeUri: not/code}}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("src", "shared"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "app.py").write_text(f"# {name}")
        (tmp_path / name / "inner" / "data.txt").write_text("1")
    return tmp_path


def test_local_code_is_found_where_the_template_may_name_it() -> None:
    found = [(mention.path, mention.form) for mention in mentions(YAML)]
    assert found == [("src/", "uri"), ("src/", "mapping"), ("shared/", "uri")]


def test_only_the_paths_in_the_text_change_and_each_package_is_uploaded_once(source: Path) -> None:
    uploads: list[tuple[str, bytes]] = []

    def upload(data: bytes, what: str) -> tuple[str, str]:
        uploads.append((what, data))
        return "bucket", f"{what.strip('/')}.zip"

    text = packaged(YAML, source, upload)
    assert sorted(what for what, _ in uploads) == ["shared/", "src/"]
    assert text.replace('"s3://bucket/src.zip"', "src/").replace('"s3://bucket/shared.zip"', "shared/").replace(
        '{"S3Bucket": "bucket", "S3Key": "src.zip"}', '"src/"'
    ) == YAML  # fmt: skip


def test_templates_in_json_are_packaged_too_even_indented_by_tabs(source: Path) -> None:
    template = {"Resources": {"A": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "src"}}}}
    text = packaged(json.dumps(template, indent="\t"), source, lambda data, what: ("b", "k"))
    assert json.loads(text)["Resources"]["A"]["Properties"]["CodeUri"] == "s3://b/k"


def test_the_result_is_still_yaml_with_its_short_forms(source: Path) -> None:
    text = packaged(YAML, source, lambda data, what: ("b", "k"))
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)
    assert "# a comment that stays" in text and '!Sub "${Stage}.x"' in text


def test_a_directorys_package_holds_its_files_and_is_the_same_every_time(source: Path) -> None:
    cache = source / "src" / "__pycache__"
    cache.mkdir()
    (cache / "app.cpython-311.pyc").write_bytes(b"x")
    (source / "src" / "bootstrap").write_text("#!/bin/sh")
    (source / "src" / "bootstrap").chmod(0o755)
    first = zipped(source / "src")
    os.utime(source / "src" / "app.py", (1, 1))
    assert zipped(source / "src") == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.namelist() == ["app.py", "bootstrap", "inner/data.txt"]
        assert archive.getinfo("bootstrap").external_attr >> 16 == 0o755
        assert archive.read("app.py") == b"# src"


def test_one_file_is_zipped_and_a_zip_is_taken_as_it_is(source: Path) -> None:
    single = zipped(source / "src" / "app.py")
    assert zipfile.ZipFile(io.BytesIO(single)).namelist() == ["app.py"]
    (source / "ready.zip").write_bytes(single)
    assert zipped(source / "ready.zip") == single


def test_code_that_is_not_there_is_named(source: Path) -> None:
    with pytest.raises(Failure, match=r"names code at .*/src/nowhere, which does not exist"):
        zipped(source / "src" / "nowhere")
    (source / "empty").mkdir()
    with pytest.raises(Failure, match="has no files"):
        zipped(source / "empty")


def test_parameters_are_listed_in_the_templates_order() -> None:
    assert parameters_of(YAML) == ["Stage", "Size"]


def test_a_template_that_cannot_be_read_is_told_with_its_line() -> None:
    with pytest.raises(Failure, match=r"(?s)neither YAML nor JSON.*line 1"):
        packaged("Resources: {", Path("."), lambda data, what: ("b", "k"))
