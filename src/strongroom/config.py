"""Every setting of the server: what it means, where it came from.

A setting is given as a command-line flag, an environment variable (`STRONGROOM_` and its name in capitals)
or a key of the TOML file, and the first of these wins. Unknown keys are refused, so that a typing error
does not silently leave a default in force.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from strongroom.domain.quotas import AWS, Quotas
from strongroom.domain.regions import AWS_REGIONS
from strongroom.errors import OperatorError

ENVIRONMENT_PREFIX: Final = "STRONGROOM_"
DEFAULT_PORT: Final = 4584

_ACCOUNT_ID: Final = re.compile(r"\d{12}")
_REGION: Final = re.compile(r"[a-z0-9-]{1,64}")
_ACCESS_KEY_ID: Final = re.compile(r"[A-Za-z0-9]{16,128}")
MIN_SECRET_LENGTH: Final = 16
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


def _setting(default: Any, text: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"help": text, "secret": secret}, repr=not secret)


def _default_data_dir() -> Path:
    from platformdirs import user_data_path  # noqa: PLC0415 - most deployments say where

    return user_data_path("strongroom", appauthor=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of a server. Paths that depend on the data directory are properties."""

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(DEFAULT_PORT, "TCP port to listen on; 0 takes a free one.")
    data_dir: Path = field(
        default_factory=_default_data_dir,
        metadata={"help": "Directory of the database, the root key and the audit trail.", "secret": False},
    )
    database: str | None = _setting(
        None, "postgresql:// URL of the database; without it SQLite in the data directory.", secret=True
    )
    workers: int = _setting(1, "Worker processes that answer requests.")
    tls_cert: Path | None = _setting(None, "PEM file of the TLS certificate chain.")
    tls_key: Path | None = _setting(None, "PEM file of the certificate's private key.")
    insecure_http: bool = _setting(False, "Allow plain HTTP on an address other than loopback.")  # noqa: FBT003
    account_id: str = _setting("123456789012", "The AWS account id that the root access key belongs to.")
    region: str = _setting("us-east-1", "Region that the printed instructions use; the server answers in every region.")
    regions: tuple[str, ...] = _setting(
        (), "Regions that secrets may be replicated to, separated by commas; none given means AWS's."
    )
    root_key_file: Path | None = _setting(None, "File of the root key; default: root.key in the data directory.")
    root_access_key_id: str | None = _setting(None, "Access key id of the account's root, instead of a random one.")
    root_secret_access_key: str | None = _setting(
        None, "Secret of root_access_key_id, 16 characters or more.", secret=True
    )
    quotas_requests: str = _setting("off", "Request rates: off, or aws for AWS's published ones.")
    quotas_secrets: int = _setting(AWS.secrets, "Secrets per account and region.")
    quotas_versions: int = _setting(AWS.versions_per_secret, "Versions of a secret that the clean-up may not remove.")
    quotas_labels: int = _setting(AWS.labels_per_secret, "Staging labels over all versions of a secret.")
    quotas_tags: int = _setting(AWS.tags_per_secret, "Tags per secret.")
    trusted_proxies: tuple[str, ...] = _setting(
        (), "Networks (CIDR) of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, separated by commas."
    )
    authn_failures: int = _setting(
        20, "Wrong signatures of one address with one key id that come at once before it must wait; 0: any number."
    )
    oidc_private_issuers: tuple[str, ...] = _setting(
        (), "Host names of identity providers that may have private addresses, separated by commas."
    )
    oidc_http_issuers: tuple[str, ...] = _setting(
        (), "Host names of identity providers that may be asked without TLS, separated by commas."
    )
    oidc_ca_file: Path | None = _setting(
        None, "PEM file of authorities that identity providers' certificates may name."
    )
    audit_fsync: str = _setting(
        "batch", "What waits until its record is on disk: record (every answer), batch (changes), interval (nothing)."
    )
    audit_rotate_bytes: int = _setting(67_108_864, "Size at which a file of the audit trail is finished; 0: never.")
    audit_rotate_days: int = _setting(1, "Age in days at which a file of the audit trail is finished; 0: never.")
    audit_keep_days: int = _setting(
        0, "Days after which compressed files of the audit trail are deleted, once they are in the index; 0: never."
    )
    audit_checkpoint_minutes: int = _setting(
        60, "Minutes between two signed checkpoints of the audit trail, if it has grown; 0: none."
    )
    audit_index_days: int = _setting(
        90, "Days that events of the audit trail can be asked for (LookupEvents, audit search); 0: not at all."
    )
    deletion_hold_on_read_days: int = _setting(
        0, "Days that a refused read of a secret scheduled for deletion postpones its purge to; 0: not at all."
    )
    deletion_hold_max_days: int = _setting(30, "Most days that a purge is postponed beyond the end of its window.")
    deletion_min_days: tuple[str, ...] = _setting(
        (), "Shortest recovery windows by prefixes of names, as prefix=days, separated by commas."
    )
    alarms_sinks: tuple[str, ...] = _setting(
        (), "Where alarms are told, as name=URL, separated by commas (docs/alarms.md).", secret=True
    )
    alarms_signing_key: str | None = _setting(
        None, "Key that webhooks are signed with, 16 characters or more.", secret=True
    )
    alarms_ca_file: Path | None = _setting(
        None, "PEM file of authorities, besides the system's, that receivers' certificates may name."
    )
    alarms_off: tuple[str, ...] = _setting((), "Names of alarms that never ring, separated by commas.")
    alarms_denied_calls: int = _setting(20, "Denied calls of one caller within alarms_denied_minutes that ring.")
    alarms_denied_minutes: int = _setting(5, "Minutes within which denied calls of one caller are counted.")
    alarms_mass_reads: int = _setting(50, "Secrets read by one caller within alarms_mass_minutes that ring.")
    alarms_mass_minutes: int = _setting(5, "Minutes within which the secrets that one caller reads are counted.")
    alarms_purge_days: int = _setting(3, "Days before a purge from which on readers of the secret ring.")
    metrics: bool = _setting(False, "Serve counters at /metrics, to anyone who reaches the port.")  # noqa: FBT003
    metrics_token_file: Path | None = _setting(
        None, "File of a token of 16 characters or more: /metrics is for who sends it as a bearer."
    )
    metrics_listen: str | None = _setting(
        None, "host:port where /metrics is served too; with it a token opens only this listener, unless metrics is set."
    )
    log_level: str = _setting("info", "Least important messages to log: debug, info, warning or error.")
    shutdown_grace_seconds: int = _setting(30, "How long a stopping server waits for requests under way.")

    @property
    def root_key_path(self) -> Path:
        return self.root_key_file or self.data_dir / "root.key"

    @property
    def database_path(self) -> Path:
        return self.data_dir / "strongroom.db"

    @property
    def audit_dir(self) -> Path:
        return self.data_dir / "audit"

    @property
    def metrics_dir(self) -> Path:
        return self.data_dir / "metrics"

    @property
    def is_measured(self) -> bool:
        """Whether anyone may ask for /metrics."""
        return self.metrics or self.metrics_token_file is not None or self.metrics_listen is not None

    @property
    def are_metrics_on_port(self) -> bool:
        return self.metrics or (self.metrics_token_file is not None and self.metrics_listen is None)

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Return where /metrics has a listener of its own, if anywhere."""
        if self.metrics_listen is None:
            return None
        host, _, port = self.metrics_listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def credentials_path(self) -> Path:
        return self.data_dir / "credentials"

    @property
    def known_regions(self) -> frozenset[str]:
        return frozenset(self.regions or AWS_REGIONS)

    @property
    def quotas(self) -> Quotas:
        return Quotas(self.quotas_secrets, self.quotas_versions, self.quotas_labels, self.quotas_tags)

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert else "http"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and, for each setting, where its value came from."""

    config: Config
    origins: Mapping[str, str]


