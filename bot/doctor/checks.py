"""`countersign doctor`: looks at everything that the bot needs, and says how to mend it."""

from __future__ import annotations

import json
import logging
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Final, assert_never

from sqlalchemy import Engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from bot import starter
from bot.doctor.shared_server import check_sharing
from bot.findings import Finding, Mark, failed, good, warning
from bot.settings import Settings, SettingsError, load_settings
from crew_runner.config.registry import CrewsFileError, load_crews
from crew_runner.host.worker import WorkerPool
from crew_runner.models.environment import Route, choose, settings_to_env
from crew_runner.models.preflight import Provider, ask, provider_in, refuses_key, trial
from storage.db.database import SystemClock, schema, upgrade, writing
from storage.db.engines import DriverMissing, open_engine, whole_url
from storage.db.schema import SchemaStatus
from storage.definitions import CrewDefinition, CrewReport, ModelSettings
from storage.errors import Busy, Unreachable
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager

MODEL_SECONDS: Final = 5.0
CREW_SECONDS: Final = 90.0
_LOOK: Final = 0.05


def run(*, env_file: Path, as_json: bool) -> int:
    """Print a line a finding; 1 if anything failed, else 0."""
    findings = []
    logging.disable(logging.CRITICAL)  # the findings say it in words
    try:
        for finding in _findings(env_file):
            findings.append(finding)
            if not as_json:
                print(finding.line(), flush=True)
    finally:
        logging.disable(logging.NOTSET)
    broken = any(finding.mark is Mark.FAILED for finding in findings)
    if as_json:
        print(json.dumps({"ok": not broken, "findings": [f.facts() for f in findings]}, indent=2))
    return 1 if broken else 0


def _findings(env_file: Path) -> Iterator[Finding]:
    try:
        settings = load_settings(env_file)
    except SettingsError as error:
        for problem in error.problems:
            yield failed("Settings", problem, f"Set it in the environment or in {env_file}.")
        return
    yield good("Settings", f"read from the environment and {env_file}")
    yield from check_database(settings)
    yield from check_sharing(settings)
    yield from check_crews(settings)
    yield from check_models(settings)
    yield from check_rest(settings)
    yield from check_slack(settings)


# --- the database ---------------------------------------------------------------------------


def check_database(settings: Settings) -> Iterator[Finding]:
    """Whether it opens, has the newest schema and takes a write. Creates nothing."""
    url = make_url(whole_url(settings.database_url.get_secret_value()))
    shown = url.render_as_string(hide_password=True)
    missing = _missing_file(url)
    if missing is not None:
        yield _not_yet(missing, shown)
        return
    try:
        engine = open_engine(url.render_as_string(hide_password=False))
        try:
            yield _schema(engine, shown)
            _write_nothing(engine)
        finally:
            engine.dispose()
    except Unreachable as error:
        reason = str(getattr(error.__cause__, "orig", None) or error).partition("\n")[0]
        mend = "Start it, or set DATABASE_URL to one that answers."
        yield failed("Database", f"{shown} does not answer: {reason}", mend)
    except Busy:
        yield warning("Database", f"{shown} is busy: another process writes to it at length")
    except DriverMissing as error:
        yield failed("Database", error.problem, f"Install them: {error.command}")
    except (SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        yield failed("Database", f"{shown}: {reason}", "Set DATABASE_URL to one that opens.")
    else:
        yield good("Database", "takes writes")


def _missing_file(url: URL) -> Path | None:
    """The file of a SQLite database that is not there yet."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    file = Path(url.database)
    return None if file.exists() else file


def _not_yet(file: Path, shown: str) -> Finding:
    folder = file.resolve().parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return good("Database", f"{shown} is not there yet: the first start creates it")
    except OSError as error:
        mend = f"Make the folder {folder} writable, or set DATABASE_URL."
        return failed("Database", f"{shown} cannot be created: {error.strerror}", mend)


def _schema(engine: Engine, shown: str) -> Finding:
    found = schema(engine)
    match found.standing:
        case SchemaStatus.CURRENT:
            return good("Database", f"{shown} has the newest schema")
        case SchemaStatus.NEWER:
            return warning(
                "Database",
                f"{shown} has the schema of a newer Countersign ({found.revision}), which this "
                f"one ({found.known}) can work with",
                "Update this one too, when the others are done.",
            )
        case SchemaStatus.OLDER:
            mend = "Run `countersign migrate`; `serve` also does it when it starts."
            return warning("Database", f"{shown} has an older schema, or none", mend)
        case SchemaStatus.STRANGE:
            return failed(
                "Database",
                f"{shown} has a schema ({found.revision}) that this Countersign does not know",
                "Run the newer Countersign that made it.",
            )
        case _:
            assert_never(found.standing)


class _UndoneError(Exception):
    """Ends the trial write, so that nothing is kept of it."""


def _write_nothing(engine: Engine) -> None:
    try:
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE countersign_doctor (trial INTEGER)"))
            raise _UndoneError
    except _UndoneError:
        return


# --- crews ----------------------------------------------------------------------------------


def check_crews(settings: Settings) -> Iterator[Finding]:
    """Reads the file, then builds each crew in a child, as a worker does."""
    try:
        crews = load_crews(settings.crews_file)
    except CrewsFileError as error:
        there = settings.crews_file.exists()
        yield failed(
            "Crews", str(error), f"Fix {settings.crews_file}." if there else starter.ADVICE
        )
        return
    yield good("Crews", f"{settings.crews_file} names {', '.join(sorted(crews)) or 'none'}")
    reports = _build(crews, settings)
    for name in sorted(crews):
        report = reports.get(name)
        about = f"Crew {name}"
        if report is None:
            mend = "Look for what its module does when it is imported."
            yield failed(about, f"was not built within {CREW_SECONDS:.0f} s", mend)
        elif report.problem is not None:
            yield failed(about, report.problem, f"Mend the crew, or {settings.crews_file}.")
        else:
            yield good(about, f"can be built; phases: {', '.join(report.phases) or 'one'}")


def _build(crews: Mapping[str, CrewDefinition], settings: Settings) -> dict[str, CrewReport]:
    """What building each crew gives, noted in a database of its own that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'doctor.db'}")
        upgrade(engine)
        reads = Reads(engine)
        state = StateManager(engine, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal())
        pool = WorkerPool(
            state=state,
            reads=reads,
            model=settings.model,
            crews=crews,
            slots=1,
            lease=settings.lease,
            environment=settings.crew_environment,
        )
        pool.start()
        deadline = time.monotonic() + CREW_SECONDS
        while len(reads.crew_reports()) < len(crews) and time.monotonic() < deadline:
            threading.Event().wait(_LOOK)
        reports = reads.crew_reports()
        pool.stop(timedelta(seconds=5))
        engine.dispose()
        return reports


