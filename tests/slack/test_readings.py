"""What people type, and how it is read: commands, replies, and words that decide."""

from __future__ import annotations

import pytest

from bot.slack.inbound import grammar, mrkdwn
from bot.slack.inbound.grammar import (
    Board,
    Cancel,
    Command,
    CrewHelp,
    Help,
    Inbox,
    InvalidCommand,
    Lessons,
    ListCrews,
    Retry,
    Start,
    StartForm,
    Status,
)
from storage.characters import is_blank
from storage.decision_words import named_outcome, says_yes

NBSP, NARROW, WIDE, ZERO = "\u00a0", "\u202f", "\u3000", "\u200b"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", StartForm()),
        ("   ", StartForm()),
        (ZERO, StartForm()),
        ("help", Help()),
        ("HELP", Help()),
        ("--help", Help()),
        ("—help", Help()),
        ("`help`", Help()),
        ("?", Help()),
        ("help me please", Help()),
        ("inbox", Inbox()),
        ("board", Board()),
        ("list", ListCrews()),
        ("List", ListCrews()),
        ("/crew list", ListCrews()),
        ("lessons", Lessons(None)),
        ("lessons plan", Lessons("plan")),
        ("status", Status(None)),
        ("status 1a2b3c4d", Status("1a2b3c4d")),
        (f"status{NBSP}1a2b3c4d", Status("1a2b3c4d")),
        (f"status{WIDE}`1A2B3C4D`", Status("1a2b3c4d")),
        (f"status 1a2b3c4d{ZERO}", Status("1a2b3c4d")),
        ("status\t#1a2b3c4d", Status("1a2b3c4d")),
        ("cancel 1a2b3c4d", Cancel("1a2b3c4d")),
        (f"cancel{NARROW}1a2b3c4d", Cancel("1a2b3c4d")),
        ("stop 1a2b3c4d", Cancel("1a2b3c4d")),
        ("Stop\n1a2b3c4d", Cancel("1a2b3c4d")),
        ("stop", InvalidCommand("stop", "which run?")),
        ("retry “1a2b3c4d”", Retry("1a2b3c4d")),
        ("retry", InvalidCommand("retry", "which run?")),
        ("plan help", CrewHelp("plan", "plan help")),
        ("plan Help", CrewHelp("plan", "plan Help")),
        ("plan --help", CrewHelp("plan", "plan --help")),
        ("plan —help", CrewHelp("plan", "plan —help")),
        ("plan -h", CrewHelp("plan", "plan -h")),
        ("plan bees --help", CrewHelp("plan", "plan bees --help", has_request=True)),
        ("plan ––help bees", CrewHelp("plan", "plan ––help bees", has_request=True)),
        ("`plan` \uff0d\uff0dhelp", CrewHelp("plan", "`plan` \uff0d\uff0dhelp")),
    ],
    ids=repr,
)
def test_a_command_is_read_as(typed: str, expected: Command) -> None:
    assert grammar.parse(typed) == expected


