"""The one door for heavy libraries: imported at first use, never at start.

duckdb = lazy("duckdb")
duckdb.connect()          # imported here
"""

import importlib
from types import ModuleType
from typing import Any


class _LazyModule:
    def __init__(self, name: str, package_to_install: str | None) -> None:
        self._name, self._package = name, package_to_install
        self._module: ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        if self._module is None:
            self._module = _load(self._name, self._package)
        return getattr(self._module, attribute)


def _load(name: str, package: str | None) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if package is None or error.name != name.partition(".")[0]:
            raise
        raise ModuleNotFoundError(f"{name} is not installed: pip install {package}", name=error.name) from error


def lazy(name: str, package_to_install: str | None = None) -> Any:
    """A stand-in for module `name` that imports it when an attribute is first read."""
    return _LazyModule(name, package_to_install)
