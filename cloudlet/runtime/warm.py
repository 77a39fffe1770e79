"""Makes the zygote warm: imports boto3 and keeps what botocore reads from its data files.

Creating a client costs botocore mostly the reading of JSON models and the listing of its data directory, again for
each session. Both are the same for all environments of a zygote, so they are kept for the whole process.
"""

import importlib
import os
import sys
from typing import Any

# What handlers import first, and for which service models the memory is worth it.
_MODULES = ("json", "logging", "decimal", "datetime", "uuid", "re", "traceback", "urllib.request", "concurrent.futures")
_SERVICES = ("s3", "dynamodb", "sqs", "sns", "lambda", "events", "kinesis", "firehose", "logs", "cloudwatch", "sts")
_RESOURCES = ("s3", "dynamodb", "sqs", "sns")


def warm_up(runtime_dir: str) -> None:
    """Import boto3 from `runtime_dir` and create one client of each common service; leaves no session behind."""
    for name in _MODULES:
        importlib.import_module(name)
    sys.path.append(runtime_dir)
    try:
        boto3 = importlib.import_module("boto3")
    except ModuleNotFoundError:
        return  # functions without boto3 run all the same
    _keep_loaded_data(importlib.import_module("botocore.loaders"), runtime_dir + "/")
    facts = {"region_name": "us-east-1", "aws_access_key_id": "warm", "aws_secret_access_key": "warm"}
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    session = boto3.session.Session(**facts)
    for service in _SERVICES:
        session.client(service, endpoint_url="http://127.0.0.1:1")
    for service in _RESOURCES:
        session.resource(service, endpoint_url="http://127.0.0.1:1")
    os.environ.clear()


def _keep_loaded_data(loaders: Any, shared: str) -> None:
    """For files below `shared` only: a function may bring models of its own."""
    files: dict[str, Any] = {}
    listings: dict[tuple[Any, ...], list[str]] = {}
    load_file = loaders.JSONFileLoader.load_file
    list_services = loaders.Loader.list_available_services

    def load_file_once(self: Any, file_path: str) -> Any:
        if not file_path.startswith(shared):
            return load_file(self, file_path)
        if file_path not in files:
            files[file_path] = load_file(self, file_path)
        return files[file_path]

    def list_services_once(self: Any, type_name: str) -> list[str]:
        if any(not path.startswith(shared) and os.path.isdir(path) for path in self.search_paths):
            return list(list_services(self, type_name=type_name))
        key = (type_name, *self.search_paths)
        if key not in listings:
            listings[key] = list_services(self, type_name=type_name)
        return list(listings[key])

    loaders.JSONFileLoader.load_file = load_file_once
    loaders.Loader.list_available_services = list_services_once
