"""How a reviewer handles a waiting message: read it, decide, and repeat until it counts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Final

from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, Workspace
from tests.trouble.crews.effects import hash_of, hash_of_arguments
from tests.trouble.load.crowd import (
    MAY_NOT,
    POLL,
    RETRIED_AFTER,
    REVIEWERS,
    RIVAL,
    Crowd,
    Waiting,
    answer_of,
)
from tests.trouble.load.journal import ActKind, ActResult, MidRunAnswer, Prompt, Reading
from tests.trouble.load.plans import Move

REPEATED_AFTER: Final = 8.0
OPENS_WITHIN: Final = 5.0
SHOWN_WITHIN: Final = 4.0
DELIVERED_WITHIN: Final = 70.0
"""Seconds; Slack redelivers a reply for a minute."""

IN_FILE: Final = "file above"
IN_MESSAGE: Final = "message above"
_LABELS: Final = {Move.SKIP: "Skip", Move.STOP: "Stop", Move.AGAIN: "again"}
_ACT_KINDS: Final = {Move.SKIP: ActKind.SKIP, Move.STOP: ActKind.STOP, Move.AGAIN: ActKind.REVISE}


def review(crowd: Crowd, waiting: Waiting, who: str) -> None:
    Reviewer(crowd, waiting, who).review()


class Reviewer:
    """One person who handles one message."""

    def __init__(self, crowd: Crowd, waiting: Waiting, who: str) -> None:
        self._crowd = crowd
        self._workspace: Workspace = crowd.workspace
        self._plan = waiting.plan
        self._message = waiting.message
        self._checkpoint = waiting.checkpoint
        self._who = who
        self._has_replied = False

    def review(self) -> None:
        if not self._checkpoint:
            self._retry()
        elif (prompt := _prompt_of(self._message)) is None:
            self._decide()
        else:
            self._answer(prompt)

    def _decide(self) -> None:
        number = self._crowd.number(self._plan.token)
        move = self._plan.move(number)
        if move is None:
            raise AssertionError("it reached one more checkpoint than planned")
        if self._plan.is_tried(number):
            for intruder in MAY_NOT:
                self._click("Continue", ActKind.CONTINUE, intruder)
        shown = hash_of(self._read()) if self._plan.kind.marked else ""
        self._crowd.readings.append(
            Reading(self._plan.token, self._checkpoint, shown, move, number)
        )
        if move is Move.LEAVE:
            self._crowd.left.add(self._plan.token)
            return
        wish = self._plan.wish(number)
        self._insist(lambda: self._act(move, wish))

    def _answer(self, prompt: Prompt) -> None:
        """Answer a running crew; one tool call in five is refused.

        A question may be withdrawn and asked again, because its crew dies with the worker.
        """
        refused = prompt is Prompt.CALL and int(self._checkpoint[:2], 16) % 5 == 0
        shown = hash_of_arguments(_arguments(self._message)) if prompt is Prompt.CALL else ""
        words = refused or prompt is Prompt.QUESTION
        number = next(self._crowd.answer_numbers) if words else 0
        wish = self._plan.wish(number)
        self._crowd.answers.append(
            MidRunAnswer(self._plan.token, self._checkpoint, prompt, shown, number, not refused)
        )

        def answer() -> bool:
            if refused or (prompt is Prompt.QUESTION and number % 2):
                return self._in_form(Move.FORM, wish)
            if prompt is Prompt.QUESTION:
                return self._reply(wish, mention=True)
            return self._click(prompt.value, ActKind.CONTINUE, self._who) is ActResult.TAKEN

        self._insist(answer)

    def _insist(self, act: Callable[[], bool]) -> None:
        """Repeat the act until the message has lost its buttons."""
        while not self._is_decided() and not self._crowd.over.is_set():
            patience = REPEATED_AFTER if act() else RETRIED_AFTER
            if self._has_replied and not self._plan.exact:
                self._crowd.until(self._is_decided, within=DELIVERED_WITHIN)
                act = self._continue
                continue
            self._crowd.until(self._is_decided, within=patience)

    def _act(self, move: Move, wish: str) -> bool:
        """Make the move; returns whether it was acknowledged."""
        acts: dict[Move, Callable[[], bool]] = {
            Move.CONTINUE: self._continue,
            Move.TWICE: self._twice,
            Move.RACE: self._race,
            Move.REST: lambda: self._by_rest() is ActResult.TAKEN,
            Move.MENTION: lambda: self._reply(wish, mention=True),
            Move.CANCEL: self._cancel,
        }
        if move in _LABELS:
            return self._click(_LABELS[move], _ACT_KINDS[move], self._who) is ActResult.TAKEN
        if move in (Move.FORM, Move.REPLY):
            return self._in_form(move, wish)
        return acts[move]()

    def _continue(self) -> bool:
        return self._click(self._continue_label, ActKind.CONTINUE, self._who) is ActResult.TAKEN

    @property
    def _continue_label(self) -> str:
        return "good" if self._message.button("good") else "Continue"

    def _click(self, label: str, what: ActKind, who: str) -> ActResult:
        return self._note(
            what,
            lambda: answer_of(self._workspace.click(label, by=who, message=self._message)),
            who=who,
        )

    def _twice(self) -> bool:
        other = next(each for each in REVIEWERS if each != self._who)
        return self._at_once(
            lambda: self._click(self._continue_label, ActKind.CONTINUE, self._who),
            lambda: self._click(self._continue_label, ActKind.CONTINUE, other),
        )

    def _race(self) -> bool:
        return self._at_once(
            lambda: self._click("Continue", ActKind.CONTINUE, self._who),
            lambda: self._click("Skip", ActKind.SKIP, RIVAL),
            self._by_rest,
        )

    def _at_once(self, *acts: Callable[[], ActResult]) -> bool:
        answers: list[ActResult] = []
        threads = [threading.Thread(target=lambda act=act: answers.append(act())) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return ActResult.TAKEN in answers

    def _by_rest(self) -> ActResult:
        payload = (self._crowd.root_of[self._plan.token].metadata or {}).get("event_payload", {})
        execution = str(payload.get("key", "")).split(":")[1]
        return self._crowd.rest.decide(execution, self._checkpoint, ActKind.CONTINUE, "")

    def _reply(self, words: str, *, mention: bool) -> bool:
        """Reply once: Slack redelivers a reply until the bot acknowledges it."""
        if not self._has_replied:
            self._has_replied = True
            post = self._workspace.mention if mention else self._workspace.reply
            reply = post(words, by=self._who, thread=self._message)
            self._note(ActKind.REVISE, lambda: ActResult.POSTED, text=words, reply_ts=reply.ts)
        return True

    def _note(
        self,
        what: ActKind,
        act: Callable[[], ActResult],
        *,
        who: str = "",
        text: str = "",
        reply_ts: str = "",
    ) -> ActResult:
        """Perform and record an act; once acknowledged, it must be recorded or answered."""
        who = who or self._who
        shown_before = len(self._workspace.ephemerals(who))
        result = self._crowd.journal.note(
            what, self._checkpoint, by=who, act=act, text=text, reply_ts=reply_ts
        )
        if (
            self._plan.exact
            and result is ActResult.TAKEN
            and self._crowd.database.checkpoint(self._checkpoint).state == "pending"
            and not self._crowd.until(
                lambda: len(self._workspace.ephemerals(who)) > shown_before, within=SHOWN_WITHIN
            )
        ):
            self._crowd.journal.broken.append(
                f"{what} on {self._checkpoint} was acknowledged, but neither recorded nor answered"
            )
        return result

    def _in_form(self, move: Move, words: str) -> bool:
        workspace, who = self._workspace, self._who
        labels = ("Add words", "Revise", Prompt.QUESTION.value)
        opener = next(label for label in labels if self._message.button(label))
        if workspace.has_view(who):  # its checkpoint was decided before it was submitted
            workspace.close_view(who)
        if not workspace.click(opener, by=who, message=self._message).ok:
            return False
        is_open = self._crowd.until(lambda: workspace.has_view(who), within=OPENS_WITHIN)
        if move is Move.REPLY:
            if is_open:
                workspace.close_view(who)
            return self._reply(words, mention=False)
        if not is_open:
            return False
        values: dict[str, object] = {"revision_text": words}
        if opener == "Add words":
            values["outcome_choice"] = self._option("again")

        def submit() -> ActResult:
            answer = workspace.submit(values, by=who)
            if answer.ok and workspace.has_view(who):  # it shows an error
                workspace.close_view(who)
                return ActResult.REFUSED
            return answer_of(answer)

        return self._note(ActKind.REVISE, submit, text=words) is ActResult.TAKEN

    def _option(self, label: str) -> str:
        """The value of the outcome with this label in the open form."""
        for block in self._workspace.open_view(self._who).definition["blocks"]:
            for option in (block.get("element") or {}).get("options", []):
                if option["text"]["text"].startswith(label):
                    return str(option["value"])
        raise AssertionError(f"the form offers no outcome {label}")

    def _cancel(self) -> bool:
        root = self._workspace.again(self._crowd.root_of[self._plan.token])
        if root.button("Cancel run") is None:
            self._crowd.until(self._is_decided, within=POLL)
            return False
        answers = [
            self._on_root(ActKind.CANCEL, "Cancel run", person) for person in (*MAY_NOT, ANA)
        ]
        return answers[-1] is ActResult.TAKEN

    def _retry(self) -> None:
        root = self._crowd.root_of[self._plan.token]

        def is_gone() -> bool:
            return self._workspace.again(root).button("Retry") is None

        while not self._crowd.over.is_set() and not is_gone():
            self._on_root(ActKind.RETRY, "Retry", ANA)
            self._crowd.until(is_gone, within=REPEATED_AFTER)

    def _on_root(self, what: ActKind, label: str, who: str) -> ActResult:
        root = self._workspace.again(self._crowd.root_of[self._plan.token])
        if root.button(label) is None:
            return ActResult.NO_ANSWER
        return self._crowd.journal.note(
            what,
            self._plan.token,
            by=who,
            act=lambda: answer_of(self._workspace.click(label, by=who, message=root)),
        )

    def _read(self) -> str:
        """The whole text that this card asks about: on it, or in the messages above it."""
        thread = self._workspace.thread(self._message)
        above = [m for m in thread if m.ts < self._message.ts]
        if IN_FILE in self._message.everything:
            return self._workspace.file_text([m for m in above if m.files][-1])
        shown = above[-1] if IN_MESSAGE in self._message.everything else self._message
        return "".join(
            _texts([block for block in shown.blocks if block["type"] == "rich_text"])
        ).strip()

    def _is_decided(self) -> bool:
        now = self._workspace.again(self._message)
        return not (now.button("Continue") or now.button("good"))


def _prompt_of(message: MessageSnapshot) -> Prompt | None:
    """What the crew waits for, or None if the message shows the output of a phase or a gate."""
    if message.button("good") or (message.button("Revise") and not message.button(Prompt.CALL)):
        return None
    return next((prompt for prompt in Prompt if message.button(prompt.value)), None)


def _texts(node: object) -> Iterator[str]:
    """The texts of rich text, in reading order."""
    if isinstance(node, list):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        yield from _texts(node.get("elements"))


def _arguments(message: MessageSnapshot) -> dict[str, object]:
    """The arguments of the tool call that this message asks about."""
    [block] = [block for block in message.blocks if block["type"] == "rich_text"]
    arguments_json = "".join(
        text["text"] for part in block["elements"] for text in part["elements"]
    )
    arguments: dict[str, object] = json.loads(arguments_json)
    return arguments