@pytest.mark.parametrize(
    ("typed", "request_", "language", "checkpoints"),
    [
        ("plan bees", "bees", "", None),
        ("PLAN bees", "bees", "", None),
        ("Plan bees", "bees", "", None),
        ("plan\nbees and honey", "bees and honey", "", None),
        ("plan\tbees and honey", "bees and honey", "", None),
        (f"plan{NBSP}bees and honey", "bees and honey", "", None),
        (f"plan{NARROW}bees and honey", "bees and honey", "", None),
        (f"plan{WIDE}bees and honey", "bees and honey", "", None),
        (f"{ZERO}plan bees", "bees", "", None),
        ("plan\u2028bees", "bees", "", None),
        ("plan: bees", "bees", "", None),
        ("plan : bees", "bees", "", None),
        ("plan:bees", "bees", "", None),
        ("plan\uff1abees", "bees", "", None),
        ("plan, bees", "bees", "", None),
        ("`plan` bees", "bees", "", None),
        ("`plan`: bees", "bees", "", None),
        ("`plan bees`", "bees", "", None),
        ("*plan* bees", "bees", "", None),
        ("“plan” bees", "bees", "", None),
        ("/crew plan bees", "bees", "", None),
        ("plan bees: the facts", "bees: the facts", "", None),
        ('plan "bees and honey"', "bees and honey", "", None),
        ("plan «bees and honey»", "bees and honey", "", None),
        ("plan \uff02bees and honey\uff02", "bees and honey", "", None),
        ("plan ‘bees and honey’", "bees and honey", "", None),
        ("plan bees\n- one\n  - nested", "bees\n- one\n  - nested", "", None),
        ("plan\n    one\n    two", "    one\n    two", "", None),
        ("plan ```a:\n  b: c```", "```a:\n  b: c```", "", None),
        ("plan bees --language German", "bees", "German", None),
        ("plan bees -language German", "bees", "German", None),
        ("plan bees —language German", "bees", "German", None),
        ("plan bees ––language German", "bees", "German", None),
        ("plan bees –language German", "bees", "German", None),
        ("plan bees \u2010\u2010language German", "bees", "German", None),
        ("plan bees \u2011language German", "bees", "German", None),
        ("plan bees \u2015language German", "bees", "German", None),
        ("plan bees \uff0d\uff0dlanguage German", "bees", "German", None),
        ("plan bees --Language=German", "bees", "German", None),
        ("plan bees --language: German", "bees", "German", None),
        (f"plan bees --language{NBSP}German", "bees", "German", None),
        ("plan --language 'Brazilian Portuguese' bees", "bees", "Brazilian Portuguese", None),
        ("plan --language “Brazilian Portuguese” bees", "bees", "Brazilian Portuguese", None),
        ("plan --language «Brazilian Portuguese» bees", "bees", "Brazilian Portuguese", None),
        ("plan --language \uff07Old Norse\uff07 bees", "bees", "Old Norse", None),
        ("plan --language „Old Norse“ bees", "bees", "Old Norse", None),
        ("plan bees --checkpoints none", "bees", "", ()),
        ("plan bees —checkpoints one, two", "bees", "", ("one", "two")),
        ("plan bees --checkpoints “one, two”", "bees", "", ("one", "two")),
        ("plan the language-learning app", "the language-learning app", "", None),
        ("plan bees - language matters", "bees - language matters", "", None),
        ("plan a day—language lessons first", "a day—language lessons first", "", None),
        ("plan\n- item one\n- item two", "- item one\n- item two", "", None),
        ("plan\n-item one\n-another", "-item one\n-another", "", None),
        ("plan git rebase --onto main", "git rebase --onto main", "", None),
        ("plan help desk hours", "help desk hours", "", None),
        ("plan don't say 'help'", "don't say 'help'", "", None),
        ("plan self-help books", "self-help books", "", None),
        ("stopwatch 1a2b3c4d", "1a2b3c4d", "", None),
    ],
    ids=repr,
)
def test_a_start_is_read_as(
    typed: str, request_: str, language: str, checkpoints: tuple[str, ...] | None
) -> None:
    command = grammar.parse(typed)

    assert isinstance(command, Start), command
    assert command.crew in ("plan", "stopwatch")
    assert (command.request, command.language, command.checkpoints) == (
        request_,
        language,
        checkpoints,
    )
    assert command.typed == typed.strip()


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("plan bees --lang German", "Did you mean `--language`?"),
        ("plan bees --langauge German", "Did you mean `--language`?"),
        ("plan bees —langage German", "Did you mean `--language`?"),
        ("plan bees -langauge German", "Did you mean `--language`?"),
        ("plan bees --checkpoint gate", "Did you mean `--checkpoints`?"),
        ("plan bees --chekpoints gate", "Did you mean `--checkpoints`?"),
        ("plan bees --language", "`--language` needs a value"),
        ("plan bees —language", "`--language` needs a value"),
        ("plan bees --checkpoints --language German", "`--checkpoints` needs names"),
        ("plan bees --checkpoints", "`--checkpoints` needs names"),
    ],
    ids=repr,
)
def test_an_option_is_refused_with_what_was_meant(typed: str, problem: str) -> None:
    command = grammar.parse(typed)

    assert isinstance(command, InvalidCommand), command
    assert problem in command.problem
    assert command.typed == typed


