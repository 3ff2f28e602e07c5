"""The key `webhooks` of crews.yml: what it takes, and that its secrets stay with the bot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from crew_runner.config.registry import CrewsFileError, load_crews, load_webhooks
from crew_runner.config.webhooks_entry import WebhookSecrets, secrets_in
from storage.webhooks import NewWebhook, WebhookFormat

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLDER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
CREWS = """
crews:
  plan:
    crew: shop.crews:PlanCrew
    approvers: ["@channel"]
    webhooks:
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "crews.yml"


def write(file: Path, *webhooks: str) -> None:
    file.write_text(dedent(CREWS) + "".join(f"      - {each}\n" for each in webhooks))


def load(
    file: Path, variables: Mapping[str, str] | None = None, refused: str = ""
) -> tuple[NewWebhook, ...]:
    def check(url: str) -> None:
        if url == refused:
            raise ValueError("is not a public address")

    return load_webhooks(file, variables or {}, check).get("plan", ())


def test_a_webhook_has_its_secret_in_the_file_or_in_a_variable(file: Path) -> None:
    write(
        file,
        f"{{url: https://one.example/hook, secret: {SECRET}}}",
        "{url: https://two.example, secret: '${HOOK}', previous_secret: '${OLD_HOOK}'}",
        "{url: https://amp.example/, secret: any text, format: amp}",
    )

    one, two, amp = load(file, {"HOOK": SECRET, "OLD_HOOK": OLDER})

    assert (one.url, one.secrets, one.crew) == (
        "https://one.example/hook",
        {"secret": SECRET},
        "plan",
    )
    assert two.secrets == {"secret": SECRET, "previous_secret": OLDER}
    assert (amp.format, amp.secrets) == (WebhookFormat.AMP, {"secret": "any text"})
    assert SECRET not in repr(one)


def test_the_definition_that_crews_get_holds_nothing_of_it(file: Path) -> None:
    write(file, f"{{url: https://one.example/hook, secret: {SECRET}}}")

    definition = repr(load_crews(file)["plan"])

    assert "one.example" not in definition
    assert SECRET not in definition


@pytest.mark.parametrize(
    ("webhook", "problem"),
    [
        ("{url: https://one.example}", "webhooks[0].secret: is missing"),
        ("{secret: x}", "webhooks[0].url: is missing"),
        ("{url: https://one.example, secret: hush}", "webhooks[0].secret: must begin with whsec_"),
        (
            f"{{url: https://one.example, secret: {SECRET}, previous_secret: whsec_x}}",
            "webhooks[0].previous_secret: must be base64",
        ),
        (f"{{url: ftp://one.example, secret: {SECRET}}}", "webhooks[0].url: must begin with https"),
        (f"{{url: 'https://a:hush@one.example', secret: {SECRET}}}", "webhooks[0].url: must begin"),
        (f"{{url: https://one.example, secret: {SECRET}, format: xml}}", "webhooks[0].format"),
        (
            f"{{url: https://one.example, secret: {SECRET}, events: all}}",
            "webhooks[0].events: is not a known key; Allowed here: url, secret",
        ),
        ("{url: https://one.example, secret: 12345678}", "webhooks[0].secret: must be text"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_never_with_the_secret(
    file: Path, webhook: str, problem: str
) -> None:
    write(file, webhook)

    with pytest.raises(CrewsFileError) as refused:
        load_crews(file)

    assert f"{file}: crews.plan.{problem}" in str(refused.value)
    for secret in ("hush", "12345678", SECRET):
        assert secret not in str(refused.value)


def test_a_variable_must_be_set_and_hold_a_secret(file: Path) -> None:
    write(
        file,
        "{url: https://one.example, secret: '${HOOK}'}",
        "{url: https://two.example, secret: '${SHORT}'}",
    )

    with pytest.raises(CrewsFileError) as refused:
        load(file, {"SHORT": "whsec_hush"})

    assert str(refused.value).splitlines() == [
        f"{file}: crews.plan.webhooks[0].secret: the variable HOOK is not set",
        f"{file}: crews.plan.webhooks[1].secret: the variable SHORT must hold 16 to 64 bytes, in "
        "base64 after whsec_",
    ]


def test_a_url_that_may_not_be_called_is_refused(file: Path) -> None:
    write(file, f"{{url: 'http://10.0.0.1/', secret: {SECRET}}}")

    with pytest.raises(CrewsFileError, match=r"webhooks\[0\].url: is not a public address"):
        load(file, refused="http://10.0.0.1/")


def test_a_worker_needs_no_variables_of_webhooks(file: Path) -> None:
    write(file, "{url: https://one.example, secret: '${HOOK}'}")

    assert [*load_crews(file)] == ["plan"]


def test_what_must_be_kept_from_crews_is_found(file: Path) -> None:
    write(
        file,
        f"{{url: https://one.example, secret: {SECRET}, previous_secret: '${{OLD_HOOK}}'}}",
        "{url: https://two.example, secret: ' ${HOOK} '}",
    )

    assert secrets_in(file) == WebhookSecrets(frozenset({"HOOK", "OLD_HOOK"}), frozenset({SECRET}))


def test_a_short_word_as_a_secret_takes_no_other_variable_away(file: Path) -> None:
    write(file, "{url: https://one.example, secret: 'true', format: amp}")

    secrets = secrets_in(file)

    assert secrets.written == {"true"}
    assert secrets.values({"CREWAI_DISABLE_TELEMETRY": "true"}) == frozenset()


@pytest.mark.parametrize(
    "text", ["", "webhooks: [", "crews: {plan: {webhooks: 1}}", "crews: [webhooks]", "webhooks"]
)
def test_a_file_with_mistakes_holds_no_secrets(file: Path, text: str) -> None:
    file.write_text(text)

    assert secrets_in(file) == WebhookSecrets()
    assert secrets_in(file.with_name("missing.yml")) == WebhookSecrets()
