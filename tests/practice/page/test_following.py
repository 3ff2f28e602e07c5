"""The page follows changes in the workspace and recovers from a lost connection."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace
from tests.practice.page.conftest import OpenPage

pytestmark = pytest.mark.browser

Json = dict[str, Any]


def new_message(number: int, text: str, **more: Any) -> Json:
    message = samples.message(f"17954220{number:02}.000100", user=samples.ANA, text=text, **more)
    return {"type": "message", "message": message}


def shown(page: Page, text: str) -> Locator:
    return page.get_by_role("article").get_by_text(text)


def distance_to_end(page: Page, pane: str) -> float:
    scroller = page.get_by_test_id(pane).locator(".messages")
    left: float = scroller.evaluate("s => s.scrollHeight - s.clientHeight - s.scrollTop")
    return left


def test_a_new_message_appears_at_the_end_and_is_announced(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page()
    for number in range(12):
        workspace.push(new_message(number, f"message {number}"))
    expect(shown(page, "message 11")).to_be_in_viewport()

    expect(page.locator("#live")).to_have_text("Ana Lima: message 11")
    assert distance_to_end(page, "channel") < 3


def test_a_reader_who_has_scrolled_up_stays_there_and_sees_a_count(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    workspace.show(*[new_message(number, f"old {number}\n" * 4)["message"] for number in range(30)])
    page = open_page()
    page.get_by_test_id("channel").locator(".messages").evaluate("s => s.scrollTo(0, 0)")
    expect(shown(page, "old 0").first).to_be_in_viewport()
    workspace.push(new_message(50, "newer"))
    workspace.push(new_message(51, "newest"))

    chip = page.get_by_test_id("channel").get_by_test_id("new-messages")
    expect(chip).to_have_text("2 new messages")
    expect(shown(page, "old 0").first).to_be_in_viewport()
    chip.click()
    expect(shown(page, "newest")).to_be_in_viewport()
    expect(chip).to_be_hidden()


def test_a_long_new_message_is_shown_from_its_start(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    workspace.threads[samples.ROOT] = [samples.root_message()]
    page = open_page(thread=samples.ROOT)
    workspace.push({"type": "message", "message": samples.checkpoint_message()})

    thread = page.get_by_test_id("thread")
    expect(thread.get_by_role("heading", name="Review the content plan")).to_be_in_viewport()
    thread.get_by_role("button", name="Go to the end").click()
    expect(thread.get_by_role("button", name="Continue")).to_be_in_viewport()


def test_the_file_of_a_long_message_does_not_hide_its_question(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    workspace.threads[samples.ROOT] = [samples.root_message()]
    page = open_page(thread=samples.ROOT)
    checkpoint = samples.checkpoint_message("1795422000.000100")
    files = checkpoint.pop("files")
    workspace.push({"type": "message", "message": checkpoint})
    whole = samples.message("1795422001.000100", thread_ts=samples.ROOT, user=samples.BOT)
    workspace.push({"type": "message", "message": whole | {"files": files}})

    thread = page.get_by_test_id("thread")
    expect(thread.get_by_test_id("file")).to_be_attached()
    expect(thread.get_by_role("heading", name="Review the content plan")).to_be_in_viewport()


def test_a_decided_checkpoint_loses_its_buttons_while_it_is_open(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(thread=samples.ROOT)
    thread = page.get_by_test_id("thread")
    thread.get_by_role("button", name="Continue").focus()
    ts = samples.checkpoint_message()["ts"]
    workspace.push({"type": "message_changed", "message": samples.decided_message(ts)})

    expect(thread.get_by_role("button", name="Continue")).to_have_count(0)
    decided = thread.locator(f'[data-ts="{ts}"]')
    expect(decided).to_contain_text("asked for a change")
    inside = "node => node.parentElement.contains(document.activeElement)"
    assert decided.evaluate(inside), "the focus fell out of the message"


def test_events_that_arrive_while_a_channel_is_being_read_are_not_missed(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page()
    old = new_message(1, "first words", channel=samples.GENERAL)
    workspace.show(old["message"], channel=samples.GENERAL)
    with workspace.held_reads() as wait_for_a_read:
        page.get_by_test_id("channel-link").filter(has_text="general").click()
        wait_for_a_read()
        workspace.push(new_message(2, "in between", channel=samples.GENERAL))
        edited = old["message"] | {"text": "better words"}
        workspace.push({"type": "message_changed", "message": edited})

    expect(shown(page, "in between")).to_be_visible()
    expect(shown(page, "better words")).to_be_visible()
    expect(shown(page, "first words")).to_have_count(0)


def test_a_deleted_thread_says_so_and_the_page_still_works(open_page: OpenPage) -> None:
    page = open_page(thread="1795000000.000100")
    expect(page.get_by_test_id("thread")).to_contain_text("This thread no longer exists.")

    page.get_by_role("button", name="Close thread").click()
    page.get_by_test_id("thread-summary").click()
    expect(page.get_by_test_id("thread").get_by_role("button", name="Continue")).to_be_visible()


def test_deleted_and_ephemeral_messages_come_and_go(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page()
    note = samples.message("1795422000.000100", user=samples.BOT, text="Only you see this")
    workspace.push({"type": "ephemeral", "message": note})
    expect(shown(page, "Only you see this")).to_be_visible()
    deleted = {"channel": samples.CAMPAIGNS, "ts": note["ts"]}
    workspace.push({"type": "ephemeral_deleted", **deleted})
    expect(shown(page, "Only you see this")).to_have_count(0)

    expect(shown(page, "Looking forward to it")).to_be_visible()
    deleted = {"channel": samples.CAMPAIGNS, "ts": "1795334500.000100"}
    workspace.push({"type": "message_deleted", **deleted})
    expect(shown(page, "Looking forward to it")).to_have_count(0)


def test_a_reply_to_a_closed_thread_counts_and_marks_it_as_new(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page()
    summary = page.get_by_test_id("thread-summary")
    expect(summary).to_contain_text("4 replies")
    workspace.push(new_message(1, "one more", thread_ts=samples.ROOT))

    expect(summary).to_contain_text("5 replies")
    expect(summary).to_contain_text("new")
    summary.click()
    expect(page.get_by_test_id("thread")).to_be_visible()
    expect(summary).not_to_contain_text("new")


def test_other_channels_count_unread_messages_and_mentions(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page()
    general = page.get_by_test_id("channel-link").filter(has_text="general")
    expect(general.get_by_role("img", name="2 unread")).to_be_visible()
    workspace.push(new_message(1, "for all", channel=samples.GENERAL))
    expect(general.get_by_role("img", name="3 unread")).to_be_visible()
    workspace.push(new_message(2, f"<@{samples.BEN}> please", channel=samples.GENERAL))
    expect(general.get_by_role("img", name="1 for you")).to_be_visible()
    expect(page).to_have_title("(4) Speichenwerk")

    general.click()
    expect(general.locator(".count")).to_have_count(0)
    expect(page).to_have_title("Speichenwerk")


def test_the_bots_connection_is_shown(workspace: CannedWorkspace, open_page: OpenPage) -> None:
    page = open_page()
    state = page.get_by_test_id("bot-state")
    expect(state).to_have_text("Countersign is connected over Socket Mode")
    workspace.push({"type": "bot", "bot": {"connected": False, "mode": None}})
    expect(state).to_have_text("Countersign is not connected")


def test_a_lost_connection_is_shown_and_missed_messages_are_read_again(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(thread=samples.ROOT, tolerate="WebSocket connection")
    workspace.refuses_events = True
    workspace.drop_connections()
    expect(page.get_by_test_id("banner")).to_contain_text("The connection")

    workspace.histories[samples.CAMPAIGNS].append(new_message(1, "while you were away")["message"])
    workspace.threads[samples.ROOT].append(
        new_message(2, "in the thread too", thread_ts=samples.ROOT)["message"]
    )
    workspace.refuses_events = False
    expect(page.get_by_test_id("banner")).to_be_hidden(timeout=15_000)
    expect(shown(page, "while you were away")).to_be_visible()
    expect(shown(page, "in the thread too")).to_be_visible()


def test_switching_the_user_shows_their_view(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(thread=samples.ROOT)
    page.get_by_test_id("user-switcher").click()
    menu = page.get_by_role("menu")
    expect(menu.get_by_role("menuitemradio", checked=True)).to_contain_text("Ben Okafor")
    expect(menu.get_by_role("menuitemradio", name="Gus Meyer")).to_contain_text("guest")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.get_by_test_id("user-switcher")).to_contain_text("Gus Meyer")
    expect(page.locator(f'[data-ready="{samples.GUS}"]')).to_be_attached()
    assert f"u={samples.GUS}" in page.url
    expect(page.get_by_test_id("thread")).to_be_visible()
    page.get_by_test_id("thread").get_by_role("button", name="Continue").click()
    assert workspace.wait_for_call("/page/interact")["user"] == samples.GUS


def test_the_address_opens_the_same_view_again(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_test_id("thread-summary").click()
    expect(page.get_by_test_id("thread")).to_be_visible()
    parts = (f"u={samples.BEN}", f"c={samples.CAMPAIGNS}", f"t={samples.ROOT}")
    assert all(part in page.url for part in parts)

    page.reload()
    expect(page.get_by_test_id("thread").get_by_role("button", name="Continue")).to_be_visible()
    page.go_back()
    expect(page.get_by_test_id("thread")).to_be_hidden()
