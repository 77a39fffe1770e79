"""All settings of a node in one table: flag = CLOUDLET_… variable = field. docs/settings.md is made from it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Settings:
    data: Path | None = None  # None: in memory (--ephemeral)
    host: str = "127.0.0.1"
    port: int = 4566
    root_access_key_id: str = ""
    root_secret_access_key: str = ""
    smtp_relay: str = ""
    smtp_sender: str = "no-reply@sns.amazonaws.com"
    extra_hosts: tuple[str, ...] = ()
    tls_port: int = 0
    tls_certificate: str = ""
    tls_key: str = ""
    functions_network: str = "private"
    functions_level: str = "auto"
    functions_max: int = 64
    accept_loss: bool = False
    engine: str = "rocksdb"
    log_level: str = "warning"
    watch_loop: bool = False

    @property
    def is_loopback(self) -> bool:
        return self.host in ("127.0.0.1", "localhost", "::1")


class Setting(NamedTuple):
    field: str
    meaning: str

    @property
    def flag(self) -> str:
        return "--" + self.field.replace("_", "-")

    @property
    def variable(self) -> str:
        return "CLOUDLET_" + self.field.upper()


SETTINGS = tuple(
    Setting(*row)
    for row in (
        ("data", "directory of everything stored; default $XDG_DATA_HOME/cloudlet"),
        ("host", "address to listen on; anything but loopback switches test/test off and generates a root key"),
        ("port", "port to listen on"),
        ("root_access_key_id", "access key id of the root user of account 000000000000"),
        ("root_secret_access_key", "its secret"),
        (
            "smtp_relay",
            "SMTP server for e-mail: [smtp[s]://][user:password@]host[:port]; without one mail stays in the node",
        ),
        ("smtp_sender", "From address of e-mail"),
        ("extra_hosts", "further host names by which browsers may reach the node with a root key, comma-separated"),
        ("tls_port", "also listen here with TLS; 0 = don't"),
        ("tls_certificate", "PEM file of the TLS certificate (chain)"),
        ("tls_key", "PEM file of its private key"),
        ("functions_network", "private: functions reach the node only; host: they share this machine's network"),
        ("functions_level", "isolation of functions: auto, namespaces, landlock or none"),
        ("functions_max", "how many execution environments may exist at once"),
        ("accept_loss", "open a store whose log has lost writes that were on disk"),
        ("engine", "storage engine: rocksdb, or sqlite where no wheel exists"),
        ("log_level", "debug, info, warning or error"),
        ("watch_loop", "time each callback of the event loop: `cloudlet status` shows the longest; debug mode does"),
    )
)


class SettingsError(ValueError):
    """A setting that cannot be: what was got, what was expected."""


def default_data_directory(environment: Mapping[str, str] = os.environ) -> Path:
    base = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "cloudlet"


def read_settings(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from what was `given` (by field; None = not given), else the environment, else the defaults."""
    values: dict[str, Any] = {}
    for field in fields(Settings):
        name = field.name
        if given.get(name) is not None:
            values[name] = given[name]
        elif (text := environment.get(f"CLOUDLET_{name.upper()}")) is not None:
            values[name] = _parsed(name, text, field.default)
    if "data" not in values:
        values["data"] = default_data_directory(environment)
    if given.get("ephemeral"):
        values["data"] = None
    return _checked(Settings(**values))


def _parsed(name: str, text: str, default: Any) -> Any:
    if name == "data":
        return Path(text)
    if isinstance(default, bool):
        if text.lower() not in ("", "0", "1", "true", "false"):
            raise SettingsError(f"CLOUDLET_{name.upper()} is {text!r}; expected 1 or 0")
        return text.lower() in ("1", "true")
    if isinstance(default, int):
        if not text.isdigit():
            raise SettingsError(f"CLOUDLET_{name.upper()} is {text!r}; expected a number")
        return int(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _checked(settings: Settings) -> Settings:
    for name, allowed in (
        ("functions_network", ("private", "host")),
        ("functions_level", ("auto", "namespaces", "landlock", "none")),
        ("engine", ("rocksdb", "sqlite")),
        ("log_level", ("debug", "info", "warning", "error")),
    ):
        if getattr(settings, name) not in allowed:
            raise SettingsError(f"{name} is {getattr(settings, name)!r}; expected one of {', '.join(allowed)}")
    if bool(settings.root_access_key_id) != bool(settings.root_secret_access_key):
        raise SettingsError("root_access_key_id and root_secret_access_key go together: give both or neither")
    if settings.tls_port and not (settings.tls_certificate and settings.tls_key):
        raise SettingsError("tls_port needs tls_certificate and tls_key, two PEM files")
    return settings
