"""Local code that a template names, put into a bucket, the template pointing there: what `sam package` does.

Only the paths are replaced in the template's text; all else, comments and short forms included, stays as it is.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cloudlet.cli.failure import Failure

# Where a template may name local code, and in which form an address in S3 stands there.
_AS_URI, _AS_MAPPING = "uri", "mapping"
_PLACES = {
    ("AWS::Serverless::Function", "CodeUri"): _AS_URI,
    ("AWS::Serverless::LayerVersion", "ContentUri"): _AS_URI,
    ("AWS::Lambda::Function", "Code"): _AS_MAPPING,
    ("AWS::Lambda::LayerVersion", "Content"): _AS_MAPPING,
}
_GLOBALS = {("Function", "CodeUri"): _AS_URI, ("LayerVersion", "ContentUri"): _AS_URI}
_REMOTE = ("s3://", "http://", "https://")
_LEFT_OUT = {"__pycache__", ".git", ".DS_Store"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file, so that the same files are the same package


class Mention(NamedTuple):
    """A local path in the template's text."""

    path: str
    start: int
    end: int
    form: str


def packaged(text: str, directory: Path, upload: Callable[[bytes, str], tuple[str, str]]) -> str:
    """The template with its local code uploaded: `upload(zip file, description)` gives bucket and key."""
    out, position = [], 0
    uploaded: dict[Path, tuple[str, str]] = {}
    for mention in sorted(mentions(text), key=lambda mention: mention.start):
        path = (directory / mention.path).resolve()
        if path not in uploaded:
            uploaded[path] = upload(zipped(path), mention.path)
        bucket, key = uploaded[path]
        address = f"s3://{bucket}/{key}" if mention.form == _AS_URI else {"S3Bucket": bucket, "S3Key": key}
        out += [text[position : mention.start], json.dumps(address)]
        position = mention.end
    return "".join([*out, text[position:]])


def parameters_of(text: str) -> list[str]:
    """The names of the template's parameters."""
    return list(_mapping(_mapping(_composed(text)).get("Parameters")))


def mentions(text: str) -> Iterator[Mention]:
    template = _mapping(_composed(text))
    for resource in _mapping(template.get("Resources")).values():
        parts = _mapping(resource)
        kind = getattr(parts.get("Type"), "value", None)
        properties = _mapping(parts.get("Properties"))
        yield from _local((properties.get(name), form) for (type_, name), form in _PLACES.items() if type_ == kind)
    for (section, name), form in _GLOBALS.items():
        properties = _mapping(_mapping(template.get("Globals")).get(section))
        yield from _local([(properties.get(name), form)])


def _local(found: Any) -> Iterator[Mention]:
    for node, form in found:
        is_text = isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str"
        if is_text and node.value and not node.value.startswith(_REMOTE):
            yield Mention(node.value, node.start_mark.index, node.end_mark.index, form)


def _composed(text: str) -> yaml.Node | None:
    if text.lstrip().startswith("{"):
        text = text.replace("\t", " ")  # JSON may be indented by tabs, YAML not; inside JSON's strings there are none
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Failure(f"the template is neither YAML nor JSON: {error}") from error


def _mapping(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def zipped(path: Path) -> bytes:
    """A directory's files, or one file, as a zip; a zip as it is. The same files give the same bytes."""
    if not path.exists():
        raise Failure(f"the template names code at {path}, which does not exist")
    if path.is_file() and zipfile.is_zipfile(path):
        return path.read_bytes()
    files = {path.name: path} if path.is_file() else dict(_files_of(path))
    if not files:
        raise Failure(f"the template names code at {path}, which has no files")
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if file.stat().st_mode & 0o111 else 0o644) << 16
            archive.writestr(entry, file.read_bytes())
    return output.getvalue()


def _files_of(directory: Path) -> Iterator[tuple[str, Path]]:
    for file in directory.rglob("*"):
        name = file.relative_to(directory)
        if file.is_file() and not _LEFT_OUT & set(name.parts):
            yield name.as_posix(), file


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