def load(flags: Mapping[str, Any], environment: Mapping[str, str], config_file: Path | None = None) -> Loaded:
    """Return the settings in force.

    Args:
        flags: settings given on the command line; None means not given.
        environment: the process environment.
        config_file: TOML file; STRONGROOM_CONFIG names one where this is None.

    Raises:
        OperatorError: an unreadable file, an unknown key, or a value that makes no sense.
    """
    known = {item.name: item for item in fields(Config)}
    types_of = typing.get_type_hints(Config)
    path = config_file or (Path(named) if (named := environment.get(f"{ENVIRONMENT_PREFIX}CONFIG")) else None)
    values: dict[str, Any] = {}
    origins = dict.fromkeys(known, "default")
    for origin, given in (
        (f"file {path}", {} if path is None else _read_file(path, known)),
        ("environment", _read_environment(environment, known)),
        ("flag", {name: value for name, value in flags.items() if value is not None}),
    ):
        for name, value in given.items():
            values[name] = _typed(name, value, types_of[name], origin)
            origins[name] = f"{ENVIRONMENT_PREFIX}{name.upper()}" if origin == "environment" else origin
    config = Config(**values)
    _require_sense(config)
    return Loaded(config, origins)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_network(text: str) -> bool:
    """Tell whether a text is a network in CIDR notation, or one address."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _read_file(path: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OperatorError(
            f"The configuration file {path} cannot be read.",
            why=str(error),
            next_step="mend the file, or leave out --config",
        ) from error
    flat = dict(_flattened(content))
    for name in flat:
        if name not in known:
            raise _unknown(name, f"the configuration file {path}", known)
    return flat


def _flattened(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings of tables too: `requests` in the table `quotas` is quotas_requests."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}_")
        else:
            yield prefix + name, value


def _read_environment(environment: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, str]:
    given = {}
    for variable, value in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and variable != f"{ENVIRONMENT_PREFIX}CONFIG":
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            if name.startswith("test_"):
                continue
            if name not in known:
                raise _unknown(variable, "the environment", known)
            given[name] = value
    return given


def _unknown(name: str, where: str, known: Mapping[str, Any]) -> OperatorError:
    return OperatorError(
        f"There is no setting {name}, which {where} names.",
        why="a misspelt setting would otherwise be ignored without a word",
        next_step=f"use one of: {', '.join(known)}",
    )


def _typed(name: str, value: Any, kind: Any, origin: str) -> Any:
    if isinstance(kind, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    try:
        if kind is bool and isinstance(value, str):
            return _truth(value)
        if kind is int and isinstance(value, str):
            return int(value)
        if typing.get_origin(kind) is tuple:
            return _listed(value)
        if kind is Path:
            return Path(value).expanduser().absolute()
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise TypeError(f"a value of type {kind.__name__} is wanted, not {type(value).__name__}")
    except (ValueError, TypeError) as error:
        raise unusable(name, f"{error} (from: {origin})") from error
    return value


def unusable(name: str, why: str) -> OperatorError:
    """Return the error about a setting whose value cannot be used."""
    return OperatorError(
        f"The setting {name} has an unusable value.", why=why, next_step="its meaning is in docs/configuration.md"
    )


def _listed(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    items = tuple(value)
    if not all(isinstance(item, str) for item in items):
        raise TypeError("a list of strings is wanted")
    return items


def _truth(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError(f"{text!r} is neither true nor false")


def _require_sense(config: Config) -> None:
    for holds, name, why in (*_rules_of_numbers_and_names(config), *_rules_of_access(config)):
        if not holds:
            raise unusable(name, why)


_Rule = tuple[Any, str, str]
"""Whether it holds, of which setting, and what it says."""


def _rules_of_numbers_and_names(config: Config) -> tuple[_Rule, ...]:
    return (
        (0 <= config.port < 65_536, "port", "a port is 0 to 65535"),  # noqa: PLR2004
        (1 <= config.workers <= 64, "workers", "1 to 64 processes"),  # noqa: PLR2004
        (_ACCOUNT_ID.fullmatch(config.account_id), "account_id", "an account id is twelve digits"),
        (_REGION.fullmatch(config.region), "region", "a region is lower-case letters, digits and hyphens"),
        (
            all(_REGION.fullmatch(region) for region in config.regions),
            "regions",
            "every region is lower-case letters, digits and hyphens",
        ),
        (config.log_level in _LOG_LEVELS, "log_level", f"one of {', '.join(_LOG_LEVELS)}"),
        (config.quotas_requests in ("off", "aws"), "quotas_requests", "off or aws"),
        (min(config.quotas.numbers) > 0, "quotas_secrets", "every quota is a positive number"),
        (config.authn_failures >= 0, "authn_failures", "a number of failures, or 0"),
        (config.audit_fsync in ("record", "batch", "interval"), "audit_fsync", "record, batch or interval"),
        (config.audit_rotate_bytes >= 0, "audit_rotate_bytes", "a number of bytes, or 0"),
        (config.audit_rotate_days >= 0, "audit_rotate_days", "a number of days, or 0"),
        (config.audit_keep_days >= 0, "audit_keep_days", "a number of days, or 0"),
        (
            not config.audit_keep_days or config.audit_index_days,
            "audit_keep_days",
            "files are deleted only when they are in the index, and audit_index_days is 0",
        ),
        (config.audit_checkpoint_minutes >= 0, "audit_checkpoint_minutes", "a number of minutes, or 0"),
        (config.audit_index_days >= 0, "audit_index_days", "a number of days, or 0"),
        (config.shutdown_grace_seconds >= 0, "shutdown_grace_seconds", "a number of seconds"),
        (
            config.database is None or config.database.startswith(("postgresql://", "postgres://")),
            "database",
            "a database other than the built-in SQLite is named by a postgresql:// URL",
        ),
    )


def _rules_of_access(config: Config) -> tuple[_Rule, ...]:
    return (
        (
            all(map(is_network, config.trusted_proxies)),
            "trusted_proxies",
            "every network is an address, or one with a prefix length like 10.0.0.0/8",
        ),
        ((config.tls_cert is None) == (config.tls_key is None), "tls_cert", "tls_cert and tls_key go together"),
        (
            (config.root_access_key_id is None) == (config.root_secret_access_key is None),
            "root_access_key_id",
            "root_access_key_id and root_secret_access_key go together",
        ),
        (
            config.root_access_key_id is None or _ACCESS_KEY_ID.fullmatch(config.root_access_key_id),
            "root_access_key_id",
            "16 to 128 letters and digits",
        ),
        (
            len(config.root_secret_access_key or "x" * MIN_SECRET_LENGTH) >= MIN_SECRET_LENGTH,
            "root_secret_access_key",
            f"at least {MIN_SECRET_LENGTH} characters",
        ),
    )
