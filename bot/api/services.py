"""What the routes have: the core, the crews, and who may do what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.api.access import Access
from bot.api.live.hub import Hub
from bot.api_settings import Network, RequestRate
from bot.webhooks.addresses import AllowedAddresses
from storage.db.database import SystemClock
from storage.definitions import CrewDefinition
from storage.idempotency_keys import IdempotencyKeys
from storage.ports import Clock
from storage.reads import Reads
from storage.state_manager import StateManager
from storage.token_manager import TokenManager


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """`hosts`: the accepted Host headers. `channel`: where executions get their thread in Slack.

    `webhook_addresses`: where webhooks may be sent.

    `root_path` is a prefix that a proxy removes, and `public_url` where clients reach this server.
    `loopback`: only programs on this machine reach it, which need no token until one is made.
    `rate_limit` None: there is none.
    """

    hosts: tuple[str, ...]
    version: str
    channel: str | None = None
    body_limit: int = 1024 * 1024
    root_path: str = ""
    public_url: str | None = None
    loopback: bool = True
    rate_limit: RequestRate | None = None
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    webhook_addresses: AllowedAddresses = field(default_factory=AllowedAddresses)


@dataclass(frozen=True, slots=True)
class Probes:
    """What monitoring asks of this process. `metrics` is in Prometheus' text format."""

    ready: Callable[[], bool] = lambda: True
    metrics: Callable[[], bytes] = lambda: b""


@dataclass(frozen=True, slots=True)
class Services:
    state: StateManager
    reads: Reads
    crews: Mapping[str, CrewDefinition]
    config: ApiConfig
    access: Access
    tokens: TokenManager
    idempotency_keys: IdempotencyKeys
    hub: Hub
    probes: Probes = field(default_factory=Probes)
    clock: Clock = field(default_factory=SystemClock)
