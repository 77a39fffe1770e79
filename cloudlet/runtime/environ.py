"""The environment variables AWS defines for a function, and the commands that start its runtime.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

import os
from dataclasses import dataclass

from cloudlet.runtime.model import Credentials, FunctionSpec


@dataclass(frozen=True)
class Paths:
    """Where a function finds things; the names AWS uses, or the host's own where there is no root of ours."""

    task: str = "/var/task"
    opt: str = "/opt"
    runtime: str = "/var/runtime"
    tmp: str = "/tmp"
    lang: str = "/var/lang"


def variables(
    spec: FunctionSpec, credentials: Credentials, paths: Paths, endpoint: str, log_stream: str
) -> dict[str, str]:
    """All but AWS_LAMBDA_RUNTIME_API, which the environment adds. The function's own win where AWS lets them."""
    libraries = (f"{paths.lang}/lib", "/lib64", "/usr/lib64", paths.runtime, f"{paths.runtime}/lib", paths.task)
    defaults = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": f"{paths.lang}/bin:/usr/local/bin:/usr/bin/:/bin:{paths.opt}/bin",
        "LD_LIBRARY_PATH": ":".join((*libraries, f"{paths.task}/lib", f"{paths.opt}/lib")),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if spec.runtime.startswith("nodejs"):
        major = spec.runtime.removeprefix("nodejs").partition(".")[0]
        modules = f"{paths.opt}/nodejs/node{major}/node_modules:{paths.opt}/nodejs/node_modules"
        defaults["NODE_PATH"] = f"{modules}:{paths.runtime}/node_modules:{paths.runtime}:{paths.task}"
    if paths.tmp != "/tmp":
        defaults["TMPDIR"] = paths.tmp
    reserved = {
        "_HANDLER": spec.handler,
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.function_name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        "LAMBDA_TASK_ROOT": paths.task,
        "LAMBDA_RUNTIME_DIR": paths.runtime,
    }
    if paths.opt != "/opt":
        reserved["CLOUDLET_OPT_DIR"] = paths.opt
    return {**defaults, **spec.environment, **reserved}


def shadowed_modules(spec: FunctionSpec, opt_dir: str | None, loaded: frozenset[str]) -> set[str]:
    """Modules the package brings in its own version of, though the zygote has imported another."""
    python = [str(spec.code_dir)]
    if opt_dir is not None:
        python.append(f"{opt_dir}/python")
        lib = f"{opt_dir}/python/lib"
        python += [f"{lib}/{name}/site-packages" for name in _names(lib)]
    found: set[str] = set()
    for directory in python:
        found |= {name.partition(".")[0] for name in _names(directory)} & loaded
    return found - {"__pycache__"}


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
