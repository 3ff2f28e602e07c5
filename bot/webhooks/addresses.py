"""Which addresses webhooks may be sent to. Pure.

A URL comes from a client, so without this check the bot could be made to send requests to services
that only this machine or its network can reach.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_SPECIAL: Final[tuple[Network, ...]] = (
    IPv4Network("192.0.0.0/24"),  # protocols of the IETF
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv6Network("2001::/23"),  # protocols of the IETF, such as Teredo
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("3fff::/20"),  # for documentation
)
"""Ranges that lead to an address inside an address, or nowhere. Whether Python counts them as
global depends on its version. NAT64 (64:ff9b::/96) lies outside of the global unicast range."""


class BadNetwork(ValueError):
    """A part of a list of networks is none. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class AllowedAddresses:
    """Public addresses, and those in `networks`, which the operator has allowed."""

    networks: tuple[Network, ...] = ()

    def __contains__(self, address: Address) -> bool:
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        if mapped is not None:
            return mapped in self
        return is_public(address) or any(address in network for network in self.networks)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks or addresses, separated by commas. Raises BadNetwork."""
    networks: list[Network] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            raise BadNetwork(
                f"{part!r} is no network: expected such as 10.0.0.0/8 or fd00::/8, separated by "
                "commas"
            ) from None
    return tuple(networks)


def is_public(address: Address) -> bool:
    """Whether the address belongs to one host of the internet.

    False for private, loopback, link-local, shared (CGNAT), multicast, unspecified and reserved
    addresses, and for those that lead through a tunnel or a translator to another one.
    """
    if isinstance(address, IPv6Address) and (
        address not in _GLOBAL_UNICAST or address.scope_id is not None
    ):
        return False
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in _SPECIAL)


def literal(host: str) -> Address | None:
    """The address that a host is written as, in any notation that connections accept.

    `127.1`, `0x7f000001` and `2130706433` are all 127.0.0.1. None for a name.
    """
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    if not host or host[0] not in "0123456789":
        return None
    try:
        return IPv4Address(socket.inet_aton(host.removesuffix(".")))
    except OSError:
        return None


def parse_resolved(addresses: Iterable[str]) -> tuple[Address, ...]:
    """The addresses that a resolver returned, each once, in their order."""
    return tuple(dict.fromkeys(ipaddress.ip_address(address) for address in addresses))
