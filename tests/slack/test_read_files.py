"""Attached files are read from Slack alone, as text, and up to a size."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import ClassVar

import pytest

from bot.slack.inbound.written import AttachedFile
from bot.slack.people.files import FileNotRead, FileReader, NotReadBecause, is_text

TOKEN = "xoxb-secret"


class Host(BaseHTTPRequestHandler):
    """A host with files. `stop` ends a slow answer."""

    tokens: ClassVar[list[str | None]] = []
    answers: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}
    stop: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        self.tokens.append(self.headers.get("Authorization"))
        if self.path == "/slow":
            self.stop.wait(5)
        status, headers, content = self.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def serving() -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def slack() -> Iterator[str]:
    Host.tokens.clear()
    Host.answers.clear()
    Host.stop.clear()
    server = serving()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Host.stop.set()
    server.shutdown()


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = serving()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def reader(slack: str) -> FileReader:
    return FileReader(token=TOKEN, api_url=f"{slack}/api/")


def file(url: str, name: str = "notes.md", mimetype: str = "text/plain") -> AttachedFile:
    return AttachedFile(name, mimetype, 10, url)


def why(slack: str, attached: AttachedFile, **how: float) -> NotReadBecause:
    with pytest.raises(FileNotRead) as raised:
        reader(slack).read_text(attached, seconds=how.get("seconds", 2.0))
    return raised.value.reason


def test_a_text_file_is_read_with_the_bots_token(slack: str) -> None:
    Host.answers["/f"] = (200, {"content-type": "text/plain"}, "\ufeffzwölf\r\nEuro".encode())

    assert reader(slack).read_text(file(f"{slack}/f")) == "zwölf\nEuro"
    assert Host.tokens == [f"Bearer {TOKEN}"]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/f",
        "https://slack.com.evil.example/f",
        "https://notslack.com/f",
        "http://files.slack.com/f",
        "https://files.slack.com:8443/f",
        "file:///etc/passwd",
        "nonsense",
    ],
)
def test_the_token_goes_to_no_other_host(slack: str, url: str) -> None:
    assert why(slack, file(url)) is NotReadBecause.NOT_ALLOWED


def test_a_redirect_to_another_host_is_not_followed(slack: str, elsewhere: str) -> None:
    Host.answers["/f"] = (302, {"location": f"{elsewhere}/stolen"}, b"")

    assert why(slack, file(f"{slack}/f")) is NotReadBecause.NOT_ALLOWED
    assert len(Host.tokens) == 1


def test_the_sign_in_page_is_no_text_of_a_file(slack: str) -> None:
    Host.answers["/f"] = (302, {"location": "/signin"}, b"")
    Host.answers["/signin"] = (200, {"content-type": "text/html"}, b"<html>Sign in")

    assert why(slack, file(f"{slack}/f")) is NotReadBecause.NOT_ALLOWED


def test_a_file_is_read_up_to_a_size_whatever_slack_said_about_it(slack: str) -> None:
    Host.answers["/f"] = (200, {}, b"x" * 100_001)

    assert why(slack, file(f"{slack}/f")) is NotReadBecause.TOO_LONG
    assert why(slack, replace(file(f"{slack}/f"), size=10**9)) is NotReadBecause.TOO_LONG


@pytest.mark.parametrize("content", [b"a\x00b", b"\xff\xfe\x00\xd8", b"\x80 latin"])
def test_what_is_no_text_is_not_read(slack: str, content: bytes) -> None:
    Host.answers["/f"] = (200, {}, content)

    assert why(slack, file(f"{slack}/f")) is NotReadBecause.NOT_TEXT


def test_a_host_that_is_slow_or_fails_delays_nobody(slack: str) -> None:
    began = monotonic()

    assert why(slack, file(f"{slack}/slow"), seconds=0.2) is NotReadBecause.FAILED
    assert monotonic() - began < 2
    assert why(slack, file(f"{slack}/missing")) is NotReadBecause.FAILED


def test_several_files_share_the_size(slack: str) -> None:
    Host.answers["/a"] = Host.answers["/b"] = (200, {}, b"x" * 60_000)

    attached = reader(slack).read_all([file(f"{slack}/a", "a.txt"), file(f"{slack}/b", "b.txt")])

    assert [each.name for each in attached.read] == ["a.txt"]
    assert [(each.name, each.reason) for each in attached.unread] == [
        ("b.txt", NotReadBecause.TOO_LONG)
    ]


@pytest.mark.parametrize(
    ("name", "mimetype", "expected"),
    [
        ("notes.md", "text/plain", True),
        ("data.json", "application/json", True),
        ("feed", "application/atom+xml", True),
        ("table.csv", "", True),
        ("Untitled", "text/plain", True),
        ("main.rs", "application/octet-stream", True),
        ("photo.png", "image/png", False),
        ("plan.pdf", "application/pdf", False),
        ("plan.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml", False),
        ("csv", "", False),
    ],
)
def test_text_is_known_by_its_type_or_name(name: str, mimetype: str, expected: bool) -> None:
    assert is_text(file("https://files.slack.com/f", name, mimetype)) is expected


def test_a_file_of_another_service_is_not_read() -> None:
    shared = replace(file("https://docs.example/f"), is_elsewhere=True)

    assert not is_text(shared)
