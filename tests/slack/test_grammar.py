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
        ("", grammar.StartForm()),
        ("  ", grammar.StartForm()),
        ("inbox", grammar.Inbox()),
        ("  help ", grammar.Help()),
        ("HELP", grammar.Help()),
        ("list", grammar.ListCrews()),
        ("status", grammar.Status(None)),
        ("status `1A2B3C4D`", grammar.Status("1a2b3c4d")),
        ("cancel 1a2b3c4d", grammar.Cancel("1a2b3c4d")),
        ("cancel", grammar.InvalidCommand("cancel", "which run?")),
        ("stop 1a2b3c4d", grammar.Cancel("1a2b3c4d")),
        ("cancel\u00a01a2b3c4d", grammar.Cancel("1a2b3c4d")),
        ("status\u30001a2b3c4d", grammar.Status("1a2b3c4d")),
        ("plan help", grammar.CrewHelp("plan", "plan help")),
        ("plan --help", grammar.CrewHelp("plan", "plan --help")),
        ("plan ?", grammar.CrewHelp("plan", "plan ?")),
        ("help me", grammar.Help()),
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
        ("plan a -language German b", "a b", None, "German"),
        ("plan a ––language German b", "a b", None, "German"),
        ("plan a --language 'Brazilian Portuguese' b", "a b", None, "Brazilian Portuguese"),
        ("plan a --language ‘Brazilian Portuguese’", "a", None, "Brazilian Portuguese"),
        ("plan 'a campaign'", "a campaign", None, ""),
        ("plan it's Ana's plan", "it's Ana's plan", None, ""),
        ("plan the language-learning app", "the language-learning app", None, ""),
        ("plan \u200b", "", None, ""),
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
        ("one\n  two", "one\n  two"),
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


@pytest.mark.parametrize(
    ("typed", "pairs", "rest"),
    [
        ("plan topic=bees", {"topic": "bees"}, ""),
        ('plan topic="AI LLMs" company=ACME now', {"topic": "AI LLMs", "company": "ACME"}, "now"),
        ("plan a topic='don't stop' b", {"topic": "don't stop"}, "a b"),
        ("plan topic=“it’s” b", {"topic": "it’s"}, "b"),
        ("plan topic=«deux mots»", {"topic": "deux mots"}, ""),
        ('plan topic="two\nlines"', {"topic": "two\nlines"}, ""),
        ("plan one\ntopic=x\ntwo", {"topic": "x"}, "one two"),
        ("plan topic= b", {"topic": ""}, "b"),
        ('plan topic="" b', {"topic": ""}, "b"),
        ("plan my-topic=x äpfel=y", {"my-topic": "x", "äpfel": "y"}, ""),
        ("plan a=b=c", {"a": "b=c"}, ""),
        ("plan topic=x, company=y", {"topic": "x", "company": "y"}, ""),
        ("plan https://a.example/?q=x", {}, "https://a.example/?q=x"),
        ("plan 1=2 a = b ==", {}, "1=2 a = b =="),
        ('plan "topic=x y"', {}, "topic=x y"),
        ('plan topic="open', {}, 'topic="open'),
        ("plan topic=x --language de b", {"topic": "x"}, "b"),
    ],
)
def test_pairs_are_kept_apart_from_the_words(typed: str, pairs: dict[str, str], rest: str) -> None:
    command = start(typed)

    assert {pair.name: pair.value for pair in command.pairs} == pairs
    assert command.without(command.pairs) == rest


def test_pairs_that_are_words_stay_where_they_were() -> None:
    command = start("plan prove a=b\n  with x=1 and topic=y soon")
    topic = [pair for pair in command.pairs if pair.name == "topic"]

    assert command.without([]) == "prove a=b\n  with x=1 and topic=y soon"
    assert command.without(topic) == "prove a=b\n  with x=1 and soon"


@pytest.mark.parametrize(
    ("option", "meant"),
    [("--lang", "language"), ("--langauge", "language"), ("--checkpoint", "checkpoints")],
)
def test_a_mistyped_option_is_invalid_and_names_the_right_one(option: str, meant: str) -> None:
    command = grammar.parse(f"plan bees {option} x")

    assert isinstance(command, grammar.InvalidCommand)
    assert f"Did you mean `--{meant}`?" in command.problem
    assert command.typed == f"plan bees {option} x"
