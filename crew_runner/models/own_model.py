"""The model that a crew's project sets for itself, in its `.env` or by `env` in crews.yml.

Such a crew runs with it as under plain CrewAI: the variables reach the crew as they are, and no
model in its code is replaced. The operator's `.env` only fills in what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from crew_runner.models.environment import NO_KEY, Route, choose, settings_to_env
from crew_runner.models.preflight import provider_in
from crew_runner.models.providers import provider_of
from crew_runner.models.variables import (
    ADDRESSES,
    NAMES,
    VARIABLES,
    Source,
    decided_address,
    decided_name,
    read,
)
from storage.definitions import CrewDefinition, CrewKind, ModelSettings

CREWS_FILE: Final = "env in crews.yml"

_OTHER_KEYS: Final = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AZURE_API_KEY",
        "CEREBRAS_API_KEY",
        "COHERE_API_KEY",
        "DASHSCOPE_API_KEY",
        "DEEPINFRA_API_KEY",
        "DEEPSEEK_API_KEY",
        "FIREWORKS_API_KEY",
        "GROQ_API_KEY",
        "HF_TOKEN",
        "MISTRAL_API_KEY",
        "NVIDIA_NIM_API_KEY",
        "SAMBANOVA_API_KEY",
        "TOGETHERAI_API_KEY",
        "WATSONX_APIKEY",
        "XAI_API_KEY",
    }
)
"""Keys of providers that only CrewAI knows. With one of them, the code may name such a model."""

_DECIDING: Final = (frozenset(VARIABLES) | _OTHER_KEYS) - {"OPENAI_MODEL", "GOOGLE_API_KEY"}
"""A project that sets one of these uses a model of its own. GOOGLE_API_KEY may be for a search."""


_PLACEHOLDER: Final = re.compile(
    r"<.*>|\[.*]|your[-_ ].*|.*[-_]your[-_].*|change[-_ ]?me|replace[-_ ]?me|x{3,}|(sk-)?\.{3,}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class OwnModel:
    """`settings` are the project's and, where it sets nothing, the operator's.

    `variables` are for the child; None: those of `settings`. `where` is the place at which the
    project sets them, for messages.
    """

    settings: ModelSettings
    where: str
    variables: Mapping[str, str] | None = field(default=None, repr=False)


def own_model(crew: CrewDefinition, operator: ModelSettings) -> OwnModel | None:
    """The crew's own model, or None if it uses the operator's."""
    if crew.kind is not CrewKind.CREW:
        return None
    in_crews_yml = Source(crew.env, CREWS_FILE, crewai=True)
    in_project = _project_source(crew, operator)
    sources = [in_crews_yml, Source(operator.environment), in_project]
    own = [source for source in (in_crews_yml, in_project) if _decides(source)]
    if not own:
        return None
    where, settings = own[0].name, read(sources)
    if crew.model is not None:
        if own == [in_project] and _is_usable(operator, crew.model):
            return None
        return OwnModel(_filled(_filled(read([in_crews_yml]), operator), settings), where)
    if not _is_usable(settings) and not _is_known_to_crewai_alone(settings):
        filled = _filled(settings, operator)
        if _is_usable(filled) or not any(_has(source, _OTHER_KEYS) for source in own):
            return OwnModel(filled, where)
    return OwnModel(settings, where, _as_they_are(sources, settings))


def _project_source(crew: CrewDefinition, operator: ModelSettings) -> Source:
    """The project's `.env`; nothing if it is the operator's own, which is read already."""
    file = None if crew.project is None else env_file_of(Path(crew.project))
    if file is None or str(file.resolve()) == operator.env_file:
        return Source({})
    return Source(_variables_in(file), str(file), crewai=True)


def env_file_of(project: Path) -> Path | None:
    """The project's `.env`: the first one in its folder or above it."""
    files = (folder / ".env" for folder in (project, *project.parents))
    return next((file for file in files if file.is_file()), None)


def _variables_in(file: Path) -> dict[str, str]:
    """Empty if it cannot be read: the crew's process says so."""
    try:
        values = dotenv_values(file)
    except (OSError, UnicodeDecodeError):
        return {}
    return {
        name: value
        for name, value in values.items()
        if value is not None and not _is_placeholder(name, value)
    }


def _is_placeholder(name: str, value: str) -> bool:
    """Whether it is what a template has in place of a key, such as the scaffolds' YOUR_API_KEY."""
    return name.endswith("_KEY") and _PLACEHOLDER.fullmatch(value.strip()) is not None


def _decides(source: Source) -> bool:
    return bool(source.name) and _has(source, _DECIDING)


def _has(source: Source, names: Iterable[str]) -> bool:
    return any(source.variables.get(name) for name in names)


def _is_usable(settings: ModelSettings, crew_model: str | None = None) -> bool:
    """Whether they select a model, with a key if it needs one."""
    if choose(settings, crew_model).route is Route.OFFLINE:
        return False
    provider = provider_in(settings_to_env(settings, crew_model))
    return provider is None or bool(provider.key)


def _is_known_to_crewai_alone(settings: ModelSettings) -> bool:
    """Whether the name has a provider, such as groq/…, that no setting of ours leads to."""
    name = settings.openai_model or ""
    return "/" in name and provider_of(name)[0] is None and not _is_usable(settings)


def _filled(settings: ModelSettings, others: ModelSettings) -> ModelSettings:
    """What `settings` leave open comes from `others`; a key only together with its address."""
    pairs = {"openai_base_url": "openai_api_key", "openai_model": "openai_api_key"}
    missing = {}
    for each in fields(ModelSettings):
        mine, theirs = getattr(settings, each.name), getattr(others, each.name)
        partner = pairs.get(each.name)
        if mine is None and theirs and (partner is None or getattr(settings, partner) is None):
            missing[each.name] = theirs
    origins = {name: others.origins[name] for name in missing if name in others.origins}
    return replace(settings, **missing, origins={**settings.origins, **origins})


def _as_they_are(sources: Sequence[Source], settings: ModelSettings) -> dict[str, str]:
    """The variables as CrewAI itself would find them, and a name if it would miss the provider.

    Where CrewAI would prefer another name of a setting that a later source has set, that gets the
    value of the source that decides.
    """
    variables: dict[str, str] = {}
    for source in reversed(sources):
        variables |= {
            name: source.variables[name] for name in VARIABLES if name in source.variables
        }
    for names, decided in ((NAMES, decided_name(sources)), (ADDRESSES, decided_address(sources))):
        if decided is None:
            continue
        for name in names:
            if name in variables and not decided.source.variables.get(name):
                variables[name] = decided.value
        if decided.variable == "OPENAI_MODEL":
            variables["MODEL"] = decided.value
    choice = choose(settings)
    if not settings.openai_model and choice.route is not Route.OFFLINE:
        variables = {**settings_to_env(settings), **variables}
    if choice.route is Route.COMPATIBLE and not settings.openai_api_key:
        variables["OPENAI_API_KEY"] = NO_KEY
    return variables
