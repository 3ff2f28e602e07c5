"""The settings, read from the environment and `.env`. The environment takes precedence."""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bot.api_settings import ApiSettings
from bot.webhooks.addresses import AllowedAddresses
from bot.webhooks.encryption import parse_keys
from bot.webhooks.setting_types import EncryptionKeys, WebhookAddresses
from crew_runner.child.environment import is_secret
from crew_runner.child.withheld import Withheld
from crew_runner.config.webhooks_entry import secrets_in
from crew_runner.models import variables
from storage.db.engines import normalize_url
from storage.definitions import ModelSettings

PREFIX: Final = "COUNTERSIGN_"
ENV_FILE: Final = Path(".env")
_NOT_FOR_CREWS: Final = ("SLACK_", "HITL_BACKEND_", PREFIX)
_ALSO_FOR_CREWS: Final = ("GOOGLE_API_KEY",)
"""Variables that crews' tools read too, such as Google's search."""

_REMOVED: Final = {
    "COUNTERSIGN_CELERY_BROKER": (
        "was removed: workers get their phases from the database itself, and several hosts share"
        " PostgreSQL (docs/scale.md). Remove the variable"
    ),
}
"""Settings of earlier versions, and what replaces them."""

_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")


class SettingsError(Exception):
    """The settings are invalid. `problems` has one sentence for each, without secret values."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _variable(name: str) -> Any:
    return Field(default=None, validation_alias=name)


class Settings(ApiSettings):
    """Every setting. An empty variable counts as not set."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, case_sensitive=True, hide_input_in_errors=True
    )

    slack_bot_token: SecretStr | None = _variable("SLACK_BOT_TOKEN")
    slack_signing_secret: SecretStr | None = _variable("SLACK_SIGNING_SECRET")
    slack_app_token: SecretStr | None = _variable("SLACK_APP_TOKEN")
    slack_api_url: str = Field("https://slack.com/api/", validation_alias="SLACK_API_URL")
    database_url: SecretStr = Field(
        SecretStr("sqlite:///countersign.db"), validation_alias="DATABASE_URL"
    )
    database_pool: int = Field(10, ge=1, le=500, validation_alias="COUNTERSIGN_DATABASE_POOL")
    host: str = Field("127.0.0.1", validation_alias="HITL_BACKEND_HOST")
    port: int = Field(8000, ge=0, le=65535, validation_alias="HITL_BACKEND_PORT")
    crews_file: Path = Field(Path("crews.yml"), validation_alias="CREWS_FILE")
    lease_seconds: float = Field(30, ge=1, le=3600, validation_alias="COUNTERSIGN_LEASE_SECONDS")
    grace_seconds: float = Field(5, ge=1, le=86400, validation_alias="COUNTERSIGN_GRACE_SECONDS")
    keep_days: int = Field(0, ge=0, le=36500, validation_alias="COUNTERSIGN_KEEP_DAYS")
    health_port: int | None = Field(
        None, ge=0, le=65535, validation_alias="COUNTERSIGN_HEALTH_PORT"
    )
    traces_endpoint: str | None = Field(
        None, pattern="^https?://", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    traces_headers: SecretStr | None = _variable("OTEL_EXPORTER_OTLP_HEADERS")
    service_name: str = Field("countersign", validation_alias="OTEL_SERVICE_NAME")
    notify_socket: str | None = _variable("NOTIFY_SOCKET")
    watchdog_usec: int | None = _variable("WATCHDOG_USEC")
    default_channel: str | None = Field(
        None, pattern=r"^[CG][A-Z0-9]+$", validation_alias="COUNTERSIGN_DEFAULT_CHANNEL"
    )
    webhook_addresses: WebhookAddresses = Field(
        AllowedAddresses(), validation_alias="COUNTERSIGN_WEBHOOK_ALLOW"
    )
    encryption_keys: EncryptionKeys = Field(
        SecretStr(""), validation_alias="COUNTERSIGN_ENCRYPTION_KEYS"
    )
    log: Literal["text", "json"] = Field("text", validation_alias="COUNTERSIGN_LOG")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias="COUNTERSIGN_LOG_LEVEL"
    )

    _crew_environment: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _model: ModelSettings = PrivateAttr(default_factory=ModelSettings)
    _secrets: frozenset[str] = PrivateAttr(default=frozenset())
    _withheld: Withheld = PrivateAttr(default_factory=Withheld)
    _webhook_secrets: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in values.items() if value != ""}

    @field_validator("slack_bot_token", "slack_app_token")
    @classmethod
    def _token_prefix(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        prefix = "xoxb-" if info.field_name == "slack_bot_token" else "xapp-"
        if token is not None and not token.get_secret_value().startswith(prefix):
            raise ValueError(f"must begin with {prefix}")
        return token

    @field_validator("slack_api_url")
    @classmethod
    def _api_url(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        return url.rstrip("/") + "/"

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, url: SecretStr) -> SecretStr:
        try:
            parsed = make_url(normalize_url(url.get_secret_value()))
        except ArgumentError:
            raise ValueError("must be an SQLAlchemy URL such as sqlite:///countersign.db") from None
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ValueError("must name a SQLite file or a PostgreSQL server")
        return url

    @model_validator(mode="after")
    def _slack_settings_complete(self) -> Settings:
        if self.slack_bot_token is None and (self.slack_app_token or self.slack_signing_secret):
            raise ValueError("SLACK_BOT_TOKEN is missing: the other SLACK_ variables need it")
        if self.slack_bot_token and not (self.slack_app_token or self.slack_signing_secret):
            raise ValueError(
                "SLACK_BOT_TOKEN is not enough: also set SLACK_APP_TOKEN (Socket Mode) or "
                "SLACK_SIGNING_SECRET (requests to POST /slack/events)"
            )
        return self

    @property
    def slack_mode(self) -> Literal["socket", "http"] | None:
        """How Slack reaches the bot, or None if Slack is not set up."""
        if self.slack_bot_token is None:
            return None
        return "socket" if self.slack_app_token else "http"

    @property
    def on_loopback(self) -> bool:
        """Whether only programs on this machine reach the API."""
        return is_loopback(self.host)

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @property
    def grace(self) -> timedelta:
        """How long running phases, and then message delivery, may take to finish on shutdown."""
        return timedelta(seconds=self.grace_seconds)

    @property
    def keep(self) -> timedelta | None:
        """How long ended executions are kept, or None to keep them forever."""
        return timedelta(days=self.keep_days) if self.keep_days else None

    @property
    def watchdog_seconds(self) -> float | None:
        """After how many seconds without a heartbeat systemd kills the process."""
        return None if self.watchdog_usec is None else self.watchdog_usec / 1e6

    @property
    def model(self) -> ModelSettings:
        return self._model

    @property
    def webhook_secrets(self) -> Mapping[str, str]:
        """The variables that crews.yml names as secrets of webhooks, with their values."""
        return self._webhook_secrets

    @property
    def fernet_keys(self) -> tuple[str, ...]:
        """The keys that encrypt secrets at rest, the newest first; none: they are not encrypted."""
        return parse_keys(self.encryption_keys.get_secret_value())

    @property
    def slack_is_local(self) -> bool:
        """Whether SLACK_API_URL is on this machine, as in practice."""
        return is_loopback(urlsplit(self.slack_api_url).hostname or "")

    @property
    def crew_environment(self) -> Mapping[str, str]:
        """Variables for crews' processes: those of `.env` that are not ours, and the proxy.

        The proxy is bypassed for this machine, because the offline drafter listens on it.
        """
        return self._crew_environment

    @property
    def secrets(self) -> frozenset[str]:
        """The bot's secrets, also values in `.env` that the environment replaces."""
        return self._secrets

    @property
    def withheld(self) -> Withheld:
        """What no crew may get: the bot's secrets, its env file and its SQLite database."""
        return self._withheld


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


VARIABLES: Final = (
    *(str(field.validation_alias) for field in Settings.model_fields.values()),
    *variables.VARIABLES,
)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(
    env_file: Path = ENV_FILE, *, overrides: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings. Raises SettingsError, which lists every problem.

    `overrides` take precedence over the environment; an empty one unsets its variable.
    """
    in_file = _read_env_file(env_file)
    problems = list(_unknown_settings({**in_file, **os.environ}))
    settings = None
    try:
        settings = Settings(_env_file=env_file, **(overrides or {}))  # type: ignore[call-arg, arg-type]  # as pydantic-settings takes them
    except ValidationError as error:
        problems += [_describe(dict(problem)) for problem in error.errors(include_input=False)]
    if settings is None or problems:
        raise SettingsError(tuple(problems))
    settings._model = _model(in_file, env_file, overrides or {})
    in_crews_file = secrets_in(settings.crews_file)
    settings._webhook_secrets = {
        name: value
        for name in in_crews_file.variables
        if (value := os.environ.get(name, in_file.get(name)))
    }
    settings._secrets = _secrets(settings, in_file) | in_crews_file.values(in_file, os.environ)
    files = [env_file.absolute(), *_database_files(settings)]
    if in_crews_file.written:
        files.append(settings.crews_file.absolute())
    settings._withheld = Withheld.of(settings._secrets, map(str, files))
    settings._crew_environment = {
        name: value
        for name, value in {**_for_crews(in_file), **_proxies()}.items()
        if value not in settings._secrets
    }
    return settings


def remove_proxies() -> None:
    """Remove the proxy variables from this process, for a Slack on this machine.

    Slack's libraries use a proxy for every request and ignore NO_PROXY.
    """
    for name in [name for name in os.environ if name.lower() in _PROXIES]:
        del os.environ[name]


_SECRETS: Final = tuple(
    str(field.validation_alias)
    for field in Settings.model_fields.values()
    if "SecretStr" in str(field.annotation) and is_secret(str(field.validation_alias))
)
"""The variables of ours whose values are secret. Crews need the keys of models."""


def _secrets(settings: Settings, in_file: Mapping[str, str]) -> frozenset[str]:
    values = [
        source[name] for name in _SECRETS for source in (in_file, os.environ) if name in source
    ]
    tokens = (settings.slack_bot_token, settings.slack_signing_secret, settings.slack_app_token)
    keys = settings.fernet_keys
    return frozenset(filter(None, [*values, *map(_reveal, tokens), *keys]))


def _model(
    in_file: Mapping[str, str], env_file: Path, overrides: Mapping[str, str]
) -> ModelSettings:
    known = {**os.environ, **overrides}
    environment = {name: known[name] for name in variables.VARIABLES if name in known}
    sources = [variables.Source(environment), variables.Source(in_file, str(env_file))]
    return replace(
        variables.read(sources), environment=environment, env_file=str(env_file.resolve())
    )


def _database_files(settings: Settings) -> tuple[Path, ...]:
    url = make_url(normalize_url(settings.database_url.get_secret_value()))
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return ()
    file = Path(str(url.database)).absolute()
    return (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm", "-journal")))


def _for_crews(in_file: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in in_file.items()
        if name in _ALSO_FOR_CREWS
        or (name not in VARIABLES and not name.startswith(_NOT_FOR_CREWS))
    }


def _proxies() -> dict[str, str]:
    proxies = {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
    if not proxies:
        return {}
    no_proxy = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    no_proxy = ",".join(part for part in (no_proxy, "127.0.0.1,localhost,::1") if part)
    return {**proxies, "NO_PROXY": no_proxy, "no_proxy": no_proxy}


def _read_env_file(env_file: Path) -> dict[str, str]:
    try:
        values = dotenv_values(env_file)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError((f"{env_file} cannot be read: {error}",)) from error
    return {name: value for name, value in values.items() if value is not None}


def _unknown_settings(environment: Mapping[str, str]) -> tuple[str, ...]:
    known = [name for name in VARIABLES if name.startswith(PREFIX)]
    unknown = sorted(n for n in environment if n.startswith(PREFIX) and n not in known)
    return tuple(
        f"{name} {_REMOVED.get(name) or f'is not a setting; {_nearest(name, known)}'}"
        for name in unknown
        if environment[name] or name not in _REMOVED
    )


def _nearest(name: str, known: list[str]) -> str:
    suffixes = [candidate.removeprefix(PREFIX) for candidate in known]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), suffixes, n=1, cutoff=0.4)
    return f"did you mean {PREFIX}{near[0]}?" if near else "the settings are " + ", ".join(known)


_PATTERN_HINTS: Final = {
    "COUNTERSIGN_DEFAULT_CHANNEL": "must be a channel's id such as C0123456789",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "must begin with https:// or http://",
}


def _describe(problem: dict[str, Any]) -> str:
    """A pydantic error as one sentence, without the value that was set."""
    name = str(problem["loc"][0]) if problem["loc"] else ""
    reasons = {
        "int_parsing": "must be a whole number",
        "float_parsing": "must be a number",
        "string_pattern_mismatch": _PATTERN_HINTS.get(name, "has the wrong form"),
    }
    reason = reasons.get(problem["type"], str(problem["msg"]).removeprefix("Value error, "))
    reason = reason.replace("Input should be", "must be")
    return f"{name} {reason}".strip()
