"""The variables that choose the model, with the offline drafter behind them where there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from crew_runner.models.drafter.server import OfflineDrafter
from crew_runner.models.environment import Route, choose, settings_to_env
from crew_runner.models.preflight import problem_of, provider_in
from storage.definitions import ModelSettings

GOOD_SECONDS: Final = 300.0
"""How long a key that was not refused is not asked about again."""

BAD_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class _Verdict:
    problem: str | None
    until: float


class ModelSource:
    """Safe to share between threads. The drafter is started when first needed.

    `clock`: seconds, which only go on.
    """

    def __init__(
        self, settings: ModelSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._drafter: OfflineDrafter | None = None
        self._asking = threading.Lock()
        self._verdicts: dict[tuple[str, str], _Verdict] = {}

    def variables(self, crew_model: str | None = None) -> Mapping[str, str]:
        """What a child's environment needs, once other models' variables were taken out of it.

        `crew_model` is what crews.yml says of the crew. OPENAI_MODEL goes along for programs,
        which know this name and not CrewAI's.
        """
        choice = choose(self._settings, crew_model)
        if choice.route is Route.OFFLINE:
            drafter = self._started().settings()
            variables = settings_to_env(drafter, over_the_crews=True)
        else:
            variables = settings_to_env(self._settings, crew_model)
        if crew_model or self._settings.openai_model or choice.route is Route.OFFLINE:
            variables["OPENAI_MODEL"] = choice.model
        return variables

    def problem(self, crew_model: str | None = None) -> str | None:
        """Why the crew's model cannot be asked, in words, or None.

        Asks the provider for 3 seconds at the most, and not again for some minutes.
        """
        if choose(self._settings, crew_model).route is Route.OFFLINE:
            return None
        variables = settings_to_env(self._settings, crew_model)
        provider = provider_in(variables)
        if provider is None or not provider.key:
            return problem_of(variables)
        about = (provider.base_url, provider.key)
        with self._asking:
            known = self._verdicts.get(about)
            if known is None or known.until <= self._clock():
                problem = problem_of(variables)
                seconds = GOOD_SECONDS if problem is None else BAD_SECONDS
                known = self._verdicts[about] = _Verdict(problem, self._clock() + seconds)
            return known.problem

    def stop(self) -> None:
        with self._lock:
            if self._drafter is not None:
                self._drafter.stop()
                self._drafter = None

    def _started(self) -> OfflineDrafter:
        with self._lock:
            if self._drafter is None:
                drafter = OfflineDrafter()
                drafter.start()
                self._drafter = drafter
            return self._drafter
