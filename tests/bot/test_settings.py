"""What can be set, and that an invalid setting is refused by name and never with its value."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from bot.api_settings import RequestRate
from bot.settings import VARIABLES, Settings, SettingsError, load_settings
from storage.definitions import ModelSettings

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads settings from exactly these variables and this `.env`."""
    for name in os.environ:
        if name in VARIABLES or name.startswith("COUNTERSIGN_") or "proxy" in name.lower():
            monkeypatch.delenv(name)

    def loaded(env_file: str | bytes = "", **variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        content = env_file if isinstance(env_file, bytes) else env_file.encode()
        (tmp_path / ".env").write_bytes(content)
        return load_settings(tmp_path / ".env")

    return loaded


def test_by_default_there_is_no_slack_a_sqlite_file_and_loopback(load: Load) -> None:
    settings = load()

    assert settings.slack_mode is None
    assert settings.database_url.get_secret_value() == "sqlite:///countersign.db"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.crews_file == Path("crews.yml")
    assert settings.lease.total_seconds() == 30
    assert settings.model == ModelSettings()


def test_an_app_token_means_socket_mode_and_none_means_http(load: Load) -> None:
    bot = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s"}

    assert load(**bot).slack_mode == "http"
    assert load(**bot, SLACK_APP_TOKEN="xapp-1").slack_mode == "socket"


def test_the_environment_overrides_the_file_even_if_empty(load: Load) -> None:
    file = "OPENAI_MODEL=from-file\nOPENAI_API_KEY=sk-file\nOPENAI_BASE_URL=http://file/v1\n"

    model = load(file, OPENAI_MODEL="from-environment", OPENAI_API_KEY="").model

    assert model.openai_model == "from-environment"
    assert model.openai_api_key is None
    assert model.openai_base_url == "http://file/v1"


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize("name", ["OPENAI_MODEL", "MODEL", "MODEL_NAME", "OPENAI_MODEL_NAME"])
@pytest.mark.parametrize("address", ["OPENAI_BASE_URL", "BASE_URL", "OPENAI_API_BASE", "API_BASE"])
def test_every_name_that_crewai_knows_sets_the_model_and_its_address(
    load: Load, name: str, address: str, in_file: bool
) -> None:
    variables = {name: "local-llama", address: "http://127.0.0.1:9/v1"}
    file = "".join(f"{each}={value}\n" for each, value in variables.items())

    model = load(file).model if in_file else load(**variables).model

    assert model == ModelSettings(
        openai_model="local-llama", openai_base_url="http://127.0.0.1:9/v1"
    )
    where = f" in {Path(model.env_file or '')}" if in_file else ""
    assert model.origins == {"openai_model": name + where, "openai_base_url": address + where}


def test_an_address_in_the_environment_overrides_one_of_another_name_in_the_file(
    load: Load,
) -> None:
    file = "OPENAI_BASE_URL=http://file/v1\nOPENAI_MODEL=from-file\n"

    model = load(file, OPENAI_API_BASE="http://environment/v1", MODEL="from-environment").model

    assert model.openai_base_url == "http://environment/v1"
    assert model.openai_model == "from-environment"


def test_a_missing_file_is_no_problem(tmp_path: Path, load: Load) -> None:
    load()
    (tmp_path / ".env").unlink()

    assert load_settings(tmp_path / ".env").port == 8000


def test_crews_get_the_files_other_variables_and_none_of_ours(
    load: Load,
) -> None:
    file = (
        "SERPER_API_KEY=abc\nSLACK_BOT_TOKEN=xoxb-1\nSLACK_APP_TOKEN=xapp-1\n"
        "SLACK_CLIENT_SECRET=theirs\nDATABASE_URL=sqlite:///x.db\nOPENAI_API_KEY=sk-1\n"
        "COUNTERSIGN_LOG=json\nHITL_BACKEND_PORT=1234\nCREWS_FILE=c.yml\n"
    )

    assert load(file).crew_environment == {"SERPER_API_KEY": "abc"}


def test_crews_go_through_the_proxy_but_not_to_this_machine(load: Load) -> None:
    crews = load(https_proxy="http://proxy.example:3128", NO_PROXY="intra.example").crew_environment

    assert crews["https_proxy"] == "http://proxy.example:3128"
    assert crews["NO_PROXY"] == crews["no_proxy"] == "intra.example,127.0.0.1,localhost,::1"


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("SLACK_BOT_TOKEN", "hunter2hunter2", "must begin with xoxb-"),
        ("SLACK_APP_TOKEN", "hunter2hunter2", "must begin with xapp-"),
        ("SLACK_API_URL", "slack.hunter2", "must begin with https://"),
        ("DATABASE_URL", "hunter2", "must be an SQLAlchemy URL such as sqlite:///countersign.db"),
        ("COUNTERSIGN_RATE_LIMIT", "600", "must be like 600/minute"),
        ("COUNTERSIGN_RATE_LIMIT", "hunter2/minute", "must be like 600/minute"),
        ("COUNTERSIGN_ROOT_PATH", "hunter2", "must be a path such as /countersign"),
        ("COUNTERSIGN_ROOT_PATH", "/a/../b?hunter2", "must be a path such as /countersign"),
        ("COUNTERSIGN_PUBLIC_URL", "hunter2.example", "must be a URL such as https://"),
        ("COUNTERSIGN_PUBLIC_URL", "https://me:hunter2@bot.example", "must be a URL such as"),
        ("COUNTERSIGN_PUBLIC_URL", "https://[hunter2", "must be a URL such as"),
        ("COUNTERSIGN_CORS_ORIGINS", "*", "must be origins such as https://app.example.com"),
        ("COUNTERSIGN_CORS_ORIGINS", "https://hunter2.example/page", "must be origins such as"),
        ("COUNTERSIGN_TRUSTED_PROXIES", "hunter2", "must be addresses or networks such as"),
        ("COUNTERSIGN_ENCRYPTION_KEYS", "hunter2", "key 1 is no Fernet key"),
        ("HITL_BACKEND_PORT", "http", "must be a whole number"),
        ("HITL_BACKEND_PORT", "70000", "must be less than or equal to 65535"),
        ("COUNTERSIGN_LEASE_SECONDS", "soon", "must be a number"),
        ("COUNTERSIGN_LEASE_SECONDS", "0", "must be greater than or equal to 1"),
        ("COUNTERSIGN_LEASE_SECONDS", "nan", "must be"),
        ("COUNTERSIGN_DEFAULT_CHANNEL", "#general", "must be a channel's id such as C0123456789"),
        ("COUNTERSIGN_LOG", "xml", "must be 'text' or 'json'"),
        ("COUNTERSIGN_LOG_LEVEL", "loud", "must be 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_an_invalid_value_is_refused_by_name_and_never_repeated(
    load: Load, variable: str, value: str, problem: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(**{variable: value})

    message = str(refused.value)
    assert re.search(rf"^{variable} {re.escape(problem)}", message, re.MULTILINE)
    assert "hunter2" not in message


def test_how_clients_reach_the_api_is_read_from_the_environment(load: Load) -> None:
    settings = load(
        COUNTERSIGN_RATE_LIMIT="90/second",
        COUNTERSIGN_ROOT_PATH="/tools/countersign/",
        COUNTERSIGN_PUBLIC_URL="https://bot.example/tools/countersign/",
        COUNTERSIGN_CORS_ORIGINS="https://App.example, http://localhost:5173/",
        COUNTERSIGN_TRUSTED_PROXIES="10.1.2.3/8, ::1",
        HITL_BACKEND_HOST="0.0.0.0",
    )

    assert settings.rate_limit == RequestRate(90, 1)
    assert settings.root_path == "/tools/countersign"
    assert settings.public_url == "https://bot.example/tools/countersign"
    assert settings.cors_origins == ("https://app.example", "http://localhost:5173")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert not settings.on_loopback


def test_by_default_clients_have_a_generous_rate_limit_and_0_is_none(load: Load) -> None:
    default = load().rate_limit
    assert default is not None
    assert default.requests * 60 / default.seconds >= 600
    assert load(COUNTERSIGN_RATE_LIMIT="0").rate_limit is None


@pytest.mark.parametrize("name", ["SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"])
def test_slack_without_a_bot_token_is_refused(load: Load, name: str) -> None:
    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN is missing"):
        load(**{name: "xapp-1"})


def test_a_bot_token_alone_is_refused(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"SLACK_APP_TOKEN .* or SLACK_SIGNING_SECRET"):
        load(SLACK_BOT_TOKEN="xoxb-1")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("COUNTERSIGN_LEASE", "COUNTERSIGN_LEASE_SECONDS"),
        ("COUNTERSIGN_DEFAULT_CHANEL", "COUNTERSIGN_DEFAULT_CHANNEL"),
        ("COUNTERSIGN_LOGLEVEL", "COUNTERSIGN_LOG_LEVEL"),
    ],
)
@pytest.mark.parametrize("in_file", [True, False])
def test_an_unknown_setting_is_refused_with_the_nearest_name(
    load: Load, name: str, nearest: str, in_file: bool
) -> None:
    with pytest.raises(SettingsError, match=rf"{name} is not a setting; did you mean {nearest}\?"):
        load(f"{name}=1") if in_file else load(**{name: "1"})


