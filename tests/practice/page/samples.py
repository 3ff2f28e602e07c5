"""Sample data for the page: a workspace with a run that waits for a decision."""

from typing import Any

Json = dict[str, Any]

ANA = "U0ANA"
BEN = "U0BEN"
GUS = "U0GUS"
BOT = "U0BOT"
CAMPAIGNS = "C0CAMPAIGNS"
GENERAL = "C0GENERAL"
RANDOM = "C0RANDOM"
DIRECT = "D0BOT"
ROOT = "1795420800.000100"

PLAN = """\
*offline draft, no model*

## Strategic overview
A twelve-week summer campaign for **Speichenwerk**, a bicycle shop in Leipzig. It turns first warm \
weekends into visits, and visits into service contracts.

## Objectives
1. 400 bookings of the **summer check** by 31 August
2. Test rides: 25 a week, from 9 in May
3. 1,200 new newsletter readers

## Calendar
| Week | Theme | Format | Channel |
|:-----|:------|:-------|:--------|
| 1–3 | Ready for the road | Workshop videos | Instagram, shop window |
| 4–7 | The long way home | Guided evening rides | Newsletter, Strava club |
| 8–10 | Bring the children | Cargo bike days | Local press, school lists |
| 11–12 | Still rolling | Customer stories | Blog, newsletter |

## Key messages
- *Fifteen minutes now save a holiday.* The check is quick and its price is known before.
- **We ride what we sell.** Every bicycle in the window has done 100 km.
    - staff picks, with names and routes
    - no stock photographs

> Tone: warm, concrete, a little proud. Never lecture anybody about cars.
"""

SHARES = "Continue runs *analysis* next. Nothing is published before the last checkpoint."


def section(text: str) -> Json:
    return {"type": "section", "block_id": "sec", "text": {"type": "mrkdwn", "text": text}}


def button(label: str, action: str, **more: Any) -> Json:
    text = {"type": "plain_text", "text": label, "emoji": True}
    return {"type": "button", "action_id": action, "value": "cp-1", "text": text, **more}


def task(task_id: str, title: str, status: str, details: str | None = None) -> Json:
    card: Json = {"type": "task_card", "task_id": task_id, "title": title, "status": status}
    if details is not None:
        leaf = {"type": "rich_text_section", "elements": [{"type": "text", "text": details}]}
        card["details"] = {"type": "rich_text", "elements": [leaf]}
    return card


STOP_CONFIRM: Json = {
    "title": {"type": "plain_text", "text": "Stop this run?"},
    "text": {"type": "mrkdwn", "text": "The run ends here. *Nothing that follows is done.*"},
    "confirm": {"type": "plain_text", "text": "Stop the run"},
    "deny": {"type": "plain_text", "text": "Keep it"},
    "style": "danger",
}


def message(ts: str, *, channel: str = CAMPAIGNS, **more: Any) -> Json:
    return {"ts": ts, "channel": channel, "text": "", **more}


def root_message() -> Json:
    request = "plan a summer campaign for a bicycle shop"
    return message(
        ROOT,
        user=BOT,
        bot_id="B0BOT",
        text=f"<@{ANA}> asked for *plan*: {request}",
        reply_count=4,
        latest_reply="1795421160.000500",
        reply_users=[BOT, BEN],
        edited={"user": BOT, "ts": "1795421100.000000"},
        blocks=[
            section(f"*plan* for <@{ANA}>\n> {request}"),
            {
                "type": "plan",
                "block_id": "plan",
                "title": "Waiting for a decision: Review the content plan",
                "tasks": [
                    task("t1", "planning", "complete", "create_content_plan, 41 s, revision 1"),
                    task("t2", "analysis", "in_progress", "The sentiment analyst reads reviews"),
                    task("t3", "strategy", "pending"),
                    task("t4", "finalization", "pending"),
                ],
            },
            {
                "type": "actions",
                "block_id": "root-actions",
                "elements": [button("Cancel", "cancel_run", confirm=STOP_CONFIRM)],
            },
        ],
    )


def checkpoint_message(ts: str = "1795421100.000300") -> Json:
    return message(
        ts,
        thread_ts=ROOT,
        user=BOT,
        bot_id="B0BOT",
        text=f"<@{BEN}> Review the content plan: continue, revise, stop or skip?",
        blocks=[
            {
                "type": "header",
                "block_id": "head",
                "text": {"type": "plain_text", "text": "Review the content plan"},
            },
            {
                "type": "context",
                "block_id": "where",
                "elements": [
                    {"type": "mrkdwn", "text": "*Checkpoint 1 of 3* · after planning · revision 1"}
                ],
            },
            {"type": "markdown", "block_id": "output", "text": PLAN},
            {"type": "divider", "block_id": "line"},
            section(SHARES) | {"block_id": "next"},
            {
                "type": "context",
                "block_id": "rule",
                "elements": [
                    {
                        "type": "mrkdwn",
                        "text": ":busts_in_silhouette: Anyone in this channel may decide until "
                        "<!date^1795424700^{time}|11:45>. Without a decision the run stops.",
                    }
                ],
            },
            {
                "type": "actions",
                "block_id": "decide",
                "elements": [
                    button("Continue", "continue", style="primary"),
                    button("Revise…", "revise"),
                    button("Skip", "skip"),
                    button("Stop", "stop", style="danger", confirm=STOP_CONFIRM),
                ],
            },
        ],
        files=[
            {
                "id": "F0PLAN",
                "name": "content-plan.md",
                "title": "content-plan.md",
                "mimetype": "text/markdown",
                "size": 4180,
                "url_private": "/files/F0PLAN/content-plan.md",
                "permalink": "/files/F0PLAN/content-plan.md",
                "preview": PLAN[:240],
            }
        ],
    )


