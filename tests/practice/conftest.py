"""A workspace, and real slack_bolt apps connected over both transports."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from slack_bolt import App
from slack_sdk import WebClient

from tests.support import bolt
from tests.support.workspace import Workspace


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


@pytest.fixture
def client(workspace: Workspace) -> WebClient:
    """The bot's Web API client, without retries."""
    environment = workspace.env()
    return WebClient(
        token=environment["SLACK_BOT_TOKEN"],
        base_url=environment["SLACK_API_URL"],
        retry_handlers=[],
    )


@pytest.fixture
def app(workspace: Workspace, client: WebClient) -> App:
    return App(
        client=client,
        signing_secret=workspace.env()["SLACK_SIGNING_SECRET"],
        logger=logging.getLogger("bolt"),
    )


@pytest.fixture
def connected(workspace: Workspace, app: App) -> Iterator[App]:
    """The app on an open socket; tests add the listeners."""
    with bolt.connected(app, workspace):
        yield app
