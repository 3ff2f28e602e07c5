"""The only reader of the environment: `.env` below what is set in the process."""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Mapping
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
)
from pydantic import model_validator as model_rule
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from storage.db.engines import whole_url
from storage.definitions import ModelSettings

PREFIX: Final = "COUNTERSIGN_"
ENV_FILE: Final = Path(".env")
_NOT_FOR_CREWS: Final = ("SLACK_", "HITL_BACKEND_", PREFIX)
_ALSO_FOR_CREWS: Final = ("GOOGLE_API_KEY",)
"""Read by us, and by tools such as Google's search too."""

_REMOVED: Final = {
    "COUNTERSIGN_CELERY_BROKER": (
        "was removed: workers get their phases from the database itself, and several hosts share"
        " PostgreSQL (docs/scale.md). Remove the variable"
    ),
}
"""Settings of earlier versions, and what to do instead."""

_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")


class SettingsError(Exception):
    """What is wrong with the environment, one sentence a problem; never a secret's value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _variable(name: str) -> Any:
    return Field(default=None, validation_alias=name)


class Settings(BaseSettings):
    """All that can be set from outside. An empty variable counts as one that is not set."""

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
    openai_api_key: SecretStr | None = _variable("OPENAI_API_KEY")
    openai_base_url: str | None = _variable("OPENAI_BASE_URL")
    openai_model: str | None = _variable("OPENAI_MODEL")
    crewai_model: str | None = _variable("MODEL")
    openrouter_api_key: SecretStr | None = _variable("OPENROUTER_API_KEY")
    openrouter_base_url: str | None = _variable("OPENROUTER_BASE_URL")
    anthropic_api_key: SecretStr | None = _variable("ANTHROPIC_API_KEY")
    anthropic_base_url: str | None = _variable("ANTHROPIC_BASE_URL")
    gemini_api_key: SecretStr | None = _variable("GEMINI_API_KEY")
    google_api_key: SecretStr | None = _variable("GOOGLE_API_KEY")
    gemini_base_url: str | None = _variable("GOOGLE_GEMINI_BASE_URL")
    ollama_host: str | None = _variable("OLLAMA_HOST")
    lease_seconds: float = Field(30, ge=1, le=3600, validation_alias="COUNTERSIGN_LEASE_SECONDS")
    grace_seconds: float = Field(5, ge=1, le=86400, validation_alias="COUNTERSIGN_GRACE_SECONDS")
    keep_days: int = Field(0, ge=0, le=36500, validation_alias="COUNTERSIGN_KEEP_DAYS")
    health_port: int | None = Field(
        None, ge=0, le=65535, validation_alias="COUNTERSIGN_HEALTH_PORT"
    )
    notify_socket: str | None = _variable("NOTIFY_SOCKET")
    watchdog_usec: int | None = _variable("WATCHDOG_USEC")
    default_channel: str | None = Field(
        None, pattern=r"^[CG][A-Z0-9]+$", validation_alias="COUNTERSIGN_DEFAULT_CHANNEL"
    )
    log: Literal["text", "json"] = Field("text", validation_alias="COUNTERSIGN_LOG")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias="COUNTERSIGN_LOG_LEVEL"
    )

    _crew_environment: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @model_rule(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in values.items() if value != ""}

    @field_validator("slack_bot_token", "slack_app_token")
    @classmethod
    def _token_of_its_kind(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
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
            parsed = make_url(whole_url(url.get_secret_value()))
        except ArgumentError:
            raise ValueError("must be an SQLAlchemy URL such as sqlite:///countersign.db") from None
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ValueError("must name a SQLite file or a PostgreSQL server")
        return url

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        if not is_loopback(host):
            raise ValueError(
                "must be a loopback address (127.0.0.1, ::1 or localhost): the REST API has no "
                "tokens yet, so whoever reaches it may decide everything"
            )
        return host

    @model_rule(mode="after")
    def _slack_whole_or_not_at_all(self) -> Settings:
        if self.slack_bot_token is None and (self.slack_app_token or self.slack_signing_secret):
            raise ValueError("SLACK_BOT_TOKEN is missing: the other SLACK_ variables need it")
        if self.slack_bot_token and not (self.slack_app_token or self.slack_signing_secret):
            raise ValueError(
                "SLACK_BOT_TOKEN needs company: SLACK_APP_TOKEN (Socket Mode) or "
                "SLACK_SIGNING_SECRET (requests to POST /slack/events)"
            )
        return self

    @property
    def slack_mode(self) -> Literal["socket", "http"] | None:
        """How Slack reaches the bot; None: no Slack."""
        if self.slack_bot_token is None:
            return None
        return "socket" if self.slack_app_token else "http"

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @property
    def grace(self) -> timedelta:
        """What running phases, and then the deliverer, get to end in peace."""
        return timedelta(seconds=self.grace_seconds)

    @property
    def keep(self) -> timedelta | None:
        """How long executions that have ended are kept; None: for ever."""
        return timedelta(days=self.keep_days) if self.keep_days else None

    @property
    def watchdog_seconds(self) -> float | None:
        """After how long without a sign of life systemd ends the process."""
        return None if self.watchdog_usec is None else self.watchdog_usec / 1e6

    @property
    def model(self) -> ModelSettings:
        return ModelSettings(
            openai_api_key=_open(self.openai_api_key),
            openai_base_url=self.openai_base_url,
            openai_model=self.openai_model or self.crewai_model,
            openrouter_api_key=_open(self.openrouter_api_key),
            openrouter_base_url=self.openrouter_base_url,
            anthropic_api_key=_open(self.anthropic_api_key),
            anthropic_base_url=self.anthropic_base_url,
            gemini_api_key=_open(self.gemini_api_key),
            google_api_key=_open(self.google_api_key),
            gemini_base_url=self.gemini_base_url,
            ollama_host=self.ollama_host,
        )

    @property
    def slack_is_here(self) -> bool:
        """Whether SLACK_API_URL leads to this machine, as in practice."""
        return is_loopback(urlsplit(self.slack_api_url).hostname or "")

    @property
    def crew_environment(self) -> Mapping[str, str]:
        """What is there for the crews alone: what `.env` holds beyond our own names, and the
        way out through a proxy, which leaves this machine itself out (the drafter listens here).
        """
        return self._crew_environment


def _open(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


VARIABLES: Final = tuple(str(field.validation_alias) for field in Settings.model_fields.values())


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(
    env_file: Path = ENV_FILE, *, instead: Mapping[str, str] | None = None
) -> Settings:
    """Read the environment, or raise SettingsError with every problem in words.

    The variables in `instead` win over everything; an empty one there is not set at all.
    """
    in_file = _read_env_file(env_file)
    problems = list(_unknown_of_ours({**in_file, **os.environ}))
    settings = None
    try:
        settings = Settings(_env_file=env_file, **(instead or {}))  # type: ignore[call-arg, arg-type]  # as pydantic-settings takes them
    except ValidationError as error:
        problems += [_sentence(dict(problem)) for problem in error.errors(include_input=False)]
    if settings is None or problems:
        raise SettingsError(tuple(problems))
    settings._crew_environment = {**_for_crews(in_file), **_proxies()}
    return settings


def forget_proxies() -> None:
    """Take the proxies out of this process, for a Slack that is on this machine.

    Slack's libraries send everything through a proxy that they find, whatever NO_PROXY says.
    """
    for name in [name for name in os.environ if name.lower() in _PROXIES]:
        del os.environ[name]


def _for_crews(in_file: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in in_file.items()
        if name in _ALSO_FOR_CREWS
        or (name not in VARIABLES and not name.startswith(_NOT_FOR_CREWS))
    }


def _proxies() -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
    if not found:
        return {}
    direct = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    spared = ",".join(part for part in (direct, "127.0.0.1,localhost,::1") if part)
    return {**found, "NO_PROXY": spared, "no_proxy": spared}


def _read_env_file(env_file: Path) -> dict[str, str]:
    try:
        found = dotenv_values(env_file)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError((f"{env_file} cannot be read: {error}",)) from error
    return {name: value for name, value in found.items() if value is not None}


def _unknown_of_ours(environment: Mapping[str, str]) -> tuple[str, ...]:
    ours = [name for name in VARIABLES if name.startswith(PREFIX)]
    unknown = sorted(n for n in environment if n.startswith(PREFIX) and n not in ours)
    return tuple(
        f"{name} {_REMOVED.get(name) or f'is not a setting; {_nearest(name, ours)}'}"
        for name in unknown
        if environment[name] or name not in _REMOVED
    )


def _nearest(name: str, known: list[str]) -> str:
    suffixes = [candidate.removeprefix(PREFIX) for candidate in known]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), suffixes, n=1, cutoff=0.4)
    return f"did you mean {PREFIX}{near[0]}?" if near else "there are: " + ", ".join(known)


def _sentence(problem: dict[str, Any]) -> str:
    """A pydantic error as one sentence; its input is never part of it."""
    name = str(problem["loc"][0]) if problem["loc"] else ""
    allowed = {
        "int_parsing": "must be a whole number",
        "float_parsing": "must be a number",
        "string_pattern_mismatch": "must be a channel's id such as C0123456789",
    }
    reason = allowed.get(problem["type"], str(problem["msg"]).removeprefix("Value error, "))
    reason = reason.replace("Input should be", "must be")
    return f"{name} {reason}".strip()
