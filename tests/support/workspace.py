"""A Slack workspace for tests, with people in it who type, click and look.

    with Workspace() as workspace:
        start_the_bot(workspace.env())
        workspace.wait_until_connected()
        workspace.command("/crew plan a summer campaign", by=ANA)
        checkpoint = workspace.wait_for(lambda: workspace.message_with("Continue"))
        workspace.click("Continue", by=BEN)

The server runs in a thread of the test's process on a free port; the bot may run in the
same process, in a thread or in a child. Every method may be called from any thread.

What to know:
- Places are named without `#` ("campaigns") or by id; the bot is in #general and
  #campaigns, not in #random. `in_=` of a direct message with the bot: `dm(ANA)`.
- People: ANA and BEN are full members, GUS is a guest, OLGA is of another workspace
  (she is in #campaigns). REVIEWERS is a user group with BEN in it.
- `click`, `command`, `submit` wait for the bot's ack (3 s at most) and answer with an
  `Answer`: `ok`, what Slack would tell the user (`notice`), field errors (`errors`).
- Messages come as `Shown`, a copy of one moment; `again(message)` reads it anew.
- `wait_for(condition)` polls until the condition gives something true and hands that
  back; when time is up it fails with all threads printed as text.
- Things that go wrong: `workspace.faults`, `redeliver`, `disconnect`, `delay`, `kick`…
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from bot.practice import seed
from bot.practice.changes import Change, Noticed
from bot.practice.deliveries import Ack, Delivery
from bot.practice.errors import SlackError
from bot.practice.manifest import installed
from bot.practice.practice import Practice
from bot.practice.records import Channel, Json, Message, User, UserGroup, Version, View
from bot.practice.seed import practice_team
from bot.practice.server import Running, serve
from bot.practice.traffic import Entry
from tests.support.faults import PlannedFaults
from tests.support.forms import filled
from tests.support.shown import Button, Shown, buttons
from tests.support.transcript import transcript

ANA, BEN, GUS, OLGA, BOT = seed.ANA, seed.BEN, seed.GUS, seed.OLGA, seed.BOT
REVIEWERS = seed.REVIEWERS
__all__ = [
    "ANA",
    "BEN",
    "BOT",
    "GUS",
    "OLGA",
    "REVIEWERS",
    "Answer",
    "Button",
    "Shown",
    "Workspace",
]
T = TypeVar("T")
Mode = Literal["socket", "http"]


@dataclass(frozen=True)
class Answer:
    """What Slack shows a person for what they did."""

    ok: bool
    notice: str = ""
    error: str = ""
    errors: dict[str, str] = field(default_factory=dict)


class Workspace:
    """The workspace, its people, and everything a test may want to know of it.

    `manifest` installs the app with exactly the scopes, events and commands of that
    file; without it the app holds every scope that the workspace knows.
    `clock` replaces the time (for response URLs of thirty minutes and the like).
    `practice` is the server side itself, for what no method here says; change it only
    inside `call`.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        manifest: Path | None = None,
        practice: Practice | None = None,
    ) -> None:
        app = installed(manifest) if manifest else None
        self.practice = practice or Practice(practice_team(app=app, clock=clock), clock=clock)
        self._stack = ExitStack()
        self._running: Running | None = None
        self._notices: list[Noticed] = []
        self.practice.workspace.listeners.append(self._heard)
        self.faults = PlannedFaults(self.practice, self.call)

    def __enter__(self) -> Self:
        self._running = self._stack.enter_context(serve(self.practice))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    # -- reaching it ------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the page is; `url + "/api/"` is the Web API."""
        return self._live.url

    def env(self, mode: Mode = "socket") -> dict[str, str]:
        """The environment that points a bot at this workspace.

        For "http" also call `reach_by_http` with the address of the bot's own server.
        """
        app = self.practice.workspace.app
        environment = {
            "SLACK_API_URL": f"{self.url}/api/",
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_SIGNING_SECRET": app.signing_secret,
        }
        if mode == "socket":
            environment["SLACK_APP_TOKEN"] = app.app_token
        return environment

    def reach_by_http(self, request_url: str | None) -> None:
        """Deliver by signed POST to this URL from now on; None goes back to sockets."""
        self.call(lambda: self.practice.reach_by_http(request_url))

    def verify_request_url(self) -> bool:
        """Whether the bot answers Slack's handshake for its request URL."""
        return self._live.wait(self.practice.push.verify())

    def wait_until_connected(self, timeout: float = 15.0) -> None:
        """Wait until the bot has an open socket (or, over HTTP, an address)."""
        self.wait_for(
            lambda: self.practice.deliveries.transport.connected,
            timeout,
            what="the bot to connect",
        )

    def call(self, act: Callable[[], T]) -> T:
        """Run a function in the server's event loop, where its state may be changed."""
        return self._live.call(act)

    # -- what people do ---------------------------------------------------------------

    def command(self, text: str, *, by: str = ANA, in_: str = "campaigns") -> Answer:
        """Type a slash command; words without a slash are for `/crew`."""
        typed = text if text.startswith("/") else f"/crew {text}"
        act = self.practice.interactions.command
        return self._answer(act(user=by, channel=self.channel(in_).id, text=typed))

    def say(self, text: str, *, by: str = ANA, in_: str = "campaigns") -> Shown:
        """Post a message in a channel."""
        return self._say(text, by, self.channel(in_).id, None)

    def reply(self, text: str, *, by: str = ANA, thread: Shown) -> Shown:
        """Post a reply in the thread that this message is in or begins."""
        return self._say(text, by, thread.channel, thread.root_ts)

    def mention(self, text: str, *, by: str = ANA, thread: Shown) -> Shown:
        """Reply in the thread with a mention of the bot before the words."""
        return self.reply(f"<@{BOT}> {text}", by=by, thread=thread)

    def click(
        self, label: str, *, by: str = ANA, message: Shown | None = None, timeout: float = 10.0
    ) -> Answer:
        """Click the button whose label begins so, and confirm where it asks.

        Without `message` the newest message that shows such a button to this person is
        waited for. With it the button may be gone from the message by now, as on a
        screen that has not caught up.
        """
        target, button = self._clickable(label, by, message, timeout)
        return self._answer(self._clicking(target, button, by))

    def clicks(
        self, label: str, *, by: Iterable[str], message: Shown | None = None
    ) -> list[Answer]:
        """All these people click at once; a name that stands twice clicks twice."""
        people = list(by)
        target, button = self._clickable(label, people[0], message, 10.0)

        async def all_at_once() -> list[Json]:
            return await asyncio.gather(
                *(self._clicking(target, button, person) for person in people)
            )

        return [_answer(given) for given in self._live.wait(all_at_once(), timeout=60.0)]

    def choose(
        self, action_id: str, *, by: str = ANA, message: Shown, **selected: object
    ) -> Answer:
        """Use a menu in a message, e.g. `selected_option={…}`."""
        for block in message.blocks:
            for element in [*(block.get("elements") or []), block.get("accessory")]:
                if isinstance(element, dict) and element.get("action_id") == action_id:
                    return self._answer(
                        self.practice.interactions.act_on_message(
                            user=by,
                            channel=message.channel,
                            message_ts=message.ts,
                            block_id=block["block_id"],
                            action_id=action_id,
                            said=dict(selected),
                        )
                    )
        raise AssertionError(f"no element {action_id} in:\n{message.everything}")

    def open_view(self, by: str = ANA, timeout: float = 5.0) -> View:
        """The modal in front of this person, waited for."""
        return self.wait_for(
            lambda: self.practice.views.top(by), timeout, what=f"a modal for {self._name(by)}"
        )

    def has_view(self, by: str) -> bool:
        return self.practice.views.top(by) is not None

    def submit(self, values: dict[str, object] | None = None, *, by: str = ANA) -> Answer:
        """Fill in the modal in front and submit it.

        Keys name an input by its action_id, block_id or label; values are text, an
        option's value, or a list of these. What is not named keeps its preset value.
        """
        view = self.open_view(by)
        stated = filled(view.definition["blocks"], values or {})
        return self._answer(
            self.practice.interactions.submit(user=by, view_id=view.id, values=stated)
        )

    def click_in_view(self, label: str, *, by: str = ANA) -> Answer:
        """Click a button inside the modal in front."""
        view = self.open_view(by)
        button = next(b for b in buttons(view.definition["blocks"]) if b.label.startswith(label))
        return self._answer(
            self.practice.interactions.act_on_view(
                user=by,
                view_id=view.id,
                block_id=button.block_id,
                action_id=button.action_id,
                said={},
            )
        )

    def close_view(self, by: str = ANA, *, is_cleared: bool = False) -> None:
        """Close the modal in front; the bot is told if the view asks for that."""
        view = self.open_view(by)
        self._live.wait(
            self.practice.interactions.close_view(user=by, view_id=view.id, is_cleared=is_cleared)
        )

    def open_home(self, by: str = ANA) -> View | None:
        """Open the app's Home tab, and what was published there before."""
        return self.call(lambda: self.practice.interactions.open_home(by))

    def home(self, by: str = ANA) -> View | None:
        return self.practice.workspace.homes.get(by)

    # -- what people see --------------------------------------------------------------

    def channel(self, name: str) -> Channel:
        """A channel by name or id."""
        channels = self.practice.workspace.channels
        if name in channels:
            return channels[name]
        return next(c for c in channels.values() if c.name == name.removeprefix("#"))

    def dm(self, user: str) -> str:
        """The id of this person's direct message with the bot, to pass as `in_`."""
        return self.call(lambda: self.practice.workspace.im_with(user)).id

    def messages(self, in_: str = "campaigns") -> list[Shown]:
        """The main view of a channel, oldest first."""
        place = self.channel(in_).id
        return self._shown(lambda m: m.channel == place and (not m.is_reply or m.broadcast))

    def threads(self, in_: str = "campaigns") -> list[Shown]:
        """The bot's own root messages in a channel, oldest first."""
        return [
            m for m in self.messages(in_) if m.user == BOT and not m.thread_ts and not m.subtype
        ]

    def thread(self, message: Shown) -> list[Shown]:
        """The whole thread of a message: its root, then the replies, oldest first."""
        root = message.root_ts
        return self._shown(lambda m: m.channel == message.channel and root in (m.ts, m.thread_ts))

    def again(self, message: Shown) -> Shown:
        """The same message as it stands now; fails if it was deleted."""
        found = self.call(lambda: self._record(message))
        assert found is not None, f"this message is gone: {message.text}"
        return found

    def message_with(
        self, label: str, *, by: str | None = None, thread: Shown | None = None
    ) -> Shown | None:
        """The newest message that shows a button whose label begins so, or None.

        With `by` that person's ephemeral messages count too; with `thread` only those
        of that thread.
        """
        candidates = self._shown(lambda _: True) + (self.ephemerals(by) if by else [])
        for message in sorted(candidates, key=lambda m: m.ts, reverse=True):
            same = thread is None or message.root_ts == thread.root_ts
            if same and message.button(label) is not None:
                return message
        return None

    def live_buttons(self, message: Shown) -> list[str]:
        """The labels of the buttons that this message shows now."""
        return [button.label for button in self.again(message).buttons]

    def ephemerals(self, user: str) -> list[Shown]:
        """What only this person sees, oldest first."""
        return self.call(
            lambda: [
                Shown.of(message)
                for message in self.practice.workspace.ephemerals.values()
                if message.ephemeral_to == user
            ]
        )

    def ephemeral(self, user: str) -> str:
        """All that is readable in this person's newest ephemeral message, or nothing."""
        shown = self.ephemerals(user)
        return shown[-1].everything if shown else ""

    def notices(self, user: str) -> list[str]:
        """What Slack itself told this person: failed commands, unanswered clicks."""
        return [notice.text for notice in self._notices if notice.user == user]

    def notified(self, message: Shown) -> set[str]:
        """Who was called when this message was first posted."""
        return set(self.again(message).pings.users)

    def file_text(self, message: Shown) -> str:
        """The text of the file that this message carries."""
        return self.practice.workspace.files[message.files[0]].content.decode()

    def transcript(self) -> str:
        """Everything said so far, as text."""
        return self.call(lambda: transcript(self.practice))

    # -- what happened ----------------------------------------------------------------

    @property
    def journal(self) -> list[Version]:
        """Every version of every message ever shown, in order."""
        return self.call(lambda: list(self.practice.workspace.journal))

    def most_live_at_once(self, key: Callable[[Version, Button], str | None]) -> dict[str, int]:
        """Over the whole history: for each key, how many messages showed its buttons at once.

        `key` names what a button acts on (a checkpoint's id, say), or None to leave it out.
        """
        shown: dict[tuple[str, str], set[str]] = {}
        most: dict[str, int] = {}
        for version in self.journal:
            names = {
                name
                for button in buttons(version.blocks)
                if version.ephemeral_to is None and (name := key(version, button)) is not None
            }
            shown[(version.channel, version.ts)] = names
            for name in names:
                count = sum(name in held for held in shown.values())
                most[name] = max(most.get(name, 0), count)
        return most

    def calls(self, method: str | None = None) -> list[Entry]:
        """The bot's calls, oldest first: `name`, `status`, `note`, `sent`, `answered`."""
        return self.call(
            lambda: [
                entry
                for entry in self.practice.traffic.after(0)
                if entry.direction == "from_bot" and method in (None, entry.name)
            ]
        )

    def deliveries(self, kind: str | None = None) -> list[Delivery]:
        """What was sent to the bot, e.g. of kind `slash_commands`, `interactive`."""
        return self.call(
            lambda: [d for d in self.practice.deliveries.sent if kind in (None, d.kind)]
        )

    def wait_for(
        self, condition: Callable[[], T | bool | None], timeout: float = 10.0, *, what: str = ""
    ) -> T:
        """Poll until the condition gives something true, and hand it back."""
        deadline = time.monotonic() + timeout
        while not (found := condition()):
            if time.monotonic() > deadline:
                waited = f"waited {timeout:g} s for {what or 'something that did not come'}"
                raise AssertionError(f"{waited}\n\n{self.transcript()}")
            time.sleep(0.01)
        return found  # type: ignore[return-value] # what is true is no bool where T is wanted

    # -- what goes wrong --------------------------------------------------------------

    def redeliver(self, delivery: Delivery) -> Ack:
        """Send an earlier delivery to the bot once more."""
        return self._live.wait(self.practice.deliveries.redeliver(delivery.seq))

    def disconnect(self, *, abrupt: bool = False) -> int:
        """Ask the bot's sockets to reconnect, or cut them; how many there were."""
        return self._live.wait(self.practice.sockets.disconnect(abrupt=abrupt))

    def delay(self, kind: str, seconds: float) -> None:
        """Let deliveries of this kind reach the bot that much later (0 ends it)."""
        self.call(lambda: self.practice.deliveries.delay.__setitem__(kind, seconds))

    def retry_events_after(self, *pauses: float) -> None:
        """The pauses before each retry of an event that was not taken."""
        self.call(lambda: setattr(self.practice.deliveries, "retry_after", pauses))

    def duplicate(self, *kinds: str) -> None:
        """Deliver everything of these kinds twice (none ends it)."""
        self.call(lambda: setattr(self.practice.deliveries, "duplicate", set(kinds)))

    def slow_down(self, *, rate: float = 1.0, burst: float = 4.0) -> None:
        """Hold the bot to about `rate` messages a second in each channel."""

        def switch_on() -> None:
            self.practice.pace.on = True
            self.practice.pace.rate, self.practice.pace.burst = rate, burst

        self.call(switch_on)

    def scopes(self, *scopes: str) -> None:
        """The app's granted scopes from now on."""
        self.call(lambda: setattr(self.practice.workspace.app, "scopes", list(scopes)))

    def without_scopes(self, *scopes: str) -> None:
        self.scopes(*(s for s in self.practice.workspace.app.scopes if s not in scopes))

    def archive(self, channel: str) -> None:
        self.call(lambda: self.practice.workspace.archive(self.channel(channel)))

    def invite(self, channel: str, user: str = BOT, *, by: str | None = ANA) -> None:
        place = self.channel(channel)
        self.call(lambda: self.practice.workspace.join(place, user, inviter=by))

    def kick(self, channel: str, user: str = BOT) -> None:
        self.call(lambda: self.practice.workspace.leave(self.channel(channel), user))

    def delete(self, message: Shown) -> None:
        """Somebody deletes a message."""
        self.call(lambda: self.practice.workspace.delete(self._found(message)))

    def edit(self, message: Shown, text: str) -> None:
        """A person edits their own message."""
        self.call(
            lambda: self.practice.workspace.edit(
                self._found(message), by=message.user, text=text, blocks=None
            )
        )

    def add_user(self, user: User) -> None:
        self.call(lambda: self.practice.workspace.add_user(user))

    def add_channel(self, channel: Channel) -> None:
        self.call(lambda: self.practice.workspace.add_channel(channel))

    def add_group(self, group: UserGroup) -> None:
        self.call(lambda: self.practice.workspace.add_group(group))

    # -- inside -----------------------------------------------------------------------

    @property
    def _live(self) -> Running:
        assert self._running is not None, "open the workspace with `with` first"
        return self._running

    def _heard(self, change: Change) -> None:
        if isinstance(change, Noticed):
            self._notices.append(change)

    def _name(self, user: str) -> str:
        return self.practice.workspace.users[user].name

    def _say(self, text: str, by: str, channel: str, thread_ts: str | None) -> Shown:
        return self.call(
            lambda: Shown.of(
                self.practice.interactions.say(
                    user=by, channel=channel, text=text, thread_ts=thread_ts
                )
            )
        )

    def _clickable(
        self, label: str, by: str, message: Shown | None, timeout: float
    ) -> tuple[Shown, Button]:
        if message is None:
            target = self.wait_for(
                lambda: self.message_with(label, by=by), timeout, what=f"a button “{label}…”"
            )
        else:
            target = message
        button = target.button(label)
        if button is None and message is not None:
            button = self.again(message).button(label)
        assert button is not None, f"no button “{label}…” in:\n{target.everything}"
        return target, button

    async def _clicking(self, target: Shown, button: Button, by: str) -> Json:
        return await self.practice.interactions.act_on_message(
            user=by,
            channel=target.channel,
            message_ts=target.ts,
            block_id=button.block_id,
            action_id=button.action_id,
            said={},
        )

    def _answer(self, work: Coroutine[Any, Any, Json]) -> Answer:
        try:
            return _answer(self._live.wait(work))
        except SlackError as refused:
            return Answer(ok=False, error=refused.name)

    def _shown(self, wanted: Callable[[Message], bool]) -> list[Shown]:
        return self.call(
            lambda: [
                Shown.of(message)
                for messages in self.practice.workspace.messages.values()
                for message in messages.values()
                if wanted(message)
            ]
        )

    def _record(self, message: Shown) -> Shown | None:
        state = self.practice.workspace
        found = state.ephemerals.get(message.ts) or state.find(message.channel, message.ts)
        return Shown.of(found) if found is not None else None

    def _found(self, message: Shown) -> Message:
        found = self.practice.workspace.find(message.channel, message.ts)
        assert found is not None, f"this message is gone: {message.text}"
        return found


def _answer(given: Json) -> Answer:
    return Answer(
        ok=bool(given["ok"]),
        notice=given.get("notice", ""),
        error=given.get("error", ""),
        errors=given.get("errors", {}),
    )
