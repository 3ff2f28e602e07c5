"""Judges of Slack's own: its published types, and its rules for manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.slack.ids import TEXT_BLOCK
from bot.slack.render.message import Form
from bot.slack.samples import samples
from tests.slack.stage import Stage
from tests.slack.test_render import MESSAGES
from tests.support.slack_types import Shapes, install
from tests.support.workspace import ANA, BEN, Workspace

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
MANIFEST: Json = yaml.safe_load((ROOT / "manifest.yml").read_text())


# --- types ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slack_types(request: pytest.FixtureRequest) -> Path:
    """A folder with Slack's types and a compiler. Without npm, tests that use it are left out."""
    return install(request.config.cache.mkdir("slack-types"))


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shapes]:
    """What the bot sends while a run is started, revised, continued and stopped."""
    database = tmp_path_factory.mktemp("judged") / "c.db"
    with Workspace() as workspace, Stage(workspace, database) as stage:
        workspace.command("/crew help", by=ANA)
        workspace.command("/crew list", by=ANA)
        execution = stage.start(by=ANA)
        stage.work("# A plan\n\n- Ride more.\n\n| a | b |\n| - | - |\n| 1 | 2 |", tasks=("a", "b"))
        message = stage.armed(execution)
        workspace.click("Revise", by=BEN, message=message)
        workspace.submit({TEXT_BLOCK: "Shorter, please."}, by=BEN)
        stage.wait_until_read(message, "Revision requested by")
        stage.work("Shorter. " * 900)
        second = stage.armed(execution)
        workspace.reply("what about this?", by=BEN, thread=second)
        workspace.wait_for(lambda: workspace.ephemeral(BEN), what="an offer")
        workspace.click("Continue", by=BEN, message=second)
        stage.work("The end.")
        workspace.click("Stop", by=BEN, message=stage.armed(execution))
        workspace.wait_for(lambda: not stage.outbox.has_pending(), what="delivery to end")
        shapes = Shapes()
        for entry in workspace.calls():
            collect(shapes, entry.sent, entry.name)
        for delivery in workspace.deliveries():
            for attempt in delivery.attempts:
                collect(shapes, attempt.body, f"the answer to {delivery.name}")
        yield shapes


def collect(shapes: Shapes, arguments: object, where: str) -> None:
    """Add the blocks and the view in the arguments of a call, decoded or as JSON."""
    if not isinstance(arguments, dict):
        return
    blocks, view = (_decoded(arguments.get(name)) for name in ("blocks", "view"))
    shapes.add_blocks(blocks, where)
    if isinstance(view, dict):
        shapes.add_view(view, where)


def _decoded(value: object) -> object:
    return json.loads(value) if isinstance(value, str) and value else value


def test_every_message_and_view_has_the_types_that_slack_publishes(
    slack_types: Path, sent: Shapes
) -> None:
    for name, rendered in MESSAGES.items():
        for armed in (False, True):
            for form in Form:
                sent.add_blocks(rendered.to_blocks(armed=armed, form=form), name)
    for sample in samples():
        collect(sent, sample.arguments, sample.name)
        collect(sent, sample.arguments.get("message"), sample.name)

    assert len(sent) > 20
    assert sent.judge(slack_types) == []


