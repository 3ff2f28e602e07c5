"""What people do in the workspace: type, click, choose and submit."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from practice.delivery import payloads
from practice.seed import ANA, BOT
from practice.state.errors import SlackError
from practice.state.records import Json, View
from tests.support.forms import filled
from tests.support.message_snapshot import Button, MessageSnapshot
from tests.support.workspace_queries import WorkspaceQueries


@dataclass(frozen=True)
class Answer:
    """What Slack shows a person in response to what they did."""

    ok: bool
    notice: str = ""
    error: str = ""
    errors: dict[str, str] = field(default_factory=dict)


class People(WorkspaceQueries):
    """Actions of people. Each waits for the bot's ack and returns what Slack shows in response."""

    def command(self, text: str, *, by: str = ANA, in_: str = "campaigns") -> Answer:
        """Type a slash command; text without a slash is for `/crew`."""
        typed = text if text.startswith("/") else f"/crew {text}"
        act = self.practice.interactions.command
        return self._answer(act(user=by, channel=self.channel(in_).id, text=typed))

    def say(self, text: str, *, by: str = ANA, in_: str = "campaigns") -> MessageSnapshot:
        """Post a message in a channel."""
        return self._say(text, by, self.channel(in_).id, None)

    def reply(self, text: str, *, by: str = ANA, thread: MessageSnapshot) -> MessageSnapshot:
        """Post a reply in the thread that this message is in or starts."""
        return self._say(text, by, thread.channel, thread.root_ts)

    def attach(
        self, text: str, files: dict[str, bytes], *, by: str = ANA, thread: MessageSnapshot
    ) -> MessageSnapshot:
        """Post a reply with files, by name; the text may be empty."""

        def post() -> MessageSnapshot:
            acting = self.practice.interactions
            ids = [
                acting.attach(user=by, name=name, content=content).id
                for name, content in files.items()
            ]
            message = acting.say(
                user=by, channel=thread.channel, text=text, thread_ts=thread.root_ts, files=ids
            )
            return MessageSnapshot.of(message)

        return self.call(post)

    def message_shortcut(self, name: str, *, by: str = ANA, message: MessageSnapshot) -> Answer:
        """Choose a shortcut, by its name or callback id, in the menu of a message."""
        act = self.practice.shortcuts.on_message
        return self._answer(act(user=by, channel=message.channel, message_ts=message.ts, name=name))

    def global_shortcut(self, name: str, *, by: str = ANA) -> Answer:
        """Choose a shortcut that belongs to no message, by its name or callback id."""
        return self._answer(self.practice.shortcuts.anywhere(user=by, name=name))

    def click_home(self, action_id: str, *, by: str = ANA, **selected: object) -> Answer:
        """Use an element of this person's Home tab."""
        home = self.home(by)
        assert home is not None, f"nothing was published for {self._name(by)}"
        return self._act_on_view(home, action_id, by, selected)

    def click_view(self, action_id: str, *, by: str = ANA, **selected: object) -> Answer:
        """Use an element of the top modal, e.g. `selected_option={…}`."""
        return self._act_on_view(self.open_view(by), action_id, by, selected)

    def mention(self, text: str, *, by: str = ANA, thread: MessageSnapshot) -> MessageSnapshot:
        """Reply in the thread with a mention of the bot before the text."""
        return self.reply(f"<@{BOT}> {text}", by=by, thread=thread)

    def click(
        self,
        label: str,
        *,
        by: str = ANA,
        message: MessageSnapshot | None = None,
        timeout: float = 10.0,
    ) -> Answer:
        """Click the button whose label starts with `label`, and confirm if it asks.

        Without `message`, wait for the newest message that shows such a button to this person.
        With it, the button may no longer be in the message, as on a screen that is out of date.
        """
        target, button = self._clickable(label, by, message, timeout)
        return self._answer(self._clicking(target, button, by))

    def clicks(
        self, label: str, *, by: Iterable[str], message: MessageSnapshot | None = None
    ) -> list[Answer]:
        """All these people click at once; a person who is listed twice clicks twice."""
        people = list(by)
        target, button = self._clickable(label, people[0], message, 10.0)

        async def all_at_once() -> list[Json]:
            return await asyncio.gather(
                *(self._clicking(target, button, person) for person in people)
            )

        return [_answer(response) for response in self._live.wait(all_at_once(), timeout=60.0)]

    def choose(
        self, action_id: str, *, by: str = ANA, message: MessageSnapshot, **selected: object
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
                            interaction=dict(selected),
                        )
                    )
        raise AssertionError(f"no element {action_id} in:\n{message.everything}")

    def act(self, message: MessageSnapshot, action: Json, *, by: str = ANA) -> Answer:
        """Send a click on an element that this message need not have, as an old screen may."""
        return self._answer(self._acting(message, action, by))

    async def _acting(self, message: MessageSnapshot, action: Json, by: str) -> Json:
        practice = self.practice
        posted = practice.workspace.find(message.channel, message.ts)
        assert posted is not None, "the message is gone"
        response_url = practice.responses.issue(
            user=by, channel=message.channel, message_ts=message.ts, ephemeral=False
        )
        payload = payloads.message_action(
            practice.workspace,
            user=by,
            channel=practice.workspace.channels[message.channel],
            message=posted,
            action={"block_id": "elsewhere", "action_ts": message.ts, **action},
            state={"values": {}},
            trigger_id=practice.triggers.issue(by),
            response_url=f"{self.url}/hooks/{practice.workspace.team_id}/{response_url}",
            base_url=self.url,
        )
        ack = await practice.deliveries.deliver("interactive", "block_actions", payload)
        return {"ok": ack.ok}

    def open_view(self, by: str = ANA, timeout: float = 5.0) -> View:
        """Wait for the modal in front of this person."""
        return self.wait_for(
            lambda: self.practice.views.top(by), timeout, what=f"a modal for {self._name(by)}"
        )

    def has_view(self, by: str) -> bool:
        return self.practice.views.top(by) is not None

    def submit(self, values: dict[str, object] | None = None, *, by: str = ANA) -> Answer:
        """Fill in the top modal and submit it.

        Keys name an input by its action_id, block_id or label; values are text, an option's
        value, or a list of these. Other inputs keep their initial values.
        """
        view = self.open_view(by)
        stated = filled(view.definition["blocks"], values or {})
        return self._answer(
            self.practice.interactions.submit(user=by, view_id=view.id, values=stated)
        )

    def close_view(self, by: str = ANA, *, is_cleared: bool = False) -> None:
        """Close the top modal; the bot is notified if the view asks for that."""
        view = self.open_view(by)
        self._live.wait(
            self.practice.interactions.close_view(user=by, view_id=view.id, is_cleared=is_cleared)
        )

    def open_home(self, by: str = ANA) -> View | None:
        """Open the app's Home tab; return what was published there before."""
        return self.call(lambda: self.practice.interactions.open_home(by))

    def home(self, by: str = ANA) -> View | None:
        return self.practice.workspace.homes.get(by)

    def _say(self, text: str, by: str, channel: str, thread_ts: str | None) -> MessageSnapshot:
        return self.call(
            lambda: MessageSnapshot.of(
                self.practice.interactions.say(
                    user=by, channel=channel, text=text, thread_ts=thread_ts
                )
            )
        )

    def _act_on_view(
        self, view: View, action_id: str, by: str, selected: dict[str, object]
    ) -> Answer:
        for block in view.definition["blocks"]:
            elements = [
                *(block.get("elements") or []),
                block.get("accessory"),
                block.get("element"),
            ]
            for element in elements:
                if isinstance(element, dict) and element.get("action_id") == action_id:
                    return self._answer(
                        self.practice.interactions.act_on_view(
                            user=by,
                            view_id=view.id,
                            block_id=block["block_id"],
                            action_id=action_id,
                            interaction=dict(selected),
                        )
                    )
        raise AssertionError(f"no element {action_id} in the view")

    def _clickable(
        self, label: str, by: str, message: MessageSnapshot | None, timeout: float
    ) -> tuple[MessageSnapshot, Button]:
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

    async def _clicking(self, target: MessageSnapshot, button: Button, by: str) -> Json:
        return await self.practice.interactions.act_on_message(
            user=by,
            channel=target.channel,
            message_ts=target.ts,
            block_id=button.block_id,
            action_id=button.action_id,
            interaction={},
        )

    def _answer(self, work: Coroutine[Any, Any, Json]) -> Answer:
        try:
            return _answer(self._live.wait(work))
        except SlackError as refused:
            return Answer(ok=False, error=refused.name)


def _answer(response: Json) -> Answer:
    return Answer(
        ok=bool(response["ok"]),
        notice=response.get("notice", ""),
        error=response.get("error", ""),
        errors=response.get("errors", {}),
    )