# --- the model ------------------------------------------------------------------------------


def check_models(settings: Settings) -> Iterator[Finding]:
    """The model of crews that name none, and each that crews.yml gives to a crew."""
    yield from check_model(settings.model)
    try:
        crews = load_crews(settings.crews_file)
    except CrewsFileError:
        return  # told where the crews are checked
    for model in sorted({crew.model for crew in crews.values() if crew.model}):
        if choose(settings.model, model).route is not Route.OFFLINE:
            yield from check_model(settings.model, model)


def check_model(settings: ModelSettings, crew_model: str | None = None) -> Iterator[Finding]:
    """Which model is chosen, and whether it answers a question of two words."""
    choice = choose(settings, crew_model)
    if choice.route is Route.OFFLINE:
        yield warning(
            "Model",
            "no key is set: the offline drafter writes the texts",
            "Set OPENAI_API_KEY, OPENROUTER_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY to have a "
            "model write them.",
        )
        return
    about = f"Model {choice.model}"
    provider = provider_in(settings_to_env(settings, crew_model))
    if provider is None:
        yield warning(about, f"is asked by way of {choice.route}, which is not checked here")
    elif not provider.key:
        yield failed(about, f"{provider.variable} is not set", f"Set {provider.variable}.")
    else:
        yield _ask(about, provider)


def _ask(about: str, provider: Provider) -> Finding:
    base = provider.base_url
    try:
        status, said = ask(trial(provider), seconds=MODEL_SECONDS)
        if status == 200:
            json.loads(said)
    except TimeoutError:
        return _silent(about, base)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return _silent(about, base)
        mend = f"Check the address: {provider.address_variable}."
        return failed(about, f"{base} cannot be reached: {reason}", mend)
    if status == 200:
        return good(about, f"answers at {base}")
    return _refused(about, provider, status, said)


def _silent(about: str, base: str) -> Finding:
    return warning(about, f"{base} did not answer within {MODEL_SECONDS:.0f} s")


def _refused(about: str, provider: Provider, code: int, said: str) -> Finding:
    base = provider.base_url
    if code in (401, 403) or refuses_key(code, said):
        mend = f"Set {provider.variable} to a key that it accepts."
        return failed(about, f"{base} refuses the key ({code})", mend)
    if code == 404:
        mend = f"Check the model's name and {provider.address_variable}."
        return failed(about, f"{base} knows no such model or path ({code})", mend)
    if code == 429:
        return warning(about, f"{base} says: too many requests, or no credit left (429)")
    if code >= 500:
        return warning(about, f"{base} has trouble of its own ({code})")
    return failed(about, f"{base} refuses the request ({code})", "Check the model's name.")


# --- front ends -----------------------------------------------------------------------------


def check_rest(settings: Settings) -> Iterator[Finding]:
    """Who can reach the API, and whether its port is free."""
    address = f"{settings.host} port {settings.port}"
    taken = False
    with suppress(OSError), socket.create_connection((settings.host, settings.port), timeout=1):
        taken = True
    if taken:
        yield warning("REST", f"something listens on {address} already (the bot itself?)")
    yield warning(
        "REST",
        f"on {address} it needs no token: every program of this machine may decide everything, "
        'and is written down as "unauthenticated loopback"',
        "Run the bot where only people you trust can run programs, and put no proxy before it.",
    )


def check_slack(settings: Settings) -> Iterator[Finding]:
    """Tokens, scopes, the way in and the default channel."""
    if settings.slack_mode is None or settings.slack_bot_token is None:
        yield warning(
            "Slack",
            "no tokens are set: REST only",
            f"Create the app from {starter.manifest(Path())} and set SLACK_BOT_TOKEN and "
            "SLACK_APP_TOKEN.",
        )
        return
    from bot.slack.checks import check

    app_token = settings.slack_app_token
    yield from check(
        bot_token=settings.slack_bot_token.get_secret_value(),
        app_token=app_token.get_secret_value() if app_token else None,
        api_url=settings.slack_api_url,
        manifest=starter.MANIFEST,
        channel=settings.default_channel,
    )
