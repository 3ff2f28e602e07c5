"""Changes of length, tone, wording and language; and the place for what fits no other kind."""

from __future__ import annotations

from dataclasses import replace

from crew_runner.models.drafter import edits
from crew_runner.models.drafter.asks import Add, Longer, Note, Replace, Shorter, Speak, Tone, read
from crew_runner.models.drafter.markdown import Block, Bullets, Document, Paragraph
from crew_runner.models.drafter.plan import label
from crew_runner.models.drafter.scene import Changed, Scene, capital
from crew_runner.models.drafter.words import LABEL, channels_in, heading_anywhere

_SHORTER = 75  # percent that is left where no number of words was named


def shorter(scene: Scene, document: Document, ask: Shorter) -> Changed:
    before = document.words()
    limit = ask.limit or (0 if ask.section else before * _SHORTER // 100)
    keep = [
        a.what for f in scene.conversation.feedback for a in read(f) if isinstance(a, Add | Note)
    ]
    new = edits.shorten(document, limit, spare=scene.heading, keep=keep, only=ask.section)
    if new.words() >= before:
        return note(scene, document, Note(ask.said, ask.section))
    return Changed(new, scene.say("shorter", before=before, after=new.words()))


def longer(scene: Scene, document: Document, ask: Longer) -> Changed:
    before = document.words()
    new = document
    for section in document.sections:
        key = heading_anywhere(section.heading) or "other"
        if key == "changed" or (ask.section and key != ask.section):
            continue
        known = key if key in scene.speech.keys("longer") else "other"
        more = Paragraph(scene.speech.text(f"longer.{known}"))
        if more not in section.blocks:
            new = new.with_section(replace(section, blocks=(*section.blocks, more)))
    if new == document:
        return note(scene, document, Note(scene.speech.text("longer.other"), ask.section))
    return Changed(new, scene.say("longer", before=before, after=new.words()))


def reworded(scene: Scene, document: Document, ask: Replace) -> Changed | None:
    """None where the old words do not occur."""
    channels = [channels_in(said) for said in (ask.old, ask.new)]
    old, new = (
        " & ".join(map(scene.channel, named)) or said
        for named, said in zip(channels, (ask.old, ask.new), strict=True)
    )
    changed, times = edits.substitute(document, old, new, spare=scene.heading)
    if not times:
        return None
    if len(channels[0]) == len(channels[1]) == 1:
        changed = _with_habits(scene, changed, old=channels[0][0], new=channels[1][0])
    effect = scene.say("replaced", old=scene.quote(old), new=scene.quote(new), n=times)
    return Changed(changed, effect)


def _with_habits(scene: Scene, document: Document, *, old: str, new: str) -> Document:
    """A channel's rhythm, measure and format follow its name."""
    for field in ("rhythm", "counts", "format", "what"):
        before, after = (scene.speech.subject("channels", key, field) for key in (old, new))
        document, _ = edits.substitute(document, before, after, spare=scene.heading)
    return document


def toned(scene: Scene, document: Document, ask: Tone) -> Changed:
    """The messages said again in another tone; elsewhere a line that names it with an example."""
    speech = scene.speech
    name = speech.text(f"tones.{ask.key}.name")
    said = scene.brief().name
    lines = speech.lines(f"tones.{ask.key}.messages", name=said, Name=capital(said))
    line = scene.say("tone_line", tone=name, example=lines[0])
    opening = scene.say("tone_line", tone="", example="").partition(":")[0]
    section = scene.target(document, "messages")
    if heading_anywhere(section.heading) not in {"messages", "draft_messages", "say"}:
        new = edits.append(document, section, line)
    else:
        kept = tuple(
            block
            for block in section.blocks
            if isinstance(block, Paragraph) and not block.text.startswith(opening)
        )
        blocks: tuple[Block, ...] = (Bullets(lines, numbered=True), *kept, Paragraph(line))
        new = document.with_section(replace(section, blocks=blocks))
    return Changed(new, scene.say("tone", tone=name, section=section.heading))


def spoken(scene: Scene, document: Document, ask: Speak) -> Changed:
    """Only says what became of the wish: the text itself was drafted anew before this."""
    if ask.code == scene.speech.code:
        return Changed(document, scene.say("language"))
    sorry = (
        scene.say("language_kept")
        if ask.code
        else scene.speech.text("language.not_spoken", asked=ask.said)
    )
    kept = tuple(b for b in document.lead if not (isinstance(b, Paragraph) and LABEL in b.text))
    return Changed(replace(document, lead=(label(scene.speech, sorry), *kept)), sorry)


def note(scene: Scene, document: Document, ask: Note) -> Changed:
    section = scene.target(document, ask.section)
    line = scene.say("noted_line", what=" ".join(ask.what.split()).rstrip("."))
    new = edits.append(document, section, line)
    return Changed(new, scene.say("noted", section=section.heading))
