"""Which models the crews use, and which variables decide that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from crew_runner.models.own_model import own_model
from crew_runner.models.preflight import Provider
from storage.definitions import CrewDefinition, CrewKind, ModelSettings

_ADDRESS_FIELDS: Final = {
    "OPENAI_API_KEY": "openai_base_url",
    "OPENROUTER_API_KEY": "openrouter_base_url",
    "ANTHROPIC_API_KEY": "anthropic_base_url",
    "GEMINI_API_KEY": "gemini_base_url",
    "OLLAMA_API_KEY": "ollama_host",
}


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """A model to check. `crew_model`: the `model` of a crew in crews.yml, `crew` a crew that has a
    model of its own. `as_it_is`: CrewAI alone finds it in the crew's variables.
    """

    settings: ModelSettings
    crew_model: str | None = None
    crew: str = ""
    where: str = ""
    as_it_is: bool = False


def models_in_use(operator: ModelSettings, crews: Iterable[CrewDefinition]) -> Iterator[ModelInUse]:
    """The operator's model, unless every crew has another one, then those of crews."""
    crews = sorted(crews, key=lambda crew: crew.name)
    own = {crew.name: own_model(crew, operator) for crew in crews}
    default = [
        crew
        for crew in crews
        if crew.model is None and (own[crew.name] is None or crew.kind is CrewKind.COMMAND)
    ]
    if default or not crews:
        yield ModelInUse(operator)
    for model in sorted({crew.model for crew in crews if crew.model and own[crew.name] is None}):
        yield ModelInUse(operator, model)
    for crew in crews:
        found = own[crew.name]
        if found is not None:
            yield ModelInUse(
                found.settings, crew.model, crew.name, found.where, found.variables is not None
            )


def decided_by(settings: ModelSettings, provider: Provider, *, named_in_crews_yml: bool) -> str:
    """The variables that set the model's name and its address, in brackets; empty if none did."""
    name = None if named_in_crews_yml else settings.origins.get("openai_model")
    address = settings.origins.get(_ADDRESS_FIELDS[provider.variable])
    parts = [f"model from {name}"] if name else []
    parts += [f"address from {address}"] if address else []
    return f" ({', '.join(parts)})" if parts else ""


def address_variable(settings: ModelSettings, provider: Provider) -> str:
    """The variable to change if the address is wrong."""
    address_field = _ADDRESS_FIELDS[provider.variable]
    return settings.origins.get(address_field) or provider.address_variable
