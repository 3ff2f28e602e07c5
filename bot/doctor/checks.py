"""`countersign doctor`: checks everything the bot needs, and says how to fix what is wrong."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Final, assert_never

from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from bot import starter
from bot.crews.describe import finding
from bot.crews.examine import examine
from bot.doctor.database_file import missing_file
from bot.doctor.model_sources import address_variable, decided_by, models_in_use
from bot.doctor.publications import check_publications
from bot.doctor.rest import check_rest
from bot.doctor.secrets import check_secrets
from bot.doctor.shared_server import check_shared_server
from bot.doctor.webhooks import check_webhooks
from bot.environ import load_and_hide
from bot.findings import Finding, Mark, failed, good, warning
from bot.settings import Settings, SettingsError
from crew_runner.config.registry import CrewsFileError, load_crews
from crew_runner.models.environment import Route, choose, settings_to_env
from crew_runner.models.preflight import Provider, ask, provider_in, refuses_key, trial
from storage.db.database import schema, writing
from storage.db.engines import DriverMissing, normalize_url, open_engine
from storage.db.schema import SchemaStatus
from storage.definitions import ModelSettings
from storage.errors import Busy, Unreachable

MODEL_SECONDS: Final = 5.0


def run(*, env_file: Path, as_json: bool, online: bool = False) -> int:
    """Print the findings. Returns 1 if a check failed, else 0.

    `online` also asks Slack about samples of messages.
    """
    findings = []
    logging.disable(logging.CRITICAL)  # the findings report the errors
    try:
        for finding in _findings(env_file, online=online):
            findings.append(finding)
            if not as_json:
                print(finding.line(), flush=True)
    finally:
        logging.disable(logging.NOTSET)
    ok = all(finding.mark is not Mark.FAILED for finding in findings)
    if as_json:
        print(json.dumps({"ok": ok, "findings": [f.as_json() for f in findings]}, indent=2))
    return 0 if ok else 1


def _findings(env_file: Path, *, online: bool) -> Iterator[Finding]:
    try:
        settings = load_and_hide(env_file)
    except SettingsError as error:
        for problem in error.problems:
            yield failed("Settings", problem, f"Fix it in the environment or in {env_file}.")
        return
    if env_file.exists():
        yield good("Settings", f"read from the environment and {env_file}")
    else:
        yield good("Settings", f"read from the environment; there is no {env_file}")
    yield from check_database(settings)
    yield from check_shared_server(settings)
    yield from check_crews(settings)
    yield from check_webhooks(settings)
    yield from check_publications(settings)
    yield from check_models(settings)
    yield from check_rest(settings)
    yield from check_slack(settings)
    if online:
        from bot.slack.online import check_online

        yield from check_online(api_url=settings.slack_api_url)


# --- the database ---------------------------------------------------------------------------


def check_database(settings: Settings) -> Iterator[Finding]:
    """Whether it opens, has the current schema and accepts writes. Creates nothing."""
    url = make_url(normalize_url(settings.database_url.get_secret_value()))
    safe_url = url.render_as_string(hide_password=True)
    missing = missing_file(url)
    if missing is not None:
        yield _can_be_created(missing, safe_url)
        return
    try:
        engine = open_engine(url.render_as_string(hide_password=False))
        try:
            yield _schema(engine, safe_url)
            _try_write(engine)
        finally:
            engine.dispose()
    except Unreachable as error:
        reason = str(getattr(error.__cause__, "orig", None) or error).partition("\n")[0]
        advice = "Start the server, or set DATABASE_URL to one that answers."
        yield failed("Database", f"{safe_url} does not answer: {reason}", advice)
    except Busy:
        yield warning(
            "Database",
            f"{safe_url} is busy: another process has been writing to it for seconds",
            "Run the doctor again; if it stays busy, look for the process that writes.",
        )
    except DriverMissing as error:
        yield failed("Database", error.problem, f"Install them: {error.command}")
    except (SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        advice = "Set DATABASE_URL to a SQLite file or a PostgreSQL server that can be used."
        yield failed("Database", f"{safe_url} cannot be used: {reason}", advice)
    else:
        yield good("Database", "accepts writes")


def _can_be_created(file: Path, safe_url: str) -> Finding:
    folder = file.resolve().parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return good("Database", f"{safe_url} does not exist yet; the first start creates it")
    except OSError as error:
        advice = f"Make the folder {folder} writable, or set DATABASE_URL to a file elsewhere."
        return failed("Database", f"{safe_url} cannot be created: {error.strerror}", advice)


def _schema(engine: Engine, safe_url: str) -> Finding:
    current = schema(engine)
    match current.status:
        case SchemaStatus.CURRENT:
            return good("Database", f"{safe_url} has the current schema")
        case SchemaStatus.NEWER:
            return warning(
                "Database",
                f"{safe_url} has the schema of a newer Countersign ({current.revision}; this "
                f"version brings {current.known}); this version works with it",
                "Update this installation, too.",
            )
        case SchemaStatus.OLDER:
            advice = "Run `countersign migrate`. `countersign serve` also does it when it starts."
            return warning("Database", f"{safe_url} has an older schema, or none", advice)
        case SchemaStatus.INCOMPATIBLE:
            return failed(
                "Database",
                f"{safe_url} has a schema ({current.revision}) that this version does not know",
                "Run the newer version of Countersign that created it.",
            )
        case _:
            assert_never(current.status)


class _RollBackError(Exception):
    """Rolls the trial write back."""


def _try_write(engine: Engine) -> None:
    try:
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE countersign_doctor (trial INTEGER)"))
            raise _RollBackError
    except _RollBackError:
        return


# --- crews ----------------------------------------------------------------------------------


def check_crews(settings: Settings) -> Iterator[Finding]:
    """Reads crews.yml, then builds each crew in a child process, as a worker does."""
    try:
        crews = load_crews(settings.crews_file)
    except CrewsFileError as error:
        exists = settings.crews_file.exists()
        advice = f"Fix {settings.crews_file}." if exists else starter.ADVICE
        yield failed("Crews", str(error), advice)
        return
    yield good("Crews", f"{settings.crews_file} names {', '.join(sorted(crews)) or 'none'}")
    yield from check_secrets(settings, crews.values())
    for definition, report in examine(crews, settings):
        yield finding(definition, report, settings.crews_file)


# --- the model ------------------------------------------------------------------------------


def check_models(settings: Settings) -> Iterator[Finding]:
    """Every model that a crew uses: the default one, crews.yml's and those of projects."""
    try:
        crews = load_crews(settings.crews_file)
    except CrewsFileError:
        crews = {}  # `check_crews` reports it
    for model in models_in_use(settings.model, crews.values()):
        offline = choose(model.settings, model.crew_model).route is Route.OFFLINE
        if model.as_it_is and offline:
            advice = "Run the crew to see whether its model answers."
            result = f"is set in {model.where}, for a provider that is not checked here"
            yield warning(f"Model of {model.crew}", result, advice)
        elif not (offline and model.crew_model):
            yield from check_model(model.settings, model.crew_model, where=model.where)


