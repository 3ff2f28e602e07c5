"""The doctor's check of webhooks: their secrets, where they go, and what was not delivered."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bot.findings import Finding, failed, good, warning
from bot.settings import Settings
from bot.webhooks.targets import check_target
from crew_runner.config.registry import CrewsFileError, load_crews, load_webhooks

_ADVICE = (
    "Set COUNTERSIGN_ENCRYPTION_KEYS to a key such as `openssl rand -base64 32 | tr +/ -_` prints."
)


def check_webhooks(settings: Settings) -> Iterator[Finding]:
    if not settings.crews_file.exists():
        return  # the check of the crews says so
    check = partial(check_target, allowed=settings.webhook_addresses)
    try:
        webhooks = load_webhooks(settings.crews_file, settings.webhook_secrets, check)
    except CrewsFileError as error:
        if _crews_load(settings):
            advice = f"Fix {settings.crews_file}, or set the variable."
            yield failed("Webhooks", str(error), advice)
        return
    names = ", ".join(sorted(webhooks))
    if settings.fernet_keys:
        stored = "secrets are encrypted in the database"
        yield good("Webhooks", f"of {names}; their {stored}" if names else f"none; {stored}")
    elif names:
        yield warning("Webhooks", f"of {names}; their secrets are stored unencrypted", _ADVICE)
    else:
        yield good("Webhooks", "none in crews.yml; secrets that clients send are not encrypted")
    if any(network.prefixlen == 0 for network in settings.webhook_addresses.networks):
        yield warning(
            "Webhooks",
            "COUNTERSIGN_WEBHOOK_ALLOW allows every address: clients can make the bot call "
            "whatever it reaches",
            "Name only the networks of your receivers.",
        )


def _crews_load(settings: Settings) -> bool:
    """Whether the rest of the file is fine; else the check of the crews has said what is not."""
    try:
        load_crews(settings.crews_file)
    except CrewsFileError:
        return False
    return True
