"""Buttons, menus, confirmations and modals: what they send and how they show the response."""

import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace
from tests.practice.page.conftest import OpenPage

pytestmark = pytest.mark.browser

Json = dict[str, Any]
INTERACT = "/page/interact"
SUBMIT = "/page/view/submit"


def decide(page: Page, label: str) -> None:
    thread = page.get_by_test_id("thread")
    thread.get_by_role("group").get_by_role("button", name=label).last.click()


def with_modal(page: Page, workspace: CannedWorkspace, view: Json | None = None) -> None:
    workspace.push({"type": "view_opened", "view": view or samples.modal()})
    page.get_by_test_id("modal").last.wait_for()


def test_a_click_sends_the_button_and_waits_with_it(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(thread=samples.ROOT)
    button = page.get_by_test_id("thread").get_by_role("button", name="Continue")

    with workspace.held():
        button.click()
        sent = workspace.wait_for_call(INTERACT)
        expect(button).to_be_disabled()
        expect(button).to_have_attribute("aria-busy", "true")
    expect(button).to_be_enabled()

    checkpoint = samples.checkpoint_message()
    assert sent | {"text": None, "state": None} == {
        "user": samples.BEN,
        "container": "message",
        "channel": samples.CAMPAIGNS,
        "message_ts": checkpoint["ts"],
        "thread_ts": samples.ROOT,
        "ephemeral": False,
        "block_id": "decide",
        "action_id": "continue",
        "type": "button",
        "value": "cp-1",
        "text": None,
        "state": None,
    }
    assert sent["text"]["text"] == "Continue"


def test_a_failed_click_shows_a_notice_where_it_was_made(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    workspace.answers[INTERACT] = lambda _body: {"ok": False, "notice": "No answer. Try again."}
    page = open_page(thread=samples.ROOT)

    decide(page, "Skip")
    notice_message = (
        page.get_by_test_id("thread").get_by_role("article").filter(has_text="No answer")
    )
    expect(notice_message).to_contain_text("Only visible to you")
    notice_message.get_by_role("button", name="Dismiss").click()
    expect(notice_message).to_have_count(0)


def test_stop_asks_for_confirmation_and_cancelling_sends_nothing(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(thread=samples.ROOT)

    decide(page, "Stop")
    confirm = page.get_by_test_id("confirm")
    expect(confirm).to_contain_text("Stop this run?")
    expect(confirm.locator("strong")).to_have_text("Nothing that follows is done.")
    expect(confirm.get_by_role("button", name="Keep it")).to_be_focused()
    confirm.get_by_role("button", name="Keep it").click()
    expect(confirm).to_have_count(0)
    assert workspace.calls == []

    decide(page, "Stop")
    page.keyboard.press("Escape")
    expect(confirm).to_have_count(0)
    assert workspace.calls == []

    decide(page, "Stop")
    confirm.get_by_role("button", name="Stop the run").click()
    assert workspace.wait_for_call(INTERACT)["action_id"] == "stop"


def test_menus_in_a_message_send_the_selection(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    def option(text: str) -> Json:
        return {"text": {"type": "plain_text", "text": text}, "value": text.lower()}

    elements = [
        {
            "type": "static_select",
            "action_id": "pick",
            "placeholder": {"type": "plain_text", "text": "Pick a crew"},
            "options": [option("Plan"), option("Report")],
        },
        {"type": "overflow", "action_id": "more", "options": [option("Status"), option("Retry")]},
        {"type": "datepicker", "action_id": "day", "initial_date": "2026-11-30"},
    ]
    block = {"type": "actions", "block_id": "acts", "elements": elements}
    workspace.show(samples.message("1795420900.000100", user=samples.BOT, blocks=[block]))
    page = open_page()

    page.get_by_label("Pick a crew").select_option("Report")
    assert workspace.wait_for_call(INTERACT)["selected_option"] == option("Report")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Retry").click()
    sent = workspace.wait_for_call(INTERACT, after=1)
    assert (sent["type"], sent["selected_option"]) == ("overflow", option("Retry"))
    values = sent["state"]["values"]["acts"]
    assert values["pick"]["selected_option"] == option("Report")
    assert values["day"] == {"type": "datepicker", "selected_date": "2026-11-30"}


def test_a_modal_sends_its_values_and_closes(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(thread=samples.ROOT)
    with_modal(page, workspace)
    modal = page.get_by_role("dialog", name="Revise")

    expect(modal.get_by_label("What should change?")).to_be_focused()
    expect(modal.get_by_text("Say what to do, not only what is wrong.")).to_be_visible()
    page.keyboard.type("Fewer themes")
    page.keyboard.press("Enter")
    page.keyboard.type("and name the rides")
    modal.get_by_label("research_trends").check()
    modal.get_by_role("button", name="Ask for it").click()

    sent = workspace.wait_for_call(SUBMIT)
    assert sent["view_id"] == "V0REVISE"
    words = {"type": "plain_text_input", "value": "Fewer themes\nand name the rides"}
    assert sent["values"]["words"]["text"] == words
    chosen = sent["values"]["tasks"]["which"]["selected_options"]
    assert [option["value"] for option in chosen] == ["create", "trends"]
    expect(modal).to_have_count(0)


def test_a_missing_input_is_reported_before_anything_is_sent(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(thread=samples.ROOT)
    with_modal(page, workspace)
    modal = page.get_by_test_id("modal")

    modal.get_by_role("button", name="Ask for it").click()
    expect(modal.get_by_role("alert").filter(has_text="Please fill this in")).to_be_visible()
    field = modal.get_by_label("What should change?")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    assert workspace.calls == []
    page.keyboard.type("x")
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_the_bots_errors_appear_under_their_fields_and_the_input_is_kept(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    errors = {"words": "This checkpoint was decided by Ana."}
    workspace.answers[SUBMIT] = lambda _body: {"ok": False, "errors": errors}
    page = open_page(thread=samples.ROOT)
    with_modal(page, workspace)
    modal = page.get_by_test_id("modal")

    modal.get_by_label("What should change?").fill("Too late?")
    modal.get_by_role("button", name="Ask for it").click()

    expect(modal.get_by_text("This checkpoint was decided by Ana.")).to_be_visible()
    expect(modal.get_by_label("What should change?")).to_have_value("Too late?")
    expect(modal.get_by_role("button", name="Ask for it")).to_be_enabled()


def test_a_failed_submission_is_reported_in_the_modal(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    workspace.answers[SUBMIT] = lambda _body: {"ok": False, "notice": "We had some trouble."}
    page = open_page(thread=samples.ROOT)
    with_modal(page, workspace)
    modal = page.get_by_test_id("modal")

    modal.get_by_label("What should change?").fill("More dates")
    page.keyboard.press("Control+Enter")
    expect(modal.get_by_role("alert").filter(has_text="We had some trouble.")).to_be_visible()


def test_escape_closes_a_modal_and_notifies_the_bot(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(thread=samples.ROOT)
    button = page.get_by_test_id("thread").get_by_role("button", name="Revise")
    button.focus()
    with_modal(page, workspace)

    page.keyboard.press("Escape")
    expect(page.get_by_test_id("modal")).to_have_count(0)
    expect(button).to_be_focused()
    sent = workspace.wait_for_call("/page/view/close")
    assert (sent["view_id"], sent["is_cleared"]) == ("V0REVISE", False)
    expect(page.get_by_test_id("thread")).to_be_visible()


def test_tab_stays_inside_a_modal(workspace: CannedWorkspace, open_page: OpenPage) -> None:
    page = open_page(thread=samples.ROOT)
    with_modal(page, workspace)
    inside = "() => document.activeElement.closest('dialog') !== null"

    for key in ["Tab"] * 8 + ["Shift+Tab"] * 9:
        page.keyboard.press(key)
        assert page.evaluate(inside), key


def test_an_updated_view_keeps_the_input_and_a_pushed_one_covers_it(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(thread=samples.ROOT)
    with_modal(page, workspace)
    page.keyboard.type("Half a thou")
    changed = samples.modal() | {"title": {"type": "plain_text", "text": "Revise again"}}
    workspace.push({"type": "view_updated", "view": changed})
    first = page.get_by_role("dialog", name="Revise again")
    expect(first.get_by_label("What should change?")).to_have_value("Half a thou")
    page.keyboard.type("ght")
    expect(first.get_by_label("What should change?")).to_have_value("Half a thought")

    pushed = {
        "id": "V0SECOND",
        "type": "modal",
        "title": {"type": "plain_text", "text": "Details"},
        "blocks": [samples.section("More about it")],
    }
    with_modal(page, workspace, pushed)
    second = page.get_by_role("dialog", name="Details")
    expect(second).to_be_visible()
    expect(first).to_be_hidden()
    second.get_by_role("button", name="Back").click()
    expect(first.get_by_label("What should change?")).to_have_value("Half a thought")
    workspace.push({"type": "view_closed", "view_id": "V0REVISE"})
    expect(page.get_by_test_id("modal")).to_have_count(0)


def test_every_type_of_input_gives_its_value(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page()
    with_modal(page, workspace, view_of_every_input())
    modal = page.get_by_test_id("modal")

    modal.get_by_label("single").fill("one line")
    modal.get_by_label("many", exact=True).fill("two\nlines")
    modal.get_by_label("number").fill("4.5")
    modal.get_by_label("mail").fill("a@example.org")
    modal.get_by_label("site").fill("https://example.org")
    modal.get_by_label("date", exact=True).fill("2026-12-24")
    modal.get_by_label("time", exact=True).fill("18:30")
    modal.get_by_label("static").select_option("Two")
    modal.get_by_label("person").select_option("Ana Lima")
    modal.get_by_label("channel", exact=True).select_option("#general")
    modal.get_by_role("radio", name="Two").check()
    modal.get_by_role("group", name="boxes").get_by_label("One").check()
    modal.get_by_label("conversation", exact=True).select_option("#random")
    for group, labels in (
        ("several", ("One", "Two")),
        ("people", ("Ana Lima",)),
        ("channels", ("#general", "#random")),
        ("conversations", ("#campaigns",)),
    ):
        menu = modal.locator(f'[data-block-id="{group}"]')
        menu.locator(".multi-summary").click()
        for label in labels:
            menu.get_by_label(label).check()
        expect(menu.locator(".multi-summary")).to_have_text(", ".join(labels))
    modal.get_by_role("button", name="Submit").click()

    values = workspace.wait_for_call(SUBMIT)["values"]
    given = {name: answer["a"] for name, answer in values.items()}
    one, two = option("One"), option("Two")
    assert given == {
        "single": {"type": "plain_text_input", "value": "one line"},
        "many": {"type": "plain_text_input", "value": "two\nlines"},
        "number": {"type": "number_input", "value": "4.5"},
        "mail": {"type": "email_text_input", "value": "a@example.org"},
        "site": {"type": "url_text_input", "value": "https://example.org"},
        "date": {"type": "datepicker", "selected_date": "2026-12-24"},
        "time": {"type": "timepicker", "selected_time": "18:30"},
        "static": {"type": "static_select", "selected_option": two},
        "person": {"type": "users_select", "selected_user": samples.ANA},
        "channel": {"type": "channels_select", "selected_channel": samples.GENERAL},
        "radio": {"type": "radio_buttons", "selected_option": two},
        "boxes": {"type": "checkboxes", "selected_options": [one]},
        "several": {"type": "multi_static_select", "selected_options": [one, two]},
        "conversation": {
            "type": "conversations_select",
            "selected_conversation": samples.RANDOM,
        },
        "people": {"type": "multi_users_select", "selected_users": [samples.ANA]},
        "channels": {
            "type": "multi_channels_select",
            "selected_channels": [samples.GENERAL, samples.RANDOM],
        },
        "conversations": {
            "type": "multi_conversations_select",
            "selected_conversations": [samples.CAMPAIGNS],
        },
    }


def option(text: str) -> Json:
    return {"text": {"type": "plain_text", "text": text}, "value": text.lower()}


def view_of_every_input() -> Json:
    options = {"options": [option("One"), option("Two")]}
    elements: dict[str, Json] = {
        "single": {"type": "plain_text_input"},
        "many": {"type": "plain_text_input", "multiline": True},
        "number": {"type": "number_input", "is_decimal_allowed": True},
        "mail": {"type": "email_text_input"},
        "site": {"type": "url_text_input"},
        "date": {"type": "datepicker"},
        "time": {"type": "timepicker"},
        "static": {"type": "static_select", **options},
        "person": {"type": "users_select"},
        "channel": {"type": "channels_select"},
        "radio": {"type": "radio_buttons", **options},
        "boxes": {"type": "checkboxes", **options},
        "several": {"type": "multi_static_select", **options},
        "conversation": {"type": "conversations_select"},
        "people": {"type": "multi_users_select"},
        "channels": {"type": "multi_channels_select"},
        "conversations": {"type": "multi_conversations_select"},
    }
    blocks = [
        {
            "type": "input",
            "block_id": name,
            "label": {"type": "plain_text", "text": name},
            "element": {**element, "action_id": "a"},
        }
        for name, element in elements.items()
    ]
    title = {"type": "plain_text", "text": "All inputs"}
    return {"id": "V0ALL", "type": "modal", "title": title, "blocks": blocks}


def test_the_home_tab_is_shown_and_its_buttons_work(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    waiting = samples.section("*plan* waits for you") | {"accessory": samples.button("Go", "go")}
    workspace.home = {"id": "V0HOME", "type": "home", "blocks": [waiting]}
    page = open_page(channel=samples.DIRECT)
    page.get_by_test_id("home-tab").click()

    home = page.get_by_test_id("home")
    home.get_by_role("button", name="Go").click()
    sent = workspace.wait_for_call(INTERACT)
    assert (sent["container"], sent["view_id"], sent["value"]) == ("home", "V0HOME", "cp-1")
    empty = {"id": "V0HOME", "type": "home", "blocks": [samples.section("Nothing waits")]}
    workspace.push({"type": "home", "view": empty})
    expect(home).to_have_text("Nothing waits")


def test_traffic_lists_requests_with_their_bodies(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    def entry(seq: int, name: str, **more: Any) -> Json:
        facts: Json = {"seq": seq, "at": time.time(), "direction": "from_bot", "kind": "web_api"}
        return {**facts, "name": name, "status": 200, "ms": 3, "note": "", **more}

    workspace.traffic = [entry(1, "chat.postMessage"), entry(2, "views.open", note="bad_view")]
    page = open_page()
    page.get_by_test_id("traffic-toggle").click()
    drawer = page.get_by_test_id("traffic")

    expect(drawer.get_by_role("listitem")).to_have_count(2)
    workspace.push({"type": "traffic", "entry": entry(3, "chat.update", status=429)})
    expect(drawer.locator(".traffic-bad")).to_have_text(["200", "429"])
    drawer.get_by_text("chat.postMessage").click()
    expect(drawer.locator("pre").first).to_contain_text('"text": "<b>raw</b>"')
    drawer.get_by_label("Filter by name").fill("update")
    expect(drawer.get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