def check_model(
    settings: ModelSettings, crew_model: str | None = None, *, where: str = ""
) -> Iterator[Finding]:
    """Which model is used, and whether it answers a two-word question.

    `where`: the file that sets it, if it is not the operator's.
    """
    choice = choose(settings, crew_model)
    if choice.route is Route.OFFLINE:
        yield warning(
            "Model",
            "no key is set: the offline drafter writes the texts",
            "To have a model write them, set OPENAI_API_KEY, OPENROUTER_API_KEY, ANTHROPIC_API_KEY "
            "or GEMINI_API_KEY.",
        )
        return
    subject = f"Model {choice.model}"
    provider = provider_in(settings_to_env(settings, crew_model))
    if provider is None:
        yield warning(subject, f"is reached through {choice.route}, which is not checked here")
    elif not provider.key:
        advice = f"Set {provider.variable}{f' in {where}' if where else ''}."
        yield failed(subject, f"{provider.variable} is not set", advice)
    else:
        by = decided_by(settings, provider, named_in_crews_yml=crew_model is not None)
        finding = _ask(subject, provider, address_variable(settings, provider))
        yield replace(finding, result=finding.result + by)


def _ask(subject: str, provider: Provider, address: str) -> Finding:
    """`address`: the variable that has set the provider's address."""
    base = provider.base_url
    try:
        status, body = ask(trial(provider), seconds=MODEL_SECONDS)
        if status == 200:
            json.loads(body)
    except TimeoutError:
        return _no_answer(subject, provider, address)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return _no_answer(subject, provider, address)
        reason = getattr(reason, "strerror", None) or reason
        advice = f"Check the network, and the address in {address}."
        return failed(subject, f"{base} cannot be reached: {reason}", advice)
    if status == 200:
        return good(subject, f"answers at {base}")
    return _refused(subject, provider, status, body, address)


def _no_answer(subject: str, provider: Provider, address: str) -> Finding:
    return warning(
        subject,
        f"{provider.base_url} did not answer within {MODEL_SECONDS:.0f} s",
        f"Try again; if it stays slow, check the network and {address}.",
    )


def _refused(subject: str, provider: Provider, code: int, body: str, address: str) -> Finding:
    base = provider.base_url
    if code in (401, 403) or refuses_key(code, body):
        advice = f"Set {provider.variable} to a key that it accepts."
        return failed(subject, f"{base} refuses the key ({code})", advice)
    if code == 404:
        advice = f"Check the model's name and {address}."
        return failed(subject, f"{base} has no such model or path ({code})", advice)
    if code == 429:
        advice = "Try again later, or check the account's limits and credit."
        return warning(subject, f"{base} reports too many requests, or no credit (429)", advice)
    if code >= 500:
        return warning(subject, f"{base} has a server error ({code})", "Try again later.")
    return failed(subject, f"{base} refuses the request ({code})", "Check the model's name.")


# --- front ends -----------------------------------------------------------------------------


def check_slack(settings: Settings) -> Iterator[Finding]:
    """Tokens, scopes, how requests arrive, and the default channel."""
    if settings.slack_mode is None or settings.slack_bot_token is None:
        yield warning(
            "Slack",
            "no tokens are set: only REST is served",
            f"Create the app from {starter.manifest(Path())} and set SLACK_BOT_TOKEN and "
            "SLACK_APP_TOKEN.",
        )
        return
    from bot.slack.checks import check
    from bot.slack.people.actors import names_group, rules_of

    try:
        crews = load_crews(settings.crews_file)
    except CrewsFileError:
        crews = {}  # `check_crews` reports it
    app_token = settings.slack_app_token
    yield from check(
        bot_token=settings.slack_bot_token.get_secret_value(),
        app_token=app_token.get_secret_value() if app_token else None,
        api_url=settings.slack_api_url,
        manifest=starter.MANIFEST,
        channel=settings.default_channel,
        naming_groups=[
            crew.name for crew in crews.values() if any(map(names_group, rules_of(crew)))
        ],
    )