@pytest.mark.parametrize("in_file", [True, False])
def test_a_removed_setting_is_refused_with_what_to_do_unless_it_is_empty(
    load: Load, in_file: bool
) -> None:
    name, broker = "COUNTERSIGN_CELERY_BROKER", "redis://user:hunter2@localhost/3"
    with pytest.raises(SettingsError) as refused:
        load(f"{name}={broker}") if in_file else load(**{name: broker})
    [problem] = refused.value.problems
    assert problem.startswith(f"{name} was removed: workers get their phases from the database")
    assert "hunter2" not in problem

    assert load(f"{name}=") if in_file else load(**{name: ""})


def test_every_problem_is_reported_at_once(load: Load) -> None:
    with pytest.raises(SettingsError) as refused:
        load(HITL_BACKEND_PORT="x", COUNTERSIGN_NOTHING="1", SLACK_BOT_TOKEN="y")

    assert len(refused.value.problems) == 3


def test_a_file_that_is_not_text_is_refused(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"\.env cannot be read"):
        load(b"OPENAI_MODEL=\xff\xfe\n")


def test_the_grace_period_is_set_in_seconds(load: Load) -> None:
    assert load().grace.total_seconds() == 5
    assert load(COUNTERSIGN_GRACE_SECONDS="90.5").grace.total_seconds() == 90.5
    with pytest.raises(SettingsError, match="COUNTERSIGN_GRACE_SECONDS must be greater than"):
        load(COUNTERSIGN_GRACE_SECONDS="0")


