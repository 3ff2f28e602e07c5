"""The earlier answer, changed as a reviewer asked, with a list of what was changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from crew_runner.models.drafter import asks, edits, markdown, replanning, rewording
from crew_runner.models.drafter.asks import Ask, Note, Speak
from crew_runner.models.drafter.brief import language_of
from crew_runner.models.drafter.conversation import Conversation
from crew_runner.models.drafter.markdown import Bullets, Document, Paragraph, Section
from crew_runner.models.drafter.plan import label
from crew_runner.models.drafter.scene import Changed, Scene
from crew_runner.models.drafter.words import LABEL, words


def revised(conversation: Conversation, draft_in: Callable[[str], Document]) -> Document:
    """The earlier answer with the last feedback worked in.

    `draft_in(code)` drafts the task anew in a language. A change of language starts from there and
    applies every feedback so far again, so that nothing that was asked for is lost with it.
    """
    answer = conversation.answer or ""
    last = conversation.feedback[-1]
    wanted = [ask.code for ask in asks.read(last) if isinstance(ask, Speak) and ask.code]
    drafted_here = conversation.deliverable is not None or LABEL in answer
    if not wanted or not drafted_here:
        scene = Scene(conversation, words(language_of(answer)))
        return applied(scene, markdown.parse(answer), last)
    document = draft_in(wanted[-1])
    scene = Scene(conversation, words(wanted[-1]))
    for feedback in conversation.feedback:
        document = applied(scene, document, feedback)
    return document


def kept_to(conversation: Conversation, document: Document, language: str) -> Document:
    """A first draft in which the lessons from earlier reviews hold."""
    scene = Scene(conversation, words(language))
    for lesson in conversation.lessons:
        for ask in asks.read(lesson) or (Note(lesson),):
            document = _change(scene, document, ask).document
    return document


def applied(scene: Scene, document: Document, feedback: str) -> Document:
    """One feedback worked in, ask by ask, and written down in the list of changes."""
    effects = []
    for ask in asks.read(feedback) or (Note(feedback),):
        changed = _change(scene, document, ask)
        document = changed.document
        effects.append(changed.effect)
    entry = scene.say("entry", feedback=_short(feedback), effects="; ".join(dict.fromkeys(effects)))
    return _noted(scene, document, entry)


def _change(scene: Scene, document: Document, ask: Ask) -> Changed:  # noqa: PLR0912 - one a kind
    match ask:
        case asks.Shorter():
            changed = rewording.shorter(scene, document, ask)
        case asks.Longer():
            changed = rewording.longer(scene, document, ask)
        case asks.Tone():
            changed = rewording.toned(scene, document, ask)
        case asks.Speak():
            changed = rewording.spoken(scene, document, ask)
        case asks.Note():
            changed = rewording.note(scene, document, ask)
        case asks.Replace():
            instead = asks.add(ask.new)
            changed = rewording.reworded(scene, document, ask) or replanning.added(
                scene, document, instead
            )
        case asks.Add():
            changed = replanning.added(scene, document, ask)
        case asks.Remove():
            changed = replanning.removed(scene, document, ask)
        case asks.Budget():
            changed = replanning.budgeted(scene, document, ask)
        case asks.Shift():
            changed = replanning.shifted(scene, document, ask)
        case asks.Start():
            changed = replanning.started(scene, document, ask)
        case asks.Span():
            changed = replanning.spanned(scene, document, ask)
        case asks.Audience():
            changed = replanning.addressed(scene, document, ask)
        case _:
            assert_never(ask)
    return changed


def _noted(scene: Scene, document: Document, entry: str) -> Document:
    """The document with the entry in its list of changes, which stands before all else."""
    listed = edits.section_of(document, "changed")
    if listed:
        document = edits.append(document, listed, entry)
    else:
        changes = Section(scene.heading, (Bullets((entry,), numbered=True),))
        document = replace(document, sections=(changes, *document.sections))
    if any(LABEL in block.text for block in document.lead if isinstance(block, Paragraph)):
        return document
    return replace(document, lead=(label(scene.speech), *document.lead))


def _short(text: str, most: int = 160) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[:most].rsplit(" ", 1)[0] + " …"
