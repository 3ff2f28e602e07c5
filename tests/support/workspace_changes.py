"""Changes and failures around the bot: redeliveries, cut sockets, scopes, members, archives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from practice.delivery.deliveries import Ack, Delivery
from practice.seed import ANA, BOT
from practice.state.records import Channel, Enterprise, Json, User, UserGroup
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace_queries import WorkspaceQueries


class WorkspaceChanges(WorkspaceQueries):
    """Changes and failures around the bot; failing calls are in `faults`."""

    def redeliver(self, delivery: Delivery) -> Ack:
        """Send an earlier delivery to the bot once more."""
        return self._live.wait(self.practice.deliveries.redeliver(delivery.seq))

    def disconnect(self, *, abrupt: bool = False) -> int:
        """Ask the bot's sockets to reconnect, or cut them; return how many there were."""
        return self._live.wait(self.practice.sockets.disconnect(abrupt=abrupt))

    def delay(self, kind: str, seconds: float) -> None:
        """Delay deliveries of this kind to the bot (0 ends it)."""
        self.call(lambda: self.practice.deliveries.delay.__setitem__(kind, seconds))

    def retry_events_after(self, *pauses: float) -> None:
        """Set the pauses before each retry of an event that was not acknowledged."""
        self.call(lambda: setattr(self.practice.deliveries, "retry_after", pauses))

    def duplicate(self, *kinds: str) -> None:
        """Deliver everything of these kinds twice (none ends it)."""
        self.call(lambda: setattr(self.practice.deliveries, "duplicate", set(kinds)))

    def rewrite(self, change: Callable[[str, Json], Json] | None) -> None:
        """Change each payload before it is sent; `change` gets its kind and the payload."""
        self.call(lambda: setattr(self.practice.deliveries, "rewrite", change))

    def slow_down(self, *, rate: float = 1.0, burst: float = 4.0) -> None:
        """Limit the bot to about `rate` messages per second in each channel."""

        def switch_on() -> None:
            self.practice.rate_limit.enabled = True
            self.practice.rate_limit.rate, self.practice.rate_limit.burst = rate, burst

        self.call(switch_on)

    def enforce_tiers(self, **per_minute: int) -> None:
        """Limit each method to the calls a minute that Slack allows the whole app.

        `chat_update=10` changes the limit of chat.update.
        """

        def switch_on() -> None:
            tiers = self.practice.tiers
            tiers.enabled = True
            tiers.per_minute |= {k.replace("_", "."): v for k, v in per_minute.items()}

        self.call(switch_on)

    def install_shortcuts(self, *shortcuts: Json) -> None:
        """Set the app's shortcuts, as in a manifest: name, type, callback_id, description."""
        self.call(lambda: setattr(self.practice.workspace.app, "shortcuts", list(shortcuts)))

    def rules(self, **rules: bool | int) -> None:
        """Change Slack's rules for messages, e.g. `count_bytes=True`."""

        def change() -> None:
            workspace = self.practice.workspace
            workspace.rules = replace(workspace.rules, **rules)  # type: ignore[arg-type] # as named

        self.call(change)

    def free_plan(self, *, upload_error: str | None = None) -> None:
        """No user groups from now on, and uploads fail with this error if one is given."""

        def change() -> None:
            self.practice.workspace.is_paid = False
            self.practice.workspace.upload_error = upload_error

        self.call(change)

    def join_enterprise(self, *people: str, installs_app: bool = False) -> None:
        """Put the workspace into an Enterprise Grid organization.

        These people get no `team_id` any more, only an `enterprise_user` with this workspace.
        """

        def change() -> None:
            workspace = self.practice.workspace
            workspace.enterprise = Enterprise("E00GRID0001", "Grid", installs_app=installs_app)
            for name in people:
                person = workspace.users[name]
                person.team_id, person.enterprise_teams = "", [workspace.team_id]

        self.call(change)

    def group_dm(self, *people: str) -> Channel:
        """The group direct message of these people."""
        return self.call(lambda: self.practice.workspace.group_dm(*people))

    def scopes(self, *scopes: str) -> None:
        """Set the app's granted scopes."""
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

    def delete(self, message: MessageSnapshot) -> None:
        """Someone deletes a message."""
        self.call(lambda: self.practice.workspace.delete(self._message_record(message)))

    def edit(self, message: MessageSnapshot, text: str) -> None:
        """A person edits their own message."""
        self.call(
            lambda: self.practice.workspace.edit(
                self._message_record(message), by=message.user, text=text, blocks=None
            )
        )

    def add_user(self, user: User) -> None:
        self.call(lambda: self.practice.workspace.add_user(user))

    def add_channel(self, channel: Channel) -> None:
        self.call(lambda: self.practice.workspace.add_channel(channel))

    def add_group(self, group: UserGroup) -> None:
        self.call(lambda: self.practice.workspace.add_group(group))
