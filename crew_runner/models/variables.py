"""Reads the variables that choose a model, from several sources in order of precedence.

CrewAI has several names for one setting. A source that sets any of them decides it: an address in
the environment wins over one in `.env`, whatever their names are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from crew_runner.models.providers import Route, provider_of
from storage.definitions import ModelSettings

NAMES: Final = ("OPENAI_MODEL", "MODEL", "MODEL_NAME", "OPENAI_MODEL_NAME")
"""The names of the model's name: ours, then CrewAI's in the order in which it reads them."""

ADDRESSES: Final = ("OPENAI_BASE_URL", "BASE_URL", "OPENAI_API_BASE", "API_BASE")
"""The names of its address; CrewAI, too, applies the last three to the model of any provider."""

CREWAI_NAMES: Final = ("MODEL", "MODEL_NAME", "OPENAI_MODEL_NAME")
CREWAI_ADDRESSES: Final = ("BASE_URL", "OPENAI_API_BASE", "OPENAI_BASE_URL", "API_BASE")
"""What CrewAI reads, in its order (`crewai.utilities.llm_utils`)."""

_SINGLE: Final = {
    "openai_api_key": "OPENAI_API_KEY",
    "openrouter_api_key": "OPENROUTER_API_KEY",
    "openrouter_base_url": "OPENROUTER_BASE_URL",
    "anthropic_api_key": "ANTHROPIC_API_KEY",
    "anthropic_base_url": "ANTHROPIC_BASE_URL",
    "gemini_api_key": "GEMINI_API_KEY",
    "google_api_key": "GOOGLE_API_KEY",
    "gemini_base_url": "GOOGLE_GEMINI_BASE_URL",
    "ollama_host": "OLLAMA_HOST",
}
"""The fields of ModelSettings that have one variable each."""

VARIABLES: Final = (*NAMES, *ADDRESSES, *_SINGLE.values())


@dataclass(frozen=True, slots=True)
class Source:
    """Variables from one place. `name` says where, such as `.env`; empty for the environment.

    `crewai`: they belong to a CrewAI project, which does not know OPENAI_MODEL.
    """

    variables: Mapping[str, str] = field(repr=False)
    name: str = ""
    crewai: bool = False

    def names(self) -> Sequence[str]:
        return CREWAI_NAMES if self.crewai else NAMES

    def addresses(self) -> Sequence[str]:
        return CREWAI_ADDRESSES if self.crewai else ADDRESSES


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, the variable that it comes from, and where that is set."""

    value: str
    variable: str
    source: Source

    def __str__(self) -> str:
        return f"{self.variable} in {self.source.name}" if self.source.name else self.variable


def read(sources: Sequence[Source]) -> ModelSettings:
    """The settings for models; the first source has precedence.

    A variable that a source sets to nothing is not taken from a later one.
    """
    values = {
        name: _first(sources, [(variable,) for _ in sources]) for name, variable in _SINGLE.items()
    }
    values["openai_model"] = decided_name(sources)
    address = decided_address(sources)
    values["openai_base_url"] = address
    settings = ModelSettings(
        **{name: setting.value for name, setting in values.items() if setting},  # type: ignore[arg-type]  # only text fields
        origins={name: str(setting) for name, setting in values.items() if setting},
    )
    if address is not None and address.variable != "OPENAI_BASE_URL":
        return _with_address_of_any_provider(settings, address)
    return settings


def decided_name(sources: Sequence[Source]) -> Setting | None:
    return _first(sources, [source.names() for source in sources])


def decided_address(sources: Sequence[Source]) -> Setting | None:
    return _first(sources, [source.addresses() for source in sources])


def _first(sources: Sequence[Source], names: Sequence[Iterable[str]]) -> Setting | None:
    unset: set[str] = set()
    for source, variables in zip(sources, names, strict=True):
        for variable in variables:
            value = source.variables.get(variable, "").strip()
            if value and variable not in unset:
                return Setting(value, variable, source)
        unset |= source.variables.keys()
    return None


_ADDRESS_FIELDS: Final = {
    Route.OLLAMA: "ollama_host",
    Route.ANTHROPIC: "anthropic_base_url",
    Route.OPENROUTER: "openrouter_base_url",
    Route.OTHER: "other_base_url",
}


def _with_address_of_any_provider(settings: ModelSettings, address: Setting) -> ModelSettings:
    """CrewAI applies the address to the provider that the model's name selects."""
    provider, _ = provider_of(settings.openai_model or "")
    address_field = _ADDRESS_FIELDS.get(provider) if provider else None
    if address_field is None:
        return settings
    origins = {
        name: origin for name, origin in settings.origins.items() if name != "openai_base_url"
    }
    return replace(
        settings,
        **{address_field: address.value, "openai_base_url": None},  # type: ignore[arg-type]  # as above
        origins={**origins, address_field: str(address)},
    )
