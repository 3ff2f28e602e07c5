"""The practice team: four people, three channels, a user group and the app Countersign."""

from __future__ import annotations

import time
from collections.abc import Callable

from practice.state.records import App, Channel, User, UserGroup
from practice.state.workspace import SLACKBOT, Workspace

TEAM = "T00PRACTICE"
OTHER_TEAM = "T00OUTSIDE0"
ANA = "U00ANA0001"
BEN = "U00BEN0001"
GUS = "U00GUS0001"
OLGA = "U00OLGA001"
BOT = "U00SIGN001"
GENERAL = "C00GENERAL1"
CAMPAIGNS = "C00CAMPAIGN"
RANDOM = "C00RANDOM01"
REVIEWERS = "S00REVIEW01"

SCOPES = [
    "app_mentions:read",
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users:read",
    "users:read.email",
]
EVENTS = [
    "app_home_opened",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
]


def practice_app() -> App:
    """The app that is installed if there is no manifest."""
    return App(
        app_id="A00SIGN001",
        bot_id="B00SIGN001",
        bot_user=BOT,
        name="Countersign",
        description="Human sign-off for CrewAI crews.",
        scopes=list(SCOPES),
        events=list(EVENTS),
        commands=[
            {
                "command": "/crew",
                "description": "Start a crew, and see how it goes",
                "usage_hint": "plan a summer campaign · help · list · status",
                "should_escape": False,
            }
        ],
    )


def practice_team(*, app: App | None = None, clock: Callable[[], float] = time.time) -> Workspace:
    """A new workspace with its people, channels and user group."""
    app = app or practice_app()
    workspace = Workspace(app=app, team_id=TEAM, team_name="Practice", clock=clock)
    workspace.add_user(
        User(
            id=app.bot_user,
            name=app.name.lower(),
            real_name=app.name,
            team_id=TEAM,
            color="1d6f5c",
            is_bot=True,
        )
    )
    workspace.add_user(
        User(id=SLACKBOT, name="slackbot", real_name="Slackbot", team_id=TEAM, is_bot=True)
    )
    for person in (
        User(ANA, "ana", "Ana Lindqvist", TEAM, "b8433c", "ana@practice.example"),
        User(BEN, "ben", "Ben Okafor", TEAM, "2f6db5", "ben@practice.example"),
        User(GUS, "gus", "Gus Marten", TEAM, "8a6d1f", "gus@guest.example", is_restricted=True),
        User(
            OLGA, "olga", "Olga Reyes", OTHER_TEAM, "6b4fa0", "olga@other.example", is_stranger=True
        ),
    ):
        workspace.add_user(person)
    everyone = [ANA, BEN, GUS]
    workspace.add_channel(
        Channel(GENERAL, "general", [*everyone, BOT], topic="News for the whole team")
    )
    workspace.add_channel(
        Channel(CAMPAIGNS, "campaigns", [*everyone, OLGA, BOT], topic="Campaigns in progress")
    )
    workspace.add_channel(Channel(RANDOM, "random", [ANA, BEN], topic="Everything else"))
    workspace.add_group(UserGroup(REVIEWERS, "reviewers", "Reviewers", [BEN]))
    return workspace
