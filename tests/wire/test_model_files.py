"""The models: current with botocore, complete, quick to load, and what the overlays add to them."""

import pathlib
import subprocess
import sys

import botocore.loaders
import pytest

from cloudlet.wire.java_regex import to_python
from cloudlet.wire.json import writer
from cloudlet.wire.model import MODELS, load, reachable

ROOT = pathlib.Path(__file__).parents[2]
SERVICES = ("cloudformation", "cloudwatch", "dynamodb", "iam", "lambda", "logs", "s3", "sns", "sqs", "sts")


def test_the_files_are_what_the_installed_botocore_gives():
    command = [sys.executable, ROOT / "scripts" / "models", "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_of_botocores_model_is_there_with_its_input_and_output(service):
    theirs = botocore.loaders.Loader().load_service_model(service, "service-2")
    model = load(service)
    assert set(model.operations) == set(theirs["operations"])
    for name, operation in model.operations.items():
        raw = theirs["operations"][name]
        for ours, role in ((operation.input, "input"), (operation.output, "output")):
            assert (ours.name if ours else None) == raw.get(role, {}).get("shape")
            if ours:
                assert list(ours.members) == list(theirs["shapes"][ours.name]["members"])


def test_the_files_carry_no_documentation():
    for path in MODELS.glob("*.json.gz"):
        for shape in load(path.name.removesuffix(".json.gz")).raw_shapes.values():
            assert "documentation" not in shape or shape["type"] != "structure"
            assert all("documentation" not in member for member in shape.get("members", {}).values())


def test_the_protocols_are_the_models_and_the_overlays():
    assert load("sqs").protocols == ("json", "query")
    assert load("cloudwatch").protocols == ("smithy-rpc-v2-cbor", "json", "query")
    assert load("s3").protocols == ("rest-xml",)
    assert load("lambda").protocols == ("rest-json",)
    assert load("dynamodb").protocols == load("logs").protocols == ("json",)
    assert load("iam").protocols == load("sts").protocols == load("sns").protocols == ("query",)


def test_signing_names_are_those_of_credential_scopes():
    names = {service: load(service).signing_name for service in SERVICES}
    assert names == {service: service for service in SERVICES} | {"cloudwatch": "monitoring"}


def test_a_model_is_loaded_once():
    assert load("sqs") is load("sqs")


def test_streams_are_told_from_values():
    s3, lambda_ = load("s3"), load("lambda")
    assert s3.operations["PutObject"].streaming_input == "Body"
    assert s3.operations["GetObject"].streaming_output == "Body"
    assert s3.operations["SelectObjectContent"].streaming_output == "Payload"
    assert s3.operations["PutBucketPolicy"].streaming_input is None
    assert lambda_.operations["Invoke"].streaming_input is None
    assert lambda_.operations["Invoke"].streaming_output is None


def test_an_error_shape_is_found_by_its_name_and_by_its_query_code():
    sqs, iam = load("sqs"), load("iam")
    assert sqs.error_shape("QueueDoesNotExist") is sqs.error_shape("AWS.SimpleQueueService.NonExistentQueue")
    assert iam.error_shape("NoSuchEntity") is iam.error_shape("NoSuchEntityException")
    assert iam.operations["GetUser"].error_shape("NoSuchEntity").name == "NoSuchEntityException"
    assert iam.error_shape("NoSuchThing") is None


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_of_the_model_is_translated(service):
    for shape in load(service).raw_shapes.values():
        if "pattern" in shape:
            assert "\\p{" not in to_python(shape["pattern"]).pattern


@pytest.mark.parametrize("service", SERVICES)
def test_what_passes_through_the_json_writer_untouched_needs_no_writing(service):
    """Recursive shapes are not walked, so nothing in them may need it."""
    model = load(service)
    for name in model.raw_shapes:
        inside = reachable(model.shape(name))
        if name in inside and "json" in model.protocols:
            assert writer(model, model.shape(name)) is None
            assert {model.shape(other).type for other in inside} <= {
                "structure", "list", "map", "string", "blob", "boolean", "integer", "long",
            }  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "matching", "failing"),
    [
        (r"[\w+=,.@-]+", ["user.name@x-y"], ["ümlaut", "a b", ""]),
        (r"[\w-_]*", ["a-b_c"], ["a.b"]),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", ["ümlaut 日本 ٣", ""], ["a\nb", "a#b"]),
        (r"\p{Print}+", ["abc ~"], ["é", "\x7f"]),
        (r"\d{12}", ["123456789012"], ["12345678901", "٣٣٣٣٣٣٣٣٣٣٣٣", "123456789012\n"]),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", ["a\U0001f600\n"], ["\x01"]),
        (r"(?!^\d+$)^[0-9a-zA-Z-_]+$", ["v1", "a-b"], ["12", "$LATEST"]),
    ],
)
def test_javas_patterns_mean_in_python_what_they_mean_in_java(pattern, matching, failing):
    compiled = to_python(pattern)
    assert all(compiled.fullmatch(text) for text in matching)
    assert not any(compiled.fullmatch(text) for text in failing)
