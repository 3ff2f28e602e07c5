"""The words of the OpenAPI document that do not stand with the routes."""

from __future__ import annotations

from typing import Final

DESCRIPTION: Final = """\
Human sign-off for CrewAI crews. Start a crew, read what it brings at each checkpoint, and decide:
continue, revise, stop or skip. A decision here shows in Slack, and one in Slack shows here.

- **Lists** are `{"items": […], "next": …}`. Send `next` as `cursor` for the next page; null: there
  is none.
- **Errors** are problem details (RFC 9457): `detail` says what is wrong with the request.
- **Repeating** a POST with the same `Idempotency-Key` gives the first answer again.
- **Times** are ISO 8601, in UTC.
"""

TAGS: Final = {
    "crew": "The four calls that drive an execution",
    "executions": "Executions: lists, one with all that happened, its result",
    "checkpoints": "What waits for a decision",
    "crews": "The crews, and what each needs to start",
    "events": "Events as they happen: streams and tickets for them",
    "webhooks": "For operators: deliveries of webhooks, and another try",
    "session": "Signing in to the board",
    "operations": "For monitoring",
    "amp": "CrewAI AMP's API: a client's base URL is `…/amp/CREW`",
}

SUMMARIES: Final = {
    "execute": "Start a crew",
    "status": "The status of an execution",
    "checkpoint": "The checkpoint that waits",
    "feedback": "Decide a checkpoint",
    "executions": "List executions",
    "execution": "One execution with all that happened",
    "audit": "The audit trail of an execution",
    "result": "The result of an execution",
    "cancel": "Cancel an execution",
    "retry": "Run the failed phase again",
    "checkpoints": "List the checkpoints that wait for you",
    "crews": "List crews",
    "crew": "One crew, with a JSON Schema of its inputs",
    "events": "Stream the events of all executions",
    "execution_events": "Stream the events of one execution",
    "ticket": "Get a ticket for an event stream",
    "session": "Who is signed in",
    "sign_in": "Sign in to the board",
    "sign_out": "Sign out",
    "root": "The board, or what this is",
    "health": "Whether the process is alive",
    "ready": "Whether requests can be served",
    "metrics": "Metrics for Prometheus",
    "deliveries": "List deliveries of webhooks",
    "delivery": "One delivery of a webhook",
    "replay": "Try a dead delivery again",
    "amp_healthy": "Whether the crew is there",
    "amp_inputs": "The names of the crew's inputs",
    "amp_kickoff": "Start the crew",
    "amp_status": "The status of a run",
    "amp_resume": "Answer a task that waits",
    "amp_stop": "Stop a run",
    "amp_respond": "Answer a request through its callback",
}

DESCRIPTIONS: Final = {
    "execute": "Starts the crew and returns at once; a worker runs it. Follow it by events, by "
    "webhooks, or by asking for the status.",
    "status": "With `If-None-Match` and `wait`, the answer comes when the status is another one, "
    "or as 304 after so many seconds.",
    "checkpoint": "What a person has to decide now: the output, who may decide, until when.",
    "feedback": "Each checkpoint is decided once: of several decisions the first one counts, and "
    "the others get 409 with who was faster.",
    "crews": "Names, phases and inputs. `problem` says why a crew cannot be started.",
    "crew": "Its phases, where it pauses, and what it needs to start.",
    "session": "The person or token of the session or token that the request holds.",
    "health": "How much is under way. It needs no token.",
    "delivery": "One event for one receiver: how often it was tried, and how that ended.",
    "amp_healthy": "As AMP's own health check.",
    "amp_inputs": "What `kickoff` takes as `inputs`.",
    "amp_kickoff": "Starts the crew; the webhooks named here hear of it.",
    "amp_status": "While a person is asked, it is `pending_human_input`.",
    "amp_resume": "Approves the output of a task, or sends it back with words.",
    "amp_stop": "Ends a run that has not ended.",
    "amp_respond": "For the `callback_url` of a request: it can be answered once.",
}

PARAMETERS: Final = {
    "execution_id": "The id that `execute` returned.",
    "name": "The crew's name in crews.yml.",
    "crew": "The crew's name in crews.yml.",
    "kickoff_id": "The id that `kickoff` returned.",
    "request_id": "The id of the request that is answered.",
    "delivery_id": "What the receiver got as `webhook-id`.",
    "token": "The secret of the callback's URL.",
    "status": "Only executions in one of these states.",
    "state": "Only deliveries in this state.",
    "channel": "Only executions whose thread is in this Slack channel.",
    "created_after": "Only executions that were created later, with a time zone.",
    "created_before": "Only executions that were created earlier, with a time zone.",
    "requester": "Only what this Slack user or token asked for.",
    "cursor": "`next` of the page before.",
    "limit": "The most items of a page.",
    "Idempotency-Key": "A key of your own: a repetition with the same key and body gets the first "
    "answer.",
    "If-None-Match": "The `ETag` of what you have.",
}

RESPONSES: Final = {"200": "Done", "204": "Done; there is nothing to say"}

PROBLEMS: Final = {
    "400": ("The request is wrong; `detail` says where", "message: it is too long"),
    "401": ("A valid token is needed", "a valid token is needed"),
    "403": (
        "The token lacks the scope, or the crew's rules do not let you",
        "not allowed: you are not among those who may decide it",
    ),
    "404": ("There is no such thing, or you may not see it", "no execution '8d5d2f4e'"),
    "405": ("The path has other methods; see `Allow`", "Method Not Allowed"),
    "409": (
        "The state does not allow it, or somebody was faster",
        "checkpoint 'after_planning' was already continued by Ben",
    ),
    "413": ("The body is too large", "the body is larger than 1048576 bytes"),
    "414": ("The URL is too long", "the URL is longer than 8192 bytes"),
    "415": ("The body is not JSON", "the content type must be application/json"),
    "429": ("Too much at once; see `Retry-After`", "too many requests: try again in 12 seconds"),
    "431": ("The headers are too long", "the headers are longer than 32768 bytes"),
    "503": (
        "The database is busy or cannot be reached, and nothing was changed; see `Retry-After`",
        "the database is busy and nothing was changed: try again",
    ),
}
"""By code: what the answer means, and the `detail` of an example."""

HEADERS: Final = {
    "401": ("WWW-Authenticate", "`Bearer`"),
    "405": ("Allow", "The methods that the path has"),
    "429": ("Retry-After", "Seconds"),
    "503": ("Retry-After", "Seconds"),
}

WEBHOOK: Final = (
    "What a webhook receives, after Standard Webhooks. It is tried again for a day, with the same "
    "`webhook-id` and body."
)

WEBHOOK_HEADERS: Final = {
    "webhook-id": "The same for each try of a delivery",
    "webhook-timestamp": "When it was sent, in Unix seconds",
    "webhook-signature": "`v1,` and the HMAC-SHA256 of id, timestamp and body, in base64",
}
