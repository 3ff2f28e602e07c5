"""The app's shortcuts, attached files and the app's status under a thread."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace
from tests.practice.page.conftest import OpenPage

pytestmark = pytest.mark.browser

SHORTCUTS = [
    {
        "name": "Start a crew on this",
        "type": "message",
        "callback_id": "start_on",
        "description": "",
    },
    {"name": "Start a crew", "type": "global", "callback_id": "start", "description": ""},
]


def install_shortcuts(workspace: CannedWorkspace) -> None:
    def change(state: dict[str, Any]) -> None:
        state["bot"]["shortcuts"] = SHORTCUTS

    workspace.change_state = change


def attach(page: Page, text: str) -> None:
    page.get_by_test_id("attach").first.set_input_files(
        {"name": "notes.md", "mimeType": "text/markdown", "buffer": text.encode()}
    )


def test_a_message_has_a_menu_with_the_apps_shortcuts(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    install_shortcuts(workspace)
    page = open_page()
    message = page.get_by_test_id("message").last
    message.hover()
    message.get_by_role("button", name="Message shortcuts").click()
    page.get_by_role("menuitem", name="Start a crew on this").click()

    assert workspace.wait_for_call("/page/shortcut") == {
        "user": samples.BEN,
        "channel": samples.CAMPAIGNS,
        "message_ts": message.get_attribute("data-ts"),
        "callback_id": "start_on",
    }


def test_replies_have_the_menu_too(workspace: CannedWorkspace, open_page: OpenPage) -> None:
    install_shortcuts(workspace)
    page = open_page(thread=samples.ROOT)
    reply = page.get_by_test_id("thread").locator("[data-ephemeral=false]").last
    reply.hover()
    reply.get_by_role("button", name="Message shortcuts").click()
    page.get_by_role("menuitem", name="Start a crew on this").click()

    sent = workspace.wait_for_call("/page/shortcut")
    assert sent["message_ts"] == reply.get_attribute("data-ts")


def test_global_shortcuts_are_next_to_the_composer(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    install_shortcuts(workspace)
    page = open_page(phone=True)
    page.get_by_test_id("channel").get_by_role("button", name="Shortcuts", exact=True).click()
    page.get_by_role("menuitem", name="Start a crew").click()

    assert workspace.wait_for_call("/page/shortcut") == {
        "user": samples.BEN,
        "callback_id": "start",
    }


def test_without_shortcuts_there_is_no_menu(open_page: OpenPage) -> None:
    page = open_page()

    expect(page.get_by_role("button", name="Shortcuts", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Message shortcuts")).to_have_count(0)


def test_an_attached_file_goes_with_the_message(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    workspace.answers["/page/attach"] = lambda _: {
        "ok": True,
        "file": {"id": "F0NEW", "name": "notes.md"},
    }
    page = open_page()
    attach(page, "# Notes")
    expect(page.get_by_test_id("attached")).to_have_text("notes.md")
    page.get_by_role("button", name="Send").first.click()

    assert workspace.wait_for_call("/page/message")["files"] == ["F0NEW"]
    expect(page.get_by_test_id("attached")).to_have_count(0)


def test_a_file_can_be_removed_before_sending(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    workspace.answers["/page/attach"] = lambda _: {
        "ok": True,
        "file": {"id": "F0NEW", "name": "notes.md"},
    }
    page = open_page()
    attach(page, "# Notes")
    page.get_by_role("button", name="Remove notes.md").click()

    expect(page.get_by_test_id("attached")).to_have_count(0)
    expect(page.get_by_role("button", name="Send").first).to_be_disabled()


def test_the_status_of_the_app_is_under_the_thread(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(thread=samples.ROOT)
    where = {"type": "thread_status", "channel": samples.CAMPAIGNS, "ts": samples.ROOT}
    workspace.push(where | {"status": "is drafting the <b>plan</b>…"})
    expect(page.get_by_test_id("thread-status")).to_have_text(
        "Countersign is drafting the <b>plan</b>…"
    )
    workspace.push(where | {"status": ""})
    expect(page.get_by_test_id("thread-status")).to_be_hidden()
