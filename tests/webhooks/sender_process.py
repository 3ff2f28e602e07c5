"""A sender in a process of its own, for tests that kill it: `python sender_process.py DATABASE`."""

from __future__ import annotations

import sys
import threading
from functools import partial

from bot.webhooks import bodies
from bot.webhooks.addresses import AllowedAddresses, parse_networks
from bot.webhooks.requests import Requests
from bot.webhooks.sender import WebhookSender
from crew_runner.host import owners
from storage.db.database import SystemClock
from storage.db.engines import open_engine
from storage.outbox.webhook_queue import WebhookQueue
from storage.webhooks import WebhookFormat


def main(database: str) -> None:
    sender = WebhookSender(
        WebhookQueue(open_engine(database), SystemClock()),
        bodies={WebhookFormat.STANDARD: bodies.standard},
        owner=str(owners.this_process()),
        connect=partial(Requests, AllowedAddresses(parse_networks("127.0.0.0/8"))),
        is_dead=owners.is_dead,
    )
    sender.start()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