NAMES = {"U1": "Bob", "C1": "general", "S1": "editors"}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("<@UBOT> shorter", "shorter"),
        ("<@UBOT|countersign>, shorter", "shorter"),
        ("<@UBOT>: shorter", "shorter"),
        ("shorter <@UBOT>", "shorter"),
        ("hey <@UBOT> shorter", "hey shorter"),
        ("<@UBOT>\n  a:\n    b", "  a:\n    b"),
        ("<@UBOT> ```a:\n  b:\n    c```", "```a:\n  b:\n    c```"),
        ("• one\n    ◦ nested\n        ▪ deep", "• one\n    ◦ nested\n        ▪ deep"),
        ("def f():\n\treturn 1\n\n\n", "def f():\n\treturn 1"),
        ("ask <@U1> about <#C1>", "ask @Bob about #general"),
        ("ask <!subteam^S1> and <!here>", "ask @editors and @here"),
        ("ask <@U1|bobby> about <#C1|>", "ask @bobby about #general"),
        ("ask <@U9>, <#C9>, <!subteam^S9>", "ask @U9, #C9, @S9"),
        ("until <!date^1700000000^{date}|14 Nov 2023>", "until 14 Nov 2023"),
        (
            "see <https://a.example/?x=1&amp;y=2|the page>",
            "see the page (https://a.example/?x=1&y=2)",
        ),
        ("see <https://a.example>", "see https://a.example"),
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("if a &lt; b &amp;&amp; c: grid[i][j]", "if a < b && c: grid[i][j]"),
        ("<@UBOT>", ""),
        (f"<@UBOT> {ZERO}", ""),
    ],
    ids=repr,
)
def test_a_reply_reaches_the_crew_as(sent: str, read: str) -> None:
    assert mrkdwn.to_plain(sent, without_user="UBOT", names=NAMES) == read


OUTCOMES = ("approved", "needs_work", "Publish now!")


@pytest.mark.parametrize(
    ("reply", "outcome", "yes"),
    [
        ("approved", "approved", True),
        ("Approved!", "approved", True),
        ("*APPROVED*", "approved", True),
        ("approved :tada:", "approved", True),
        ("👍 approved", "approved", True),
        ("needs work", "needs_work", None),
        ("Needs-Work.", "needs_work", None),
        ("publish now", "Publish now!", True),
        ("approved with changes", None, None),
        ("looks good, go ahead", None, True),
        ("Looks good to me!", None, True),
        ("LGTM", None, True),
        ("ship it", None, True),
        (":+1:", None, True),
        (":+1::skin-tone-3:", None, True),
        ("👍", None, True),
        ("👍🏿", None, True),
        ("no objections", None, True),
        ("ja, passt", None, True),
        ("oui, parfait", None, True),
        ("sí, adelante", None, True),
        ("はい", None, True),
        ("no", None, False),
        ("no, drop it", None, False),
        ("don’t publish", None, False),
        (":-1:", None, False),
        ("👎🏽", None, False),
        ("nein, danke", None, False),
        ("shorter", None, None),
        ("good, but shorter", None, None),
        ("no prices, please", None, None),
        ("yes to the first half, no to the second", None, None),
    ],
    ids=repr,
)
def test_a_reply_decides(reply: str, outcome: str | None, yes: bool | None) -> None:
    assert named_outcome(reply, OUTCOMES) == outcome
    assert says_yes(reply) is yes


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        ("", True),
        (" \n\t", True),
        (f"{NBSP}{WIDE}", True),
        (f"{ZERO}\u200d\ufeff\u2060", True),
        ("\u3164\u2800\ufe0f", True),
        (".", False),
        ("👍", False),
        (f"{ZERO}a", False),
    ],
    ids=ascii,
)
def test_a_text_is_blank(text: str, blank: bool) -> None:
    assert is_blank(text) is blank


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("plan R&amp;D in &lt;May&gt;", "plan R&D in <May>"),
        ("plan for <@U1|bob> in <#C1|general>", "plan for @bob in #general"),
        ("plan see <http://a.example|a.example>", "plan see a.example"),
        ("plan see <https://a.example/?x=1&amp;y=2>", "plan see https://a.example/?x=1&y=2"),
        ("plan a\n  b", "plan a\n  b"),
    ],
    ids=repr,
)
def test_a_command_is_given_back_as(sent: str, typed: str) -> None:
    command = grammar.parse(sent)

    assert isinstance(command, Start)
    assert command.typed == typed
