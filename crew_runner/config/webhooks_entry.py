"""The key `webhooks` of a crew in crews.yml.

A secret may be written as `${VARIABLE}`. Nothing of this becomes a part of the crew's definition,
which the crew's own process gets: the front ends load the webhooks by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import yaml
from pydantic import Field, Strict, StringConstraints

from crew_runner.config.strict_yaml import Entry, KeyPath, fails_with, list_of, one_of
from storage.webhooks import PURPOSE_OF, BadSecret, NewWebhook, WebhookFormat, signing_key

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SHORTEST: Final = 8
_SECRETS: Final = ("secret", "previous_secret")

CheckUrl: TypeAlias = Callable[[str], object]
"""Raises ValueError if webhooks may not be sent to this URL."""

Url: TypeAlias = Annotated[
    str,
    Strict(),
    StringConstraints(strip_whitespace=True, pattern=r"^https?://[^\s/@\\]+(/[^\s\\]*)?$"),
    fails_with(lambda _: "must begin with https:// or http://, without a user name or spaces"),
]
Secret: TypeAlias = Annotated[
    str,
    Strict(),
    StringConstraints(strip_whitespace=True, min_length=1),
    fails_with(lambda _: "must be text"),  # and not shown
]


class WebhookEntry(Entry):
    """Where the events of a crew's executions are sent. `previous_secret` signs, too."""

    url: Url
    secret: Annotated[Secret, Field(repr=False)]
    previous_secret: Annotated[Secret | None, Field(repr=False)] = None
    format: Annotated[WebhookFormat, one_of(WebhookFormat)] = WebhookFormat.STANDARD

    def problems(self) -> Iterator[tuple[KeyPath, str]]:
        for key, written in self._written():
            if _VARIABLE.fullmatch(written) is None and (wrong := self._problem(written)):
                yield (key,), f"{wrong}, or ${{VARIABLE}}"

    def new_webhook(
        self, crew: str, variables: Mapping[str, str], check_url: CheckUrl
    ) -> tuple[NewWebhook, list[tuple[KeyPath, str]]]:
        """The webhook with its secrets, and what is wrong with them and with the URL."""
        secrets: dict[str, str] = {}
        problems: list[tuple[KeyPath, str]] = []
        try:
            check_url(self.url)
        except ValueError as error:
            problems.append((("url",), str(error)))
        for key, written in self._written():
            name = _VARIABLE.fullmatch(written)
            secrets[key] = written if name is None else variables.get(name[1], "")
            if name is None:
                continue
            if not secrets[key]:
                problems.append(((key,), f"the variable {name[1]} is not set"))
            elif wrong := self._problem(secrets[key]):
                problems.append(((key,), f"the variable {name[1]} {wrong}"))
        purpose = PURPOSE_OF[self.format]
        return NewWebhook(self.url, self.format, purpose, secrets, crew), problems

    def _written(self) -> Iterator[tuple[str, str]]:
        for key in _SECRETS:
            if (written := getattr(self, key)) is not None:
                yield key, written

    def _problem(self, secret: str) -> str | None:
        if self.format is not WebhookFormat.STANDARD:
            return None
        try:
            signing_key(secret)
        except BadSecret as error:
            return str(error)
        return None


WebhookEntries: TypeAlias = Annotated[
    tuple[WebhookEntry, ...], list_of("webhooks, each with url and secret")
]


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """Where the secrets of a crews.yml are: in `variables`, or `written` in the file itself."""

    variables: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()

    def values(self, *sources: Mapping[str, str]) -> frozenset[str]:
        """The secrets themselves, to keep every variable with such a value from crews.

        A short word in the file is left out: other variables may well have the same value.
        """
        named = [source[name] for name in self.variables for source in sources if name in source]
        long = [secret for secret in self.written if len(secret) >= _SHORTEST]
        return frozenset(filter(None, [*named, *long]))


def may_have_webhooks(path: Path) -> bool:
    """Whether the file is worth reading for webhooks. True if it cannot be read."""
    try:
        return "webhooks" in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return True


def secrets_in(path: Path) -> WebhookSecrets:
    """What must be kept from crews. Nothing if the file cannot be read: loading it says why."""
    try:
        if not may_have_webhooks(path):
            return WebhookSecrets()
        secrets = [*_secrets_under(yaml.safe_load(path.read_text(encoding="utf-8")))]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return WebhookSecrets()
    names = {text: _VARIABLE.fullmatch(text.strip()) for text in secrets}
    return WebhookSecrets(
        frozenset(name[1] for name in names.values() if name is not None),
        frozenset(text for text, name in names.items() if name is None),
    )


def _secrets_under(root: object) -> Iterator[str]:
    crews = root.get("crews") if isinstance(root, dict) else None
    for crew in crews.values() if isinstance(crews, dict) else ():
        webhooks = crew.get("webhooks") if isinstance(crew, dict) else None
        for webhook in webhooks if isinstance(webhooks, list) else ():
            for key in _SECRETS if isinstance(webhook, dict) else ():
                if isinstance(secret := webhook.get(key), str):
                    yield secret
