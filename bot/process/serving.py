"""`countersign serve`. Only this role loads the libraries for HTTP and Slack."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from bot.api.app import create_api
from bot.api.guard import loopback_hosts, url_host
from bot.api.live.hub import Hub
from bot.api.services import ApiConfig, Probes
from bot.bootstrap import CannotStartError, build_slack, describe_model
from bot.doctor.shared_server import SERVE_ONLY
from bot.door import DoorAnswer
from bot.persons import DeferredPersons
from bot.process.http_server import HttpServer
from bot.process.listening import CannotBindError, bind
from bot.process.roles import Role, core_ticks, time_left
from bot.scheduler import Scheduler, Tick, slack_ticks
from bot.settings import Settings
from bot.version import VERSION
from crew_runner.host import owners
from crew_runner.host.owners import reclaim_leases
from crew_runner.host.worker import WorkerPool
from storage.outbox.outbox import Outbox
from storage.outbox.webhook_queue import WebhookQueue
from storage.webhooks import WebhookFormat

if TYPE_CHECKING:
    from bot.slack.app import SlackFront
    from bot.webhooks.sender import WebhookSender

log = logging.getLogger(__name__)

RECLAIM_EVERY: Final = timedelta(seconds=5)

_STARTING: Final = DoorAnswer(503, {"Retry-After": "1"})
"""The answer to Slack until the Slack front end is built: Slack sends the request again."""

_MIN_DELIVERY_GRACE: Final = timedelta(seconds=1)
"""What message delivery gets on shutdown, even if phases used up the grace period."""


class Application(Role):
    """`countersign serve`: REST, Slack, the scheduler and the workers in one process.

    It answers HTTP before it builds the Slack front end. Without `ticks` it runs no scheduler for
    deadlines, reminders and recovery.
    """

    name = "serve"

    def __init__(self, settings: Settings, *, workers: int, ticks: bool = True) -> None:
        self._workers = workers
        self._ticks = ticks
        self._created_at = time.monotonic()
        self._slack: SlackFront | None = None
        self._pool: WorkerPool | None = None
        self._scheduler: Scheduler | None = None
        self._webhooks: WebhookSender | None = None
        self._persons = DeferredPersons()
        super().__init__(settings, application=None if ticks else SERVE_ONLY, webhooks=True)
        if not settings.on_loopback and not self._core.tokens.any_valid():
            raise CannotStartError(
                f"HITL_BACKEND_HOST={settings.host} lets other machines call the API, and there is "
                "no valid token, so nobody could be let in. Make one with `countersign tokens "
                "create --scopes execute,read,decide`, or set HITL_BACKEND_HOST=127.0.0.1.",
                bad_settings=True,
            )
        try:
            self._listening = bind(settings.host, settings.port)
        except CannotBindError as error:
            raise CannotStartError(
                f"{error}. Set HITL_BACKEND_PORT to another port, or stop what uses this one."
            ) from error
        self.port: int = self._listening.getsockname()[1]
        channel = settings.default_channel if settings.slack_mode else None
        self._hub = Hub(self._core.reads)
        self._core.signal.on_events(self._hub.wake)
        api = create_api(
            state=self._core.state,
            reads=self._core.reads,
            tokens=self._core.tokens,
            idempotency_keys=self._core.idempotency_keys,
            crews=self._core.crews,
            door=self._door if settings.slack_mode == "http" else None,
            config=ApiConfig(
                hosts=loopback_hosts(settings.host, self.port),
                version=VERSION,
                channel=channel,
                webhook_addresses=settings.webhook_addresses,
                root_path=settings.root_path,
                public_url=settings.public_url,
                loopback=settings.on_loopback,
                rate_limit=settings.rate_limit,
                cors_origins=settings.cors_origins,
                trusted_proxies=settings.trusted_proxies,
            ),
            persons=self._persons if settings.slack_mode else None,
            hub=self._hub,
            probes=Probes(ready=self.ready, metrics=self._core.meter.exposition),
        )
        self._http = HttpServer(
            api, self._listening, grace=settings.grace, before_stop=self._hub.close
        )

    def alive(self) -> bool:
        if not self._started:
            return True
        parts = (self._http, self._scheduler, self._pool, self._slack, self._webhooks)
        return all(part is None or part.alive for part in parts)

    @property
    def _address(self) -> str:
        return f"http://{url_host(self._settings.host)}:{self.port}"

    def _start(self) -> Mapping[str, object]:
        self._http.start()
        log.info(
            "serve.healthy",
            extra={
                "address": self._address,
                "after_s": time.monotonic() - self._created_at,
            },
        )
        ticks: tuple[Tick, ...] = ()
        if self._ticks:
            ticks += core_ticks(self._settings, self._core)
        if self._settings.slack_mode is not None:
            ticks += self._start_slack()
        self._start_webhooks()
        if ticks:
            self._scheduler = Scheduler(ticks)
            self._scheduler.start()
        if self._workers > 0:
            self._pool = self._core.pool(self._settings, self._workers)
            self._pool.start()
            self._core.queue.bind(self._pool)
        return self._summary()

    def _start_slack(self) -> tuple[Tick, ...]:
        """Start the Slack front end. Returns its ticks."""
        outbox = Outbox(self._core.engine, self._core.clock)
        slack = self._slack = build_slack(self._settings, self._core, outbox, address=self._address)
        self._core.signal.bind(slack.outbox_changed)
        self._persons.bind(slack.persons)
        slack.start()
        return (
            *slack_ticks(deliver_due=slack.deliver_due, refresh_actors=slack.refresh_actors),
            Tick(
                "reclaim",
                RECLAIM_EVERY,
                partial(reclaim_leases, self._core.state, self._core.reads),
            ),
        )

    def _start_webhooks(self) -> None:
        """Start to send webhooks. The libraries are imported here: HTTP is answered by now."""
        from bot.webhooks import bodies
        from bot.webhooks.amp import AmpBodies
        from bot.webhooks.requests import Requests
        from bot.webhooks.sender import WebhookSender

        core = self._core
        queue = WebhookQueue(core.engine, core.clock, cipher=core.cipher, crews=core.crew_webhooks)
        public_url = self._settings.public_url or self._address
        amp = AmpBodies(core.reads, core.tokens, core.clock, public_url)
        self._webhooks = WebhookSender(
            queue,
            bodies={WebhookFormat.STANDARD: bodies.standard, WebhookFormat.AMP: amp},
            owner=str(owners.this_process()),
            connect=partial(Requests, self._settings.webhook_addresses),
            is_dead=owners.is_dead,
        )
        core.signal.on_events(self._webhooks.wake)
        self._webhooks.start()

    def _work_in_progress(self) -> Mapping[str, object]:
        return {"phases": 0 if self._pool is None else self._pool.running}

    def _stop(self, deadline: float) -> None:
        self._core.queue.stop()
        if self._pool is not None:
            self._pool.stop(time_left(deadline))
        if self._scheduler is not None:
            self._scheduler.stop()
        self._http.stop()
        if self._webhooks is not None:
            self._webhooks.stop(time_left(deadline))
        if self._slack is not None:
            self._slack.stop(max(time_left(deadline), _MIN_DELIVERY_GRACE))

    def _door(self, headers: Mapping[str, str], body: bytes) -> DoorAnswer:
        return _STARTING if self._slack is None else self._slack.door(headers, body)

    def _summary(self) -> Mapping[str, object]:
        return {
            "version": VERSION,
            "database": self._core.engine.url.difference_update_query(
                ["application_name"]
            ).render_as_string(hide_password=True),
            "crews": ",".join(sorted(self._core.crews)),
            "slack": self._settings.slack_mode or "off (no SLACK_BOT_TOKEN): REST only",
            "model": describe_model(self._settings.model),
            "workers": self._workers,
            "scheduler": "here" if self._ticks else "in another process",
        }
