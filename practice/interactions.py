"""What a person does in the workspace, from posting to submitting a modal."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence

from practice.delivery import payloads
from practice.delivery.deliveries import Ack, Deliveries
from practice.state import block_ids, mentions, state_values
from practice.state.changes import NoticeShown
from practice.state.errors import InvalidView, SlackError
from practice.state.records import Channel, File, Json, Message, View, safe_file_name
from practice.state.tickets import ResponseUrls, Triggers
from practice.state.views import Views
from practice.state.workspace import Workspace

COMMAND_TIMED_OUT = "{name} failed because the app did not respond. Try it again in a moment."
COMMAND_DISPATCH_FAILED = '{name} failed with the error "dispatch_failed".'
CLICK_FAILED = "{app} did not respond to that. Try it again in a moment."
VIEW_FAILED = "We had some trouble connecting. Try again?"
BUILT_IN = {"/invite": "Invite the app to this channel", "/kick": "Remove the app from here"}


class Interactions:
    """The person's side of the workspace. Each action returns a result that the page shows."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        deliveries: Deliveries,
        views: Views,
        triggers: Triggers,
        responses: ResponseUrls,
        base_url: Callable[[], str],
        respond: Callable[[str, Channel, Json], None],
        checked_view: Callable[[Json], Json],
    ) -> None:
        self._workspace = workspace
        self._deliveries = deliveries
        self._views = views
        self._triggers = triggers
        self._responses = responses
        self._base_url = base_url
        self._respond = respond
        self._checked_view = checked_view

    # -- messages and commands --------------------------------------------------------

    def attach(self, *, user: str, name: str, content: bytes) -> File:
        """Upload a file as a person, to be posted with their next message."""
        if user not in self._workspace.users:
            raise SlackError("user_not_found")
        upload = File(
            id=self._workspace.next_id("F"),
            name=safe_file_name(name),
            title=name,
            user=user,
            size=len(content),
            created=int(self._workspace.clock()),
            mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream",
            content=content,
            uploaded=True,
        )
        self._workspace.store_file(upload)
        return upload

    def say(
        self,
        *,
        user: str,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        files: Sequence[str] = (),
    ) -> Message:
        """Post a message as a person; the text is escaped as in Slack's composer.

        `files` are ids of files that this person has attached; then the text may be empty.
        """
        workspace = self._workspace
        conversation = self._conversation(user, channel)
        if not text.strip() and not files:
            raise SlackError("no_text")
        for name in files:
            upload = workspace.files.get(name)
            if upload is None or upload.user != user:
                raise SlackError("file_not_found")
            upload.channels = [*upload.channels, channel]
            workspace.store_file(upload)
        if conversation.is_archived:
            raise SlackError("is_archived")
        if thread_ts is not None:
            root = workspace.find(channel, thread_ts)
            if root is None:
                raise SlackError("thread_not_found")
            thread_ts = root.thread_ts or root.ts
        return workspace.post(
            channel=channel,
            user=user,
            text=mentions.escape_typed(text),
            blocks=mentions.rich_text_blocks(text, workspace.next_id("r")[-5:]) if text else None,
            thread_ts=thread_ts,
            files=files,
        )

    async def command(self, *, user: str, channel: str, text: str) -> Json:
        """Send a slash command and wait for the ack, at most three seconds."""
        name, _, rest = text.strip().partition(" ")
        conversation = self._conversation(user, channel)
        if name in BUILT_IN:
            return self._built_in(name, rest.strip(), user=user, conversation=conversation)
        if name not in {command["command"] for command in self._workspace.app.commands}:
            return _failed(f"{name} is not a valid command.")
        payload = payloads.command(
            self._workspace,
            user=user,
            channel=conversation,
            name=name,
            text=self._command_text(name, rest.strip()),
            trigger_id=self._triggers.issue(user),
            response_url=self._response_url(user=user, channel=channel),
        )
        ack = await self._deliveries.deliver("slash_commands", name, payload)
        if not ack.ok:
            template = COMMAND_DISPATCH_FAILED if ack.problem == "http_error" else COMMAND_TIMED_OUT
            return self._notice(user, template.format(name=name), channel=channel)
        if isinstance(ack.body, dict) and ack.body:
            self._respond(user, conversation, ack.body)
        return {"ok": True}

    def invite(self, *, user: str, channel: str) -> None:
        conversation = self._conversation(user, channel)
        self._workspace.join(conversation, self._workspace.app.bot_user, inviter=user)

    def join(self, *, user: str, channel: str) -> None:
        conversation = self._workspace.channels.get(channel)
        if conversation is None or conversation.is_private or conversation.is_im:
            raise SlackError("channel_not_found")
        self._workspace.join(conversation, user)

    # -- interactive elements -----------------------------------------------------------

    async def act_on_message(
        self,
        *,
        user: str,
        channel: str,
        message_ts: str,
        block_id: str,
        action_id: str,
        interaction: Json,
    ) -> Json:
        """Use an element of a message, or of an earlier version that a screen may still show."""
        workspace = self._workspace
        conversation = self._conversation(user, channel)
        message = workspace.ephemerals.get(message_ts) or workspace.find(channel, message_ts)
        if message is None or message.ephemeral_to not in (None, user):
            raise SlackError("message_not_found")
        element = self._element(message, block_id, action_id)
        payload = payloads.message_action(
            workspace,
            user=user,
            channel=conversation,
            message=message,
            action=state_values.action_payload(element, interaction)
            | {"block_id": block_id, "action_ts": workspace.next_ts()},
            state=interaction.get("state") or state_values.state(message.blocks or [], {}),
            trigger_id=self._triggers.issue(user),
            response_url=self._response_url(
                user=user,
                channel=channel,
                message_ts=message.ts,
                ephemeral=message.ephemeral_to is not None,
            ),
            base_url=self._base_url(),
        )
        ack = await self._deliveries.deliver("interactive", f"block_actions {action_id}", payload)
        return self._click_result(ack, user=user, channel=channel, thread_ts=message.thread_ts)

    async def act_on_view(
        self, *, user: str, view_id: str, block_id: str, action_id: str, interaction: Json
    ) -> Json:
        view = self._own_view(user, view_id)
        element = block_ids.find(view.definition.get("blocks", []), block_id, action_id)
        if element is None:
            raise SlackError("not_found")
        entered = (interaction.get("state") or {}).get("values", {})
        blocks = view.definition.get("blocks", [])
        view.state = state_values.state(blocks, {**view.state["values"], **entered})
        payload = payloads.view_action(
            self._workspace,
            user=user,
            view=view,
            action=state_values.action_payload(element, interaction)
            | {"block_id": block_id, "action_ts": self._workspace.next_ts()},
            trigger_id=self._triggers.issue(user, view_id=view.id),
        )
        ack = await self._deliveries.deliver("interactive", f"block_actions {action_id}", payload)
        return self._click_result(ack, user=user, channel=None, thread_ts=None)

    async def submit(self, *, user: str, view_id: str, values: Json) -> Json:
        """Submit a modal. Slack's own validation comes before the app's."""
        view = self._own_view(user, view_id)
        blocks = view.definition.get("blocks", [])
        view.state = state_values.state(blocks, values)
        errors = state_values.validation_errors(blocks, view.state["values"])
        if errors:
            return {"ok": False, "errors": errors}
        payload = payloads.view_submission(
            self._workspace,
            user=user,
            view=view,
            trigger_id=self._triggers.issue(user, view_id=view.id),
        )
        name = f"view_submission {view.definition.get('callback_id', '')}".strip()
        ack = await self._deliveries.deliver("interactive", name, payload)
        if not ack.ok:
            return _failed(VIEW_FAILED)
        try:
            return self._view_response(view, ack.body)
        except (InvalidView, SlackError):
            return _failed(VIEW_FAILED)

    async def close_view(self, *, user: str, view_id: str, is_cleared: bool = False) -> None:
        """Close a modal; the app is notified if the view has `notify_on_close`."""
        view = self._own_view(user, view_id)
        clear = is_cleared or bool(view.definition.get("clear_on_close", False))
        if clear:
            closed = self._views.close_all(user)
        else:
            self._views.close(view)
            closed = [view]
        for closed_view in closed:
            if closed_view.definition.get("notify_on_close"):
                payload = payloads.view_closed(
                    self._workspace, user=user, view=closed_view, is_cleared=clear
                )
                await self._deliveries.deliver("interactive", "view_closed", payload)

    def open_home(self, user: str) -> View | None:
        """Open the app's Home tab; the app is notified if it subscribed to that."""
        workspace = self._workspace
        home = workspace.homes.get(user)
        if workspace.app.home_tab and "app_home_opened" in workspace.app.events:
            inner = payloads.app_home_opened(
                workspace, user=user, channel=workspace.im_with(user), view=home
            )
            self._deliveries.deliver_event("app_home_opened", payloads.event(workspace, inner))
        return home

    # -- helpers -------------------------------------------------------------------------

    def _conversation(self, user: str, channel: str) -> Channel:
        conversation = self._workspace.channels.get(channel)
        if user not in self._workspace.users:
            raise SlackError("user_not_found")
        if conversation is None or (conversation.is_private and user not in conversation.members):
            raise SlackError("channel_not_found")
        if user not in conversation.members:
            raise SlackError("not_in_channel")
        return conversation

    def _own_view(self, user: str, view_id: str) -> View:
        view = self._views.find(view_id=view_id, external_id=None)
        if view.user != user:
            raise SlackError("not_found")
        return view

    def _element(self, message: Message, block_id: str, action_id: str) -> Json:
        """The element in the message or, if it is gone, in an earlier version of it."""
        versions = [message.blocks] + [
            version.blocks
            for version in reversed(self._workspace.journal)
            if version.ts == message.ts and version.channel == message.channel
        ]
        for blocks in versions:
            element = block_ids.find(blocks or [], block_id, action_id)
            if element is not None:
                return element
        raise SlackError("not_found")

    def _response_url(
        self, *, user: str, channel: str, message_ts: str | None = None, ephemeral: bool = False
    ) -> str:
        name = self._responses.issue(
            user=user, channel=channel, message_ts=message_ts, ephemeral=ephemeral
        )
        return f"{self._base_url()}/hooks/{self._workspace.team_id}/{name}"

    def _command_text(self, name: str, text: str) -> str:
        command = next(c for c in self._workspace.app.commands if c["command"] == name)
        return mentions.command_text(
            text, self._workspace.users, keep_mentions=bool(command.get("should_escape"))
        )

    def _built_in(self, name: str, rest: str, *, user: str, conversation: Channel) -> Json:
        app = self._workspace.app
        if rest not in (f"<@{app.bot_user}>", f"@{app.name}", f"@{self._workspace.bot.name}"):
            return _failed(f"Name the app: {name} @{app.name}")
        if conversation.is_im or conversation.is_mpim:
            return _failed("No one can be added to or removed from a direct message.")
        if name == "/invite":
            self._workspace.join(conversation, app.bot_user, inviter=user)
        else:
            self._workspace.leave(conversation, app.bot_user)
        return {"ok": True}

    def _click_result(
        self, ack: Ack, *, user: str, channel: str | None, thread_ts: str | None
    ) -> Json:
        if ack.ok:
            return {"ok": True}
        text = CLICK_FAILED.format(app=self._workspace.app.name)
        return self._notice(user, text, channel=channel, thread_ts=thread_ts)

    def _notice(
        self, user: str, text: str, *, channel: str | None, thread_ts: str | None = None
    ) -> Json:
        self._workspace.emit(NoticeShown(user, text, channel, thread_ts))
        return _failed(text)

    def _view_response(self, view: View, body: object) -> Json:
        """Carry out the app's response to a submission."""
        action = body.get("response_action") if isinstance(body, dict) else None
        if not isinstance(body, dict) or action is None:
            self._views.close(view)
            return {"ok": True}
        match action:
            case "errors":
                return {"ok": False, "errors": self._field_errors(view, body.get("errors"))}
            case "clear":
                self._views.close_all(view.user)
            case "update" | "push":
                definition = body.get("view")
                if not isinstance(definition, dict):
                    raise InvalidView("the response has no view")
                definition = self._checked_view(definition)
                if action == "update":
                    self._views.update(view, definition)
                else:
                    self._views.push(view.user, definition)
            case _:
                raise InvalidView(f"unknown response_action {action}")
        return {"ok": True, "response_action": action}

    @staticmethod
    def _field_errors(view: View, errors: object) -> dict[str, str]:
        input_ids = {
            b.get("block_id") for b in view.definition["blocks"] if b.get("type") == "input"
        }
        if not isinstance(errors, dict) or not errors or not set(errors) <= input_ids:
            raise InvalidView("the errors do not name input blocks of the view")
        return {str(name): str(text) for name, text in errors.items()}


def _failed(notice: str) -> Json:
    return {"ok": False, "notice": notice}
