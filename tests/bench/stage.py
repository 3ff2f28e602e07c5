"""The practice workspace with the bot as a process, and timed deliveries."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from practice.delivery.deliveries import Ack, Delivery, Transport
from practice.state.records import Channel
from storage.db.engines import open_engine
from storage.reads import Reads
from tests.bench.crews import write_crews
from tests.support.processes import BotProcess, clean_environment
from tests.support.workspace import ANA, BOT, Answer, MessageSnapshot, Mode, Workspace

QUICK_LEASE = {"COUNTERSIGN_LEASE_SECONDS": "30"}


@dataclass(frozen=True, slots=True)
class Handed:
    """A delivered payload: when (seconds since 1970), and how long its ack took."""

    kind: str
    at: float
    seconds: float
    ok: bool


class TimedTransport:
    """A transport from the workspace to the app that times deliveries."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.handed: list[Handed] = []

    @property
    def connected(self) -> bool:
        return self._transport.connected

    async def push(
        self, delivery: Delivery, *, attempt: int, reason: str | None, timeout: float
    ) -> Ack:
        at, began = time.time(), time.perf_counter()
        ack = await self._transport.push(delivery, attempt=attempt, reason=reason, timeout=timeout)
        self.handed.append(Handed(delivery.kind, at, time.perf_counter() - began, ack.ok))
        return ack


class Place:
    """A workspace with `channels` new channels, and one app in it."""

    def __init__(self, workspace: Workspace, channels: int) -> None:
        self.workspace = workspace
        self.channels = [f"C00BENCH{number:03}" for number in range(channels)]
        for number, channel in enumerate(self.channels):
            workspace.add_channel(Channel(channel, f"bench-{number}", members=[ANA, BOT]))
        self._timed = TimedTransport(workspace.practice.deliveries.transport)
        workspace.practice.deliveries.transport = self._timed

    def command(self, text: str, *, channel: str) -> Handed:
        """Type a command; return how it was acknowledged."""
        return self._acknowledged(lambda: self.workspace.command(text, by=ANA, in_=channel))

    def click(self, label: str, message: MessageSnapshot) -> Handed:
        return self._acknowledged(lambda: self.workspace.click(label, by=ANA, message=message))

    def waiting(self, channel: str) -> MessageSnapshot | None:
        """The message in this channel's only thread that asks for a decision."""
        threads = self.workspace.threads(channel)
        return self.workspace.message_with("Continue", thread=threads[0]) if threads else None

    def all_waiting(self) -> list[MessageSnapshot]:
        """Wait for such a message in each channel."""
        return [
            self.workspace.wait_for(partial(self.waiting, channel), 60, what="a checkpoint")
            for channel in self.channels
        ]

    def _acknowledged(self, act: Callable[[], Answer]) -> Handed:
        before = len(self._timed.handed)
        answer = act()
        assert answer.ok, f"{answer}\n\n{self.workspace.transcript()}"
        return next(handed for handed in self._timed.handed[before:] if handed.kind != "events_api")


@dataclass(frozen=True, slots=True)
class Stage:
    """The bot in its workspace. `reads` reads its database."""

    place: Place
    bot: BotProcess
    reads: Reads
    folder: Path


@contextmanager
def bot_on_stage(
    folder: Path,
    *,
    crews: Collection[str],
    channels: int,
    workers: int,
    mode: Mode = "socket",
    env: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """The bot with these crews, connected and with every crew built once."""
    with ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        place = Place(workspace, channels)
        bot = BotProcess(
            folder,
            workers=workers,
            crews_file=write_crews(folder, crews),
            env={**workspace.env(mode), **QUICK_LEASE, **(env or {})},
        )
        stack.enter_context(bot)
        if mode == "http":
            workspace.reach_by_http(f"{bot.address}/slack/events")
        workspace.wait_until_connected()
        engine = open_engine(f"sqlite:///{bot.database}")
        stack.callback(engine.dispose)
        reads = Reads(engine)
        bot.until(
            lambda: reads.crew_reports().keys() == set(crews),
            what="every crew was built once",
            within=60,
        )
        problems = {report.problem for report in reads.crew_reports().values()}
        assert problems == {None}, problems
        yield Stage(place, bot, reads, folder)


@contextmanager
def empty_app_on_stage(folder: Path, *, channels: int, mode: Mode) -> Iterator[Place]:
    """An app in its own workspace that only acknowledges."""
    with ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        place = Place(workspace, channels)
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.bench.empty_app"],
                cwd=folder,
                env=clean_environment(**workspace.env(mode)),
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(process.kill)
        if mode == "http":
            assert process.stdout is not None
            workspace.reach_by_http(process.stdout.readline().strip())
        workspace.wait_until_connected()
        yield place


def post_button(place: Place, channel: str) -> MessageSnapshot:
    """Post a message with a button, for an app that posts none."""
    button = {
        "type": "button",
        "action_id": "go",
        "value": "1",
        "text": {"type": "plain_text", "text": "Continue"},
    }
    blocks = [{"type": "actions", "elements": [button]}]
    workspace = place.workspace.practice.workspace
    return place.workspace.call(
        lambda: MessageSnapshot.of(
            workspace.post(channel=channel, user=BOT, text="A button", blocks=blocks)
        )
    )
