"""What `/crew …` is parsed into."""

from __future__ import annotations

import pytest

from bot.slack.inbound import grammar, mrkdwn


def start(typed: str) -> grammar.Start:
    command = grammar.parse(typed)
    assert isinstance(command, grammar.Start), command
    return command


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", grammar.Help()),
        ("  help ", grammar.Help()),
        ("HELP", grammar.Help()),
        ("list", grammar.ListCrews()),
        ("status", grammar.Status(None)),
        ("status `1A2B3C4D`", grammar.Status("1a2b3c4d")),
        ("cancel 1a2b3c4d", grammar.Cancel("1a2b3c4d")),
        ("cancel", grammar.InvalidCommand("cancel", "which run?")),
        ("retry 1a2b3c4d now", grammar.Retry("1a2b3c4d")),
    ],
)
def test_subcommands(typed: str, expected: grammar.Command) -> None:
    assert grammar.parse(typed) == expected


@pytest.mark.parametrize(
    ("typed", "request_", "checkpoints", "language"),
    [
        ("plan a b c", "a b c", None, ""),
        ("Plan   a b", "a b", None, ""),
        ("plan\na\nb", "a\nb", None, ""),
        ('plan "a campaign"', "a campaign", None, ""),
        ("plan “a campaign”", "a campaign", None, ""),
        ('plan say "hi" to all', 'say "hi" to all', None, ""),
        ("plan don't stop", "don't stop", None, ""),
        ("plan a --language German", "a", None, "German"),
        ("plan --language German a", "a", None, "German"),
        ("plan a --language=German b", "a b", None, "German"),
        ("plan a —language “Bahasa Indonesia” b", "a b", None, "Bahasa Indonesia"),
        ("plan a --checkpoints x,y b", "a b", ("x", "y"), ""),
        ("plan a --checkpoints x, y b", "a b", ("x", "y"), ""),
        ('plan a --checkpoints "x, y" b', "a b", ("x", "y"), ""),
        ("plan --checkpoints x --language de a", "a", ("x",), "de"),
        ("plan a --checkpoints none", "a", (), ""),
        ("plan a --budget 5 -- b", "a --budget 5 -- b", None, ""),
        ("plan a well--language thing", "a well--language thing", None, ""),
        (
            "plan R&amp;D in &lt;May&gt; for <@U1|ana> <#C1|general>",
            "R&D in <May> for @ana #general",
            None,
            "",
        ),
        (
            "plan see <https://a.example/x|a.example/x>",
            "see a.example/x (https://a.example/x)",
            None,
            "",
        ),
    ],
)
def test_a_start_with_its_options(
    typed: str, request_: str, checkpoints: tuple[str, ...] | None, language: str
) -> None:
    command = start(typed)
    assert command.crew == "plan"
    assert (command.request, command.checkpoints, command.language) == (
        request_,
        checkpoints,
        language,
    )


def test_what_was_typed_is_kept_to_be_pasted_again() -> None:
    assert start("plan a —language “x y”").typed == "plan a —language “x y”"


@pytest.mark.parametrize("typed", ["plan a --language", "plan a --checkpoints --language de"])
def test_an_option_without_a_value_is_invalid(typed: str) -> None:
    assert isinstance(grammar.parse(typed), grammar.InvalidCommand)


@pytest.mark.parametrize(
    ("sent", "plain"),
    [
        ("<@UBOT> shorter", "shorter"),
        ("<@UBOT|countersign>  shorter <@UANA>", "shorter @UANA"),
        ("mail <mailto:a@b.example|a@b.example>", "mail a@b.example"),
        ("<!here> <!subteam^S1|@reviewers> <!channel>", "@here @reviewers @channel"),
        ("a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
        ("one\n  two", "one\ntwo"),
    ],
)
def test_replies_become_plain_text_without_the_bots_name(sent: str, plain: str) -> None:
    assert mrkdwn.to_plain(sent, without_user="UBOT") == plain


@pytest.mark.parametrize(
    ("sent", "mentioned"),
    [("hi <@UBOT>", True), ("<@UBOT|x>", True), ("<@UBOTTOM>", False), ("&lt;@UBOT&gt;", False)],
)
def test_only_a_real_mention_counts(sent: str, mentioned: bool) -> None:
    assert mrkdwn.mentions(sent, "UBOT") is mentioned
