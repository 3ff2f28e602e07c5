"""Provides the variables that choose the model, and the offline drafter if none is set."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from crew_runner.models.drafter.server import OfflineDrafter
from crew_runner.models.environment import Route, choose, settings_to_env
from crew_runner.models.own_model import OwnModel, own_model
from crew_runner.models.preflight import FOR_THE_BOT, problem_of, provider_in
from storage.definitions import CrewDefinition, ModelSettings

VALID_SECONDS: Final = 300.0
"""How long a key that was not refused is not checked again."""

INVALID_SECONDS: Final = 20.0
"""How long a problem is reported without checking again."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    problem: str | None
    until: float


class ModelSource:
    """Safe to share between threads. Starts the drafter when it is first needed.

    `clock`: monotonic, in seconds.
    """

    def __init__(
        self, settings: ModelSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._drafter: OfflineDrafter | None = None
        self._check_lock = threading.Lock()
        self._verdicts: dict[tuple[str, str], _Verdict] = {}

    def own_model(self, crew: CrewDefinition) -> OwnModel | None:
        """The model that the crew's project sets for itself, or None."""
        return own_model(crew, self._settings)

    def variables(
        self, crew_model: str | None = None, own: OwnModel | None = None
    ) -> Mapping[str, str]:
        """Variables for a child's environment, after removing `MODEL_VARIABLES` from it.

        `crew_model` is the crew's `model` in crews.yml. OPENAI_MODEL is included for programs,
        which know this name rather than CrewAI's.
        """
        if own is not None and own.variables is not None:
            return own.variables
        settings = self._settings if own is None else own.settings
        choice = choose(settings, crew_model)
        if choice.route is Route.OFFLINE:
            drafter = self._running_drafter().settings()
            variables = settings_to_env(drafter, over_the_crews=True)
        else:
            variables = settings_to_env(settings, crew_model)
        if crew_model or settings.openai_model or choice.route is Route.OFFLINE:
            variables["OPENAI_MODEL"] = choice.model
        return variables

    def problem(self, crew_model: str | None = None, own: OwnModel | None = None) -> str | None:
        """Why the crew's model cannot be used, or None.

        Waits for the provider for at most 3 seconds, and caches the result for some minutes.
        """
        settings = self._settings if own is None else own.settings
        if choose(settings, crew_model).route is Route.OFFLINE:
            return None
        variables = settings_to_env(settings, crew_model)
        provider = provider_in(variables)
        where = FOR_THE_BOT if own is None else f"in {own.where}"
        if provider is None or not provider.key:
            return problem_of(variables, where=where)
        cache_key = (provider.base_url, provider.key)
        with self._check_lock:
            cached = self._verdicts.get(cache_key)
            if cached is None or cached.until <= self._clock():
                problem = problem_of(variables, where=where)
                seconds = VALID_SECONDS if problem is None else INVALID_SECONDS
                cached = self._verdicts[cache_key] = _Verdict(problem, self._clock() + seconds)
            return cached.problem

    def stop(self) -> None:
        with self._lock:
            if self._drafter is not None:
                self._drafter.stop()
                self._drafter = None

    def _running_drafter(self) -> OfflineDrafter:
        with self._lock:
            if self._drafter is None:
                drafter = OfflineDrafter()
                drafter.start()
                self._drafter = drafter
            return self._drafter