def decided_message(ts: str = "1795420980.000200") -> Json:
    return message(
        ts,
        thread_ts=ROOT,
        user=BOT,
        bot_id="B0BOT",
        text="Revised by Ben",
        edited={"user": BOT, "ts": ts},
        blocks=[
            {
                "type": "header",
                "block_id": "head",
                "text": {"type": "plain_text", "text": "Review the content plan"},
            },
            section("The first draft named six themes for four weeks.") | {"block_id": "out"},
            {
                "type": "context",
                "block_id": "decision",
                "elements": [
                    {
                        "type": "mrkdwn",
                        "text": f":leftwards_arrow_with_hook: <@{BEN}> asked for a change at "
                        "<!date^1795421040^{time}|10:44>: “Fewer themes, and name the rides.”",
                    }
                ],
            },
        ],
    )


def thread() -> list[Json]:
    return [
        root_message(),
        decided_message(),
        message(
            "1795421040.000250",
            thread_ts=ROOT,
            user=BEN,
            text="Fewer themes please, and name <https://example.org/rides|the rides>.",
        ),
        checkpoint_message(),
        message(
            "1795421160.000500",
            thread_ts=ROOT,
            user=BOT,
            bot_id="B0BOT",
            ephemeral=True,
            text="Shall I take this as the revision? Choose *Revise…* or mention me.",
        ),
    ]


def history() -> list[Json]:
    return [
        message("1795334400.000100", user=ANA, text="Morning! The shop wants its summer plan."),
        message("1795334430.000100", user=ANA, text="I let the crew draft it tomorrow."),
        message("1795334500.000100", user=GUS, text="Looking forward to it :bike:"),
        root_message(),
    ]


def modal() -> Json:
    option = {"text": {"type": "plain_text", "text": "create_content_plan"}, "value": "create"}
    other = {
        "text": {"type": "plain_text", "text": "research_trends"},
        "description": {"type": "plain_text", "text": "values from 0 to 100"},
        "value": "trends",
    }
    return {
        "id": "V0REVISE",
        "type": "modal",
        "callback_id": "revise",
        "title": {"type": "plain_text", "text": "Revise"},
        "submit": {"type": "plain_text", "text": "Ask for it"},
        "close": {"type": "plain_text", "text": "Not now"},
        "private_metadata": "cp-1",
        "notify_on_close": True,
        "blocks": [
            section("The phase *planning* is done again with your words.") | {"block_id": "intro"},
            {
                "type": "input",
                "block_id": "words",
                "label": {"type": "plain_text", "text": "What should change?"},
                "hint": {"type": "plain_text", "text": "Say what to do, not only what is wrong."},
                "element": {
                    "type": "plain_text_input",
                    "action_id": "text",
                    "multiline": True,
                    "max_length": 3000,
                    "placeholder": {"type": "plain_text", "text": "Fewer themes, more dates…"},
                },
            },
            {
                "type": "input",
                "block_id": "tasks",
                "optional": True,
                "label": {"type": "plain_text", "text": "Outputs to revise"},
                "element": {
                    "type": "checkboxes",
                    "action_id": "which",
                    "options": [option, other],
                    "initial_options": [option],
                },
            },
        ],
    }


def user(user_id: str, name: str, real_name: str, color: str, **more: Any) -> Json:
    facts: Json = {"id": user_id, "name": name, "real_name": real_name, "color": color}
    return {**facts, "is_bot": False, "is_restricted": False, "tz": "Europe/Berlin", **more}


def state(me: str) -> Json:
    everyone = [ANA, BEN, GUS]
    channel = {"is_im": False, "is_private": False, "topic": "", "unread": 0}
    return {
        "team": {"id": "T0", "name": "Speichenwerk"},
        "me": me,
        "users": [
            user(ANA, "ana", "Ana Lima", "7a3e9d"),
            user(BEN, "ben", "Ben Okafor", "0b6e99"),
            user(GUS, "gus", "Gus Meyer", "d9a400", is_restricted=True),
            user(BOT, "countersign", "Countersign", "00694d", is_bot=True),
        ],
        "channels": [
            {**channel, "id": GENERAL, "name": "general", "members": [*everyone, BOT], "unread": 2},
            {
                **channel,
                "id": CAMPAIGNS,
                "name": "campaigns",
                "members": [*everyone, BOT],
                "topic": "What we plan, and who signs it off",
            },
            {**channel, "id": RANDOM, "name": "random", "members": [ANA, BEN]},
            {
                **channel,
                "id": DIRECT,
                "name": "countersign",
                "is_im": True,
                "im_user": BOT,
                "members": [me, BOT],
            },
        ],
        "usergroups": [
            {"id": "S0EDIT", "handle": "editors", "name": "Editors", "users": [ANA, BEN]}
        ],
        "commands": [
            {
                "command": "/crew",
                "description": "Run a crew and decide at its checkpoints",
                "usage_hint": "NAME request | list | status | help",
            }
        ],
        "bot": {
            "id": "B0BOT",
            "user_id": BOT,
            "name": "Countersign",
            "connected": True,
            "mode": "socket",
            "home_tab": True,
            "description": "Human sign-off for CrewAI crews.",
            "example": "/crew plan a summer campaign for a bicycle shop",
        },
    }
