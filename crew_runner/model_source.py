"""The variables that choose the model, with the offline drafter behind them where there is none."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from crew_runner.models.drafter.server import OfflineDrafter
from crew_runner.models.environment import Route, choose, settings_to_env
from storage.definitions import ModelSettings


class ModelSource:
    """Safe to share between threads. The drafter is started when first needed."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._offline = choose(settings).route is Route.OFFLINE
        self._lock = threading.Lock()
        self._drafter: OfflineDrafter | None = None

    def variables(self) -> Mapping[str, str]:
        """What a child's environment needs, once other models' variables were taken out of it.

        OPENAI_MODEL goes along for programs, which know this name and not CrewAI's.
        """
        settings = self._settings_now()
        variables = settings_to_env(settings)
        if settings.openai_model:
            variables["OPENAI_MODEL"] = settings.openai_model
        return variables

    def stop(self) -> None:
        with self._lock:
            if self._drafter is not None:
                self._drafter.stop()
                self._drafter = None

    def _settings_now(self) -> ModelSettings:
        if not self._offline:
            return self._settings
        with self._lock:
            if self._drafter is None:
                drafter = OfflineDrafter()
                drafter.start()
                self._drafter = drafter
            return self._drafter.settings()
