"""A Slack workspace for tests, with people who type, click and read.

    with Workspace() as workspace:
        start_the_bot(workspace.env())
        workspace.wait_until_connected()
        workspace.command("/crew plan a summer campaign", by=ANA)
        checkpoint = workspace.wait_for(lambda: workspace.message_with("Continue"))
        workspace.click("Continue", by=BEN)

The server runs in a thread of the test's process on a free port; the bot may run in the
same process, in a thread or in a child. Every method may be called from any thread.

- Channels are named without `#` ("campaigns") or by id; the bot is in #general and
  #campaigns, not in #random. `in_=dm(ANA)` is Ana's direct message with the bot.
- People: ANA and BEN are full members, GUS is a guest, OLGA is from another workspace
  (she is in #campaigns). REVIEWERS is a user group with BEN in it.
- `click`, `command`, `submit` wait for the bot's ack (3 s at most) and return an
  `Answer`: `ok`, what Slack would show the user (`notice`), field errors (`errors`).
- Messages are `MessageSnapshot`, a copy of one moment; `again(message)` reads it again.
- `wait_for(condition)` polls until the condition returns something true and returns
  that; when time is up it fails with all threads printed as text.
- Failures: `workspace.faults`, `redeliver`, `disconnect`, `delay`, `kick`…
"""

from __future__ import annotations

from practice import seed
from tests.support.message_snapshot import Button, MessageSnapshot
from tests.support.people import Answer, People
from tests.support.served_workspace import Mode
from tests.support.workspace_changes import WorkspaceChanges

__all__ = [
    "ANA",
    "BEN",
    "BOT",
    "GUS",
    "OLGA",
    "REVIEWERS",
    "Answer",
    "Button",
    "MessageSnapshot",
    "Mode",
    "Workspace",
]

ANA, BEN, GUS, OLGA, BOT = seed.ANA, seed.BEN, seed.GUS, seed.OLGA, seed.BOT
REVIEWERS = seed.REVIEWERS


class Workspace(People, WorkspaceChanges):
    """The workspace, its people, and everything a test may want to know about it.

    `manifest` installs the app with exactly the scopes, events and commands of that
    file; without it the app has every scope that the workspace knows.
    `clock` replaces the time, for example for response URLs that expire.
    `practice` is the server side itself, for what no method here offers; change it only
    inside `call`.
    """
