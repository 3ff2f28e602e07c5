"""One run as its people play it: patient, and told nothing but what Slack shows them.

Ana types the command. Ben decides each checkpoint as soon as it has buttons, and tries again when
Slack says that it did not work; a reply he writes once, for Slack delivers it again. Whoever looks
after the bot starts it again when it died.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.chaos.kinds import Kind
from tests.chaos.ledger import Ledger
from tests.support.message_snapshot import MessageSnapshot as Shown
from tests.support.people import Answer
from tests.support.workspace import ANA, BEN, Workspace

LOOK = 0.03
LOOK_ANYWAY = 0.3
TOLD_WITHIN = 4.0


class Startable(Protocol):
    """A bot that can die and be started again."""

    folder: Path

    @property
    def database(self) -> str | Path: ...
    @property
    def log_text(self) -> str: ...
    def runs(self) -> bool: ...
    def start(self) -> None: ...


def _nothing() -> None:
    """What there is to do before a start, if nobody says otherwise."""


@dataclass
class Play:
    """`words` tell this run from every other.

    `before_start` is called each time that the bot is to be started because it does not run.
    """

    workspace: Workspace
    bot: Startable
    kind: Kind
    words: str
    before_start: Callable[[], None] = _nothing
    asked: bool = False
    starts: int = 0
    checkpoints: list[str] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    replied: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    _root: Shown | None = None
    _newest: int = -1
    _look_at: float = 0.0

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.bot.database)

    @property
    def change(self) -> str:
        """What Ben asks for when he asks for a revision."""
        return f"shorter, please, {self.words}"

    def to_its_end(self, *, within: float) -> None:
        """Go on until the result is there; fails with all that was said if it does not come."""
        deadline = time.monotonic() + within
        while True:
            if self._may_be_news():
                thread = self.thread()
                if self.bot.runs() and self._is_over(thread):
                    return
                self._go_on(thread)
            if time.monotonic() > deadline:
                said = f"{self.workspace.transcript()}\n--- log ---\n{self.bot.log_text[-12000:]}"
                raise AssertionError(f"“{self.words}” did not end within {within:g} s\n{said}")
            time.sleep(LOOK)

    def _may_be_news(self) -> bool:
        """Whether to look: something was shown, the bot is dead, or it is some time since."""
        journal = self.workspace.practice.workspace.journal
        newest = journal[-1].seq if journal else 0
        now = time.monotonic()
        if self.bot.runs() and newest == self._newest and now < self._look_at:
            return False
        self._newest, self._look_at = newest, now + LOOK_ANYWAY
        return True

    def _go_on(self, thread: Sequence[Shown]) -> None:
        """Do the next thing, if there is one to be done."""
        if not self.bot.runs():
            self.before_start()
            self.bot.start()
            self.starts += 1
            self.workspace.wait_for(
                lambda: self._is_connected() or not self.bot.runs(),
                30,
                what="the bot to connect or to die",
            )
        elif self._is_connected():
            if thread:
                self._decide(thread)
            else:
                self._ask()

    def thread(self) -> list[Shown]:
        """The run's messages, the one that its thread hangs on first; empty before that."""
        if self._root is None:
            threads = self.workspace.threads()
            self._root = next((m for m in threads if self.words in m.everything), None)
        return [] if self._root is None else self.workspace.thread(self._root)

    def _is_over(self, thread: Sequence[Shown]) -> bool:
        """The result and its file are in the thread, and nothing is left to be said."""
        return (
            any(is_final(m) for m in thread)
            and any(m.files for m in thread)
            and not any(m.buttons for m in thread)
            and not self.ledger.has_work(self.words)
        )

    def _is_connected(self) -> bool:
        return self.workspace.practice.deliveries.transport.connected

    def _ask(self) -> None:
        if self.asked or self.ledger.execution(self.words) is not None:
            return
        self.asked = self.workspace.command(f"/crew {self.kind.crew} {self.words}", by=ANA).ok
        if self.asked and self.ledger.execution(self.words) is None:
            self.broken.append("the command was acknowledged, but no run is recorded")

    def _decide(self, thread: Sequence[Shown]) -> None:
        shown = next((m for m in thread if m.button("Continue")), None)
        if shown is None:
            return
        checkpoint = checkpoint_of(shown)
        if checkpoint not in self.checkpoints:
            self.checkpoints.append(checkpoint)
        if checkpoint in self.acknowledged:
            return
        choices = self.kind.choices
        choice = choices[min(self.checkpoints.index(checkpoint), len(choices) - 1)]
        if choice == "Reply":
            self._reply(shown, checkpoint)
        elif choice == "Revise":
            self._revise(shown, checkpoint)
        else:
            told = len(self.workspace.ephemerals(BEN))
            answer = self.workspace.click(choice, by=BEN, message=shown)
            self._note(answer, checkpoint, choice, told=told)

    def _reply(self, shown: Shown, checkpoint: str) -> None:
        """Say it once, and count on Slack to deliver it until the bot has taken it."""
        if checkpoint not in self.replied:
            self.replied.add(checkpoint)
            self.workspace.mention(self.change, by=BEN, thread=shown)

    def _revise(self, shown: Shown, checkpoint: str) -> None:
        if not self.workspace.has_view(BEN):
            if self.workspace.click("Revise", by=BEN, message=shown).ok:
                self._wait(lambda: self.workspace.has_view(BEN))
            return
        told = len(self.workspace.ephemerals(BEN))
        answer = self.workspace.submit({"revision_text": self.change}, by=BEN)
        if answer.errors:
            self.workspace.close_view(BEN)
        else:
            self._note(answer, checkpoint, "Revise", told=told)

    def _note(self, answer: Answer, checkpoint: str, choice: str, *, told: int) -> None:
        """What is acknowledged must be recorded at that moment, or answered in words."""
        if not answer.ok:
            return
        if self.ledger.decision(checkpoint) is not None:
            self.acknowledged[checkpoint] = choice.lower()
            return
        if not self._wait(lambda: len(self.workspace.ephemerals(BEN)) > told):
            self.broken.append(
                f"{choice} on {checkpoint} was acknowledged, but neither kept nor told"
            )

    def _wait(self, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + TOLD_WITHIN
        while self.bot.runs() and time.monotonic() < deadline and not condition():
            time.sleep(LOOK)
        return condition()


def checkpoint_of(shown: Shown) -> str:
    """The id that the buttons of this message carry."""
    button = shown.button("Continue")
    assert button is not None
    return str(button.value)


def key_of(shown: Shown) -> str:
    """What a message of the bot's says that it is, without which one of its generations."""
    payload = (shown.metadata or {}).get("event_payload", {})
    return str(payload.get("key", "")).rpartition(":")[0]


def is_final(shown: Shown) -> bool:
    return key_of(shown).startswith("final:")