def test_the_types_judge(slack_types: Path) -> None:
    button = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Go"}}
    shapes = Shapes()
    shapes.add_blocks([{"type": "actions", "elements": [button]}], "a good block")
    shapes.add_blocks([{"type": "actions", "elements": [button | {"style": "green"}]}], "a style")
    shapes.add_blocks([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "a header")
    shapes.add_blocks([{"type": "divider", "colour": "red"}], "a key")
    shapes.add_view({"type": "modal", "blocks": []}, "a modal without a title")

    judged = shapes.judge(slack_types)

    assert [error.partition(":")[0] for error in judged] == [
        "a style",
        "a header",
        "a key",
        "a modal without a title",
    ]


# --- the manifest -----------------------------------------------------------------------------

TEXT, FLAG, WHOLE = "text", "flag", "whole number"
WEB_ADDRESS = ("address", 0, 3000)

# What Slack's schema of manifests (version 2) says of the parts in use, in our own notation: a
# mapping names its keys, those with a "!" are required; a list holds its item's form and the most
# items; a tuple is a text with the shortest and longest length; a set holds the words allowed.
FORM: Json = {
    "_metadata": {"major_version": WHOLE, "minor_version": WHOLE},
    "display_information!": {
        "name!": (TEXT, 1, 35),
        "description": (TEXT, 1, 140),
        "background_color": (TEXT, 4, 7),
        "long_description": (TEXT, 175, 4000),
    },
    "features": {
        "app_home": {
            "home_tab_enabled": FLAG,
            "messages_tab_enabled": FLAG,
            "messages_tab_read_only_enabled": FLAG,
        },
        "bot_user": {"display_name!": (TEXT, 1, 80), "always_online": FLAG},
        "shortcuts": [
            {
                "name!": (TEXT, 1, 24),
                "type!": {"message", "global"},
                "callback_id!": (TEXT, 1, 255),
                "description!": (TEXT, 1, 150),
            },
            10,
        ],
        "slash_commands": [
            {
                "command!": (TEXT, 2, 32),
                "url": WEB_ADDRESS,
                "description!": (TEXT, 1, 2000),
                "usage_hint": (TEXT, 1, 1000),
                "should_escape": FLAG,
            },
            50,
        ],
    },
    "oauth_config": {
        "redirect_urls": [WEB_ADDRESS, 1000],
        "scopes": {"bot": [(TEXT, 1, 100), 255], "user": [(TEXT, 1, 100), 255]},
    },
    "settings": {
        "event_subscriptions": {
            "request_url": WEB_ADDRESS,
            "bot_events": [(TEXT, 1, 100), 100],
            "user_events": [(TEXT, 1, 100), 100],
        },
        "interactivity": {
            "is_enabled!": FLAG,
            "request_url": WEB_ADDRESS,
            "message_menu_options_url": WEB_ADDRESS,
        },
        "org_deploy_enabled": FLAG,
        "socket_mode_enabled": FLAG,
        "token_rotation_enabled": FLAG,
    },
}


def violations(node: object, form: object, path: str = "") -> list[str]:
    """Where the node has not this form."""
    expected = ""
    match form:
        case dict():
            return _mapping(node, form, path)
        case [item, int() as most]:
            if isinstance(node, list) and 1 <= len(node) <= most:
                return [v for n, i in enumerate(node) for v in violations(i, item, f"{path}[{n}]")]
            expected = f"a list of 1 to {most}"
        case (str(), int() as least, int() as most):
            if not (isinstance(node, str) and least <= len(node) <= most):
                expected = f"a text of {least} to {most} characters"
        case set():
            if node not in form:
                expected = f"one of {sorted(form)}"
        case "flag":
            if not isinstance(node, bool):
                expected = "true or false"
        case _:
            if type(node) is not int:
                expected = "a whole number"
    return [f"{path}: {expected}"] if expected else []


def _mapping(node: object, form: Json, path: str) -> list[str]:
    if not isinstance(node, dict):
        return [f"{path}: an object"]
    known = {name.removesuffix("!"): inner for name, inner in form.items()}
    missing = [
        n.removesuffix("!") for n in form if n.endswith("!") and n.removesuffix("!") not in node
    ]
    found = [f"{path}.{name}: required" for name in missing]
    for name, inner in node.items():
        if name in known:
            found += violations(inner, known[name], f"{path}.{name}")
        else:
            found.append(f"{path}.{name}: unknown")
    return found


def test_the_manifest_has_the_form_that_slack_takes() -> None:
    assert violations(MANIFEST, FORM) == []


def test_the_form_of_manifests_judges() -> None:
    broken = yaml.safe_load((ROOT / "manifest.yml").read_text())
    broken["display_information"]["name"] = "x" * 36
    broken["features"]["shortcuts"] = [
        {"name": "x" * 25, "type": "channel", "callback_id": "go"},
    ]
    broken["features"]["bots"] = {}

    assert violations(broken, FORM) == [
        ".display_information.name: a text of 1 to 35 characters",
        ".features.shortcuts[0].description: required",
        ".features.shortcuts[0].name: a text of 1 to 24 characters",
        ".features.shortcuts[0].type: one of ['global', 'message']",
        ".features.bots: unknown",
    ]
