"""The composer: messages, commands and mentions."""

import pytest
from playwright.sync_api import Page, expect

from tests.practice.page import samples
from tests.practice.page.canned import CannedWorkspace
from tests.practice.page.conftest import OpenPage

pytestmark = pytest.mark.browser

MESSAGE = "/page/message"
COMMAND = "/page/command"


def write(page: Page, text: str, where: str = "composer") -> None:
    page.get_by_test_id(where).click()
    page.keyboard.type(text)


def test_enter_sends_and_shift_enter_breaks_the_line(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page()
    write(page, "first line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second <b> & line")
    page.keyboard.press("Enter")

    sent = workspace.wait_for_call(MESSAGE)
    assert sent == {
        "user": samples.BEN,
        "channel": samples.CAMPAIGNS,
        "text": "first line\nsecond <b> & line",
    }
    expect(page.get_by_test_id("composer")).to_have_value("")


def test_a_reply_goes_into_its_thread_and_shows_at_once(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    reply = samples.message(
        "1795421300.000100", thread_ts=samples.ROOT, user=samples.BEN, text="Looks good"
    )
    workspace.answers[MESSAGE] = lambda _body: {"ok": True, "message": reply}
    page = open_page(thread=samples.ROOT)
    write(page, "Looks good", "thread-composer")
    page.keyboard.press("Enter")

    assert workspace.wait_for_call(MESSAGE)["thread_ts"] == samples.ROOT
    shown = page.get_by_test_id("thread").get_by_role("article").filter(has_text="Looks good")
    expect(shown).to_have_count(1)
    workspace.push({"type": "message", "message": reply})
    expect(page.get_by_test_id("channel").get_by_text("5 replies")).to_be_visible()
    expect(shown).to_have_count(1)


def test_a_mention_is_chosen_from_a_list_and_sent_as_a_token(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page()
    write(page, "Hello @an")
    suggestions = page.get_by_test_id("suggestions").first
    expect(suggestions.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_test_id("composer")).to_have_value("Hello @Ana Lima ")
    page.keyboard.type("and @countersign, not a@ana.example, for @editors")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")

    text = workspace.wait_for_call(MESSAGE)["text"]
    assert text == (
        f"Hello <@{samples.ANA}> and <@{samples.BOT}>, not a@ana.example, for <!subteam^S0EDIT>"
    )


def test_a_slash_lists_the_commands_and_their_usage(open_page: OpenPage) -> None:
    page = open_page()
    write(page, "/")
    suggestions = page.get_by_test_id("suggestions").first
    option = suggestions.get_by_role("option", selected=True)
    expect(option).to_contain_text("Run a crew and decide at its checkpoints")
    expect(page.get_by_role("combobox", expanded=True)).to_be_visible()

    page.keyboard.press("Enter")
    expect(page.get_by_test_id("composer")).to_have_value("/crew ")
    expect(suggestions).to_contain_text("NAME request | list | status | help")


def test_a_command_shows_that_it_waits_for_its_answer(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page()
    with workspace.held():
        write(page, "/crew plan a summer campaign for @Ana Lima")
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Sending /crew…")).to_be_visible()
        sent = workspace.wait_for_call(COMMAND)
    expect(page.get_by_text("Sending /crew…")).to_be_hidden()
    assert sent["text"] == f"/crew plan a summer campaign for <@{samples.ANA}>"


def test_a_failed_command_shows_why_and_is_restored(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    notice = "/crew failed because the app did not respond."
    workspace.answers[COMMAND] = lambda _body: {"ok": False, "notice": notice}
    page = open_page()
    write(page, "/crew plan it")
    page.keyboard.press("Enter")

    notice_message = page.get_by_role("article").filter(has_text=notice)
    expect(notice_message).to_contain_text("Slackbot")
    expect(notice_message).to_contain_text("Only visible to you")
    expect(page.get_by_test_id("composer")).to_have_value("/crew plan it")
    workspace.push({"type": "notice", "text": notice, "channel": samples.CAMPAIGNS})
    workspace.push({"type": "notice", "text": "Another", "channel": samples.CAMPAIGNS})
    expect(page.get_by_test_id("channel").get_by_text("Another")).to_be_visible()
    expect(notice_message).to_have_count(1)


@pytest.mark.parametrize(
    ("where", "text", "words"),
    [
        ("composer", "/crw plan", "There is no command /crw here."),
        ("thread-composer", "/crew list", "/crew does not work in a thread."),
    ],
)
def test_a_command_that_cannot_be_sent_is_explained(
    workspace: CannedWorkspace, open_page: OpenPage, where: str, text: str, words: str
) -> None:
    page = open_page(thread=samples.ROOT)
    write(page, text, where)
    page.keyboard.press("Enter")

    expect(page.get_by_role("article").filter(has_text=words)).to_be_visible()
    assert workspace.calls == []


def test_the_first_visit_offers_an_example_that_fills_the_composer(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    workspace.show()
    page = open_page()
    page.get_by_role("button", name="/crew plan a summer campaign for a bicycle shop").click()

    composer = page.get_by_test_id("composer")
    expect(composer).to_have_value("/crew plan a summer campaign for a bicycle shop")
    expect(composer).to_be_focused()


def test_a_draft_is_kept_for_its_channel(open_page: OpenPage) -> None:
    page = open_page()
    write(page, "half a sentence")
    page.get_by_test_id("channel-link").filter(has_text="general").click()
    expect(page.get_by_test_id("composer")).to_have_value("")
    page.get_by_test_id("channel-link").filter(has_text="campaigns").click()
    expect(page.get_by_test_id("composer")).to_have_value("half a sentence")


def test_non_members_of_a_channel_can_join_it(
    workspace: CannedWorkspace, open_page: OpenPage
) -> None:
    page = open_page(user=samples.GUS, channel=samples.RANDOM)
    expect(page.get_by_test_id("composer")).to_be_hidden()

    page.get_by_role("button", name="Join channel").click()
    assert workspace.wait_for_call("/page/join")["channel"] == samples.RANDOM
    members = [samples.ANA, samples.BEN, samples.GUS]
    workspace.push({"type": "channel", "channel": {"id": samples.RANDOM, "members": members}})
    expect(page.get_by_test_id("composer")).to_be_visible()
    page.get_by_role("button", name="Add Countersign").click()
    assert workspace.wait_for_call("/page/invite")["channel"] == samples.RANDOM