def test_ended_executions_are_kept_forever_unless_days_are_set(load: Load) -> None:
    assert load().keep is None
    keep = load(COUNTERSIGN_KEEP_DAYS="90").keep
    assert keep is not None
    assert keep.days == 90


def test_secrets_are_not_printed(load: Load) -> None:
    settings = load(
        SLACK_BOT_TOKEN="xoxb-hunter2",
        SLACK_APP_TOKEN="xapp-hunter2",
        SLACK_SIGNING_SECRET="hunter2",
        DATABASE_URL="postgresql://u:hunter2@h/d",
        OPENAI_API_KEY="sk-hunter2",
        OPENROUTER_API_KEY="hunter2",
    )

    assert "hunter2" not in f"{settings!r} {settings}"


def test_every_setting_is_in_the_example_file() -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text()

    names = set(re.findall(r"^#? ?([A-Z][A-Z_]+)=", example, re.MULTILINE))
    assert names == {*VARIABLES} - {"NOTIFY_SOCKET", "WATCHDOG_USEC"}  # systemd sets these


def test_the_unchanged_example_file_works(load: Load) -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text()

    assert load(example).slack_mode is None


def test_webhooks_may_be_sent_to_public_addresses_and_to_networks_that_are_set(load: Load) -> None:
    assert ip_address("10.1.2.3") not in load().webhook_addresses
    assert ip_address("10.1.2.3") in load(COUNTERSIGN_WEBHOOK_ALLOW="10.0.0.0/8").webhook_addresses

    with pytest.raises(SettingsError, match=r"COUNTERSIGN_WEBHOOK_ALLOW '10\.0\.0\.0/99' is no"):
        load(COUNTERSIGN_WEBHOOK_ALLOW="10.0.0.0/99")


def test_no_crew_gets_the_secret_of_a_webhook_nor_a_key(load: Load, tmp_path: Path) -> None:
    """Neither from the environment nor from `.env`, and neither crews.yml if it holds one."""
    written = "whsec_bm90IGluIGEgdmFyaWFibGUhIQ=="
    in_env, in_file = "whsec_aW4gdGhlIGVudmlyb25tZW50", "whsec_aW4gdGhlIGZpbGUgLmVudiEh"
    keys = ["A" * 43 + "=", "B" * 43 + "="]
    crews = tmp_path / "crews.yml"
    crews.write_text(
        "crews: {plan: {webhooks: [{url: https://a.example, secret: '${HOOK}', "
        f"previous_secret: '${{OLD_HOOK}}'}}, {{secret: '{written}'}}]}}}}"
    )

    settings = load(
        f"OLD_HOOK={in_file}\nSERPER_API_KEY=abc\nCOUNTERSIGN_ENCRYPTION_KEYS={','.join(keys)}\n",
        HOOK=in_env,
        CREWS_FILE=str(crews),
    )

    assert settings.webhook_secrets == {"HOOK": in_env, "OLD_HOOK": in_file}
    assert settings.crew_environment == {"SERPER_API_KEY": "abc"}
    for secret in (written, in_env, in_file, *keys):
        assert secret in settings.secrets
        assert secret in settings.withheld
    assert str(crews) in settings.withheld.files
    assert settings.fernet_keys == tuple(keys)


def test_a_crews_file_without_secrets_stays_readable_for_crews(load: Load, tmp_path: Path) -> None:
    crews = tmp_path / "crews.yml"
    crews.write_text("crews: {plan: {webhooks: [{secret: '${HOOK}'}]}}")

    assert str(crews) not in load(CREWS_FILE=str(crews)).withheld.files
