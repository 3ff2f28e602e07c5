"""Which addresses webhooks may be sent to, as a table; and the URLs that lead there."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from bot.webhooks.addresses import AllowedAddresses, BadNetwork, literal, parse_networks
from bot.webhooks.targets import BadTarget, check_target, parse_target, without_query

NOTHING_ALLOWED = AllowedAddresses()

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:830::200e",
    "::ffff:8.8.8.8",
)
REFUSED = {
    "unspecified": ("0.0.0.0", "0.1.2.3", "::"),
    "loopback": ("127.0.0.1", "127.255.255.254", "::1"),
    "private": ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1"),
    "link-local": ("169.254.169.254", "fe80::1", "fe80::1%eth0", "fec0::1"),
    "shared (CGNAT)": ("100.64.0.1", "100.127.255.255"),
    "multicast": ("224.0.0.1", "239.255.255.250", "ff02::1"),
    "broadcast and reserved": ("255.255.255.255", "240.0.0.1", "192.0.0.8", "198.18.0.1"),
    "for documentation": ("192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "3fff::1"),
    "IPv4 mapped": ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe"),
    "IPv4 compatible": ("::127.0.0.1", "::8.8.8.8"),
    "IPv4 translated": ("::ffff:0:127.0.0.1",),
    "6to4": ("2002:7f00:1::", "2002:808:808::1", "192.88.99.1"),
    "NAT64": ("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1"),
    "Teredo, benchmarks and ORCHID": ("2001:0:53aa:64c::1", "2001:2::1", "2001:20::1"),
    "discard-only": ("100::1",),
    "segment routing": ("5f00::1",),
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert ip_address(address) in NOTHING_ALLOWED


@pytest.mark.parametrize(
    ("kind", "address"), [(kind, each) for kind, all_ in REFUSED.items() for each in all_]
)
def test_other_addresses_are_refused(kind: str, address: str) -> None:
    assert ip_address(address) not in NOTHING_ALLOWED, kind


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", True),  # public
        ("10.0.0.0/8", "192.168.0.1", False),
        ("10.0.0.0/8", "2002:a01:203::", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1", "::1", False),
        ("fd00::/8, 192.168.1.7 ,", "192.168.1.7", True),
        ("fd00::/8, 192.168.1.7 ,", "fd00::5", True),
        ("64:ff9b::/96", "64:ff9b::808:808", True),
        ("0.0.0.0/0", "127.0.0.1", True),
    ],
)
def test_the_operator_allows_networks(networks: str, address: str, allowed: bool) -> None:
    assert (ip_address(address) in AllowedAddresses(parse_networks(networks))) is allowed


@pytest.mark.parametrize("text", ["10.0.0.0/33", "localhost", "10.0.0.0-10.0.0.9"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(BadNetwork, match=text.replace(".", r"\.")):
        parse_networks(f"10.0.0.0/8,{text}")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.0.1", "127.1."],
)
def test_an_address_is_recognized_in_every_notation(host: str) -> None:
    assert str(literal(host)) == "127.0.0.1"


@pytest.mark.parametrize("host", ["example.com", "1password.com", "10.0.0.1.nip.io", "face.b00c"])
def test_a_name_is_no_address(host: str) -> None:
    assert literal(host) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "https://10.0.0.1:8443/hook",
        "http://127.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://[::1]:9000/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fe80::1%25eth0]/",
        "http://①②⑦.0.0.1/",
        "http://127。0。0。1/",
        "http://localhost/",
        "http://LOCALHOST.:80/",
        "http://api.localhost/",
        "http://169.254.169.254/latest/meta-data",
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com/",
        "example.com/hook",
        "http://",
        "http:///hook",
        "http://:80/",
        "https://user:secret@example.com/",
        "https://user@example.com/",
        "https://example.com\\@10.0.0.1/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://exa mple.com/",
        "https://example.com/\r\nX-Header: 1",
        "https://example.com/\x00",
        "https://[::1",
        "https://" + "a" * 3000 + ".com/",
        "https://example.com/\ud800",
        "https://exa\ud800mple.com/",
        "https://example.com/?\udfff",
    ],
)
def test_a_url_that_may_not_be_called_is_refused(url: str) -> None:
    with pytest.raises(BadTarget):
        check_target(url, NOTHING_ALLOWED)


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://example.com", "example.com", "/"),
        ("https://EXAMPLE.com./a/b?c=d&e#f", "example.com", "/a/b?c=d&e"),
        ("http://example.com:8080/%7Eme/ä", "example.com:8080", "/%7Eme/%C3%A4"),
        ("https://bücher.example/", "xn--bcher-kva.example", "/"),
        ("http://[2606:4700::1111]:80/", "[2606:4700::1111]", "/"),
    ],
)
def test_a_public_url_is_taken_apart(url: str, authority: str, path: str) -> None:
    target = check_target(url, NOTHING_ALLOWED)

    assert (target.authority, target.path) == (authority, path)
    assert parse_target(url) == target


def test_no_refusal_shows_what_a_url_holds() -> None:
    with pytest.raises(BadTarget) as refused:
        check_target("http://10.0.0.1/hook?token=hush", NOTHING_ALLOWED)

    assert "hush" not in str(refused.value)
    assert without_query("https://example.com/hook?token=hush") == "https://example.com/hook?…"
