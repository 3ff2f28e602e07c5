"""Reads text files that people attach in Slack, with the bot's token."""

from __future__ import annotations

import logging
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Final

import httpx

from bot.slack.inbound.written import AttachedFile

log = logging.getLogger(__name__)

MAX_BYTES: Final = 100_000
"""Bytes of text that are read from the files of one message together."""

READ_SECONDS: Final = 2.0
"""Seconds for all files of one message: Slack expects its answer to an event within 3 s."""

_MAX_REDIRECTS: Final = 3
_SLACK_HOSTS: Final = ("slack.com", "slack-files.com", "slack-gov.com")
_TEXT_TYPES: Final = frozenset(
    """
    application/ecmascript application/graphql application/javascript application/json
    application/sql application/toml application/x-httpd-php application/x-ndjson
    application/x-python application/x-sh application/x-toml application/x-yaml application/xml
    application/yaml
    """.split()  # noqa: SIM905 easier to read and to extend
)
_TEXT_ENDINGS: Final = frozenset(
    """
    adoc asc bash bib c cc cfg conf cpp cs css csv diff env go graphql h hpp htm html ics ini java
    js json jsonl jsx kt log lua m markdown md mdx patch php pl ps1 py r rb rs rst scala sh sql srt
    svg swift tex text toml ts tsv tsx txt vtt xml yaml yml zsh
    """.split()  # noqa: SIM905
)


class NotReadBecause(StrEnum):
    """Why a file was not read."""

    NOT_TEXT = "not text"
    TOO_LONG = "too long"
    NOT_ALLOWED = "not allowed"  # another host than Slack, or no permission for files
    FAILED = "failed"  # Slack did not answer in time, or with an error


class FileNotRead(Exception):
    """A file of which nothing was read."""

    def __init__(self, reason: NotReadBecause) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file's name and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file's name, and why nothing of it was read."""

    name: str
    reason: NotReadBecause


@dataclass(frozen=True, slots=True)
class AttachedText:
    """What the files of a message say, as far as they were read."""

    read: tuple[ReadFile, ...] = ()
    unread: tuple[UnreadFile, ...] = ()


class FileReader:
    """Safe to share between threads. The token goes to Slack's hosts only."""

    def __init__(self, *, token: str, api_url: str) -> None:
        self._token = token
        self._api = httpx.URL(api_url)

    def read_all(
        self, files: Sequence[AttachedFile], *, seconds: float = READ_SECONDS
    ) -> AttachedText:
        """Read what is text, up to MAX_BYTES and `seconds` for all files together."""
        read: list[ReadFile] = []
        unread: list[UnreadFile] = []
        left, until = MAX_BYTES, monotonic() + seconds
        for file in files:
            try:
                text = self.read_text(file, max_bytes=left, seconds=until - monotonic())
            except FileNotRead as error:
                unread.append(UnreadFile(file.name, error.reason))
                log.info("slack.file_not_read", extra={"reason": error.reason.value})
            else:
                read.append(ReadFile(file.name, text))
                left -= len(text.encode())
        return AttachedText(tuple(read), tuple(unread))

    def read_text(
        self, file: AttachedFile, *, max_bytes: int = MAX_BYTES, seconds: float = READ_SECONDS
    ) -> str:
        """Return the text of a file. Raises FileNotRead."""
        if not is_text(file):
            raise FileNotRead(NotReadBecause.NOT_TEXT)
        if file.size > max_bytes:
            raise FileNotRead(NotReadBecause.TOO_LONG)
        if seconds <= 0:
            raise FileNotRead(NotReadBecause.FAILED)
        try:
            content = self._download(file, max_bytes=max_bytes, until=monotonic() + seconds)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FileNotRead(NotReadBecause.FAILED) from error
        return _decoded(content)

    def _download(self, file: AttachedFile, *, max_bytes: int, until: float) -> bytes:
        url = httpx.URL(file.url)
        with httpx.Client(headers={"Authorization": f"Bearer {self._token}"}) as client:
            for _ in range(_MAX_REDIRECTS + 1):
                if not self._is_slack(url):
                    raise FileNotRead(NotReadBecause.NOT_ALLOWED)
                timeout = max(0.01, until - monotonic())
                with client.stream("GET", url, timeout=timeout) as response:
                    if response.has_redirect_location:
                        url = url.join(response.headers["location"])
                        continue
                    _check_answer(response, file)
                    return _content(response, max_bytes=max_bytes, until=until)
        raise FileNotRead(NotReadBecause.NOT_ALLOWED)

    def _is_slack(self, url: httpx.URL) -> bool:
        """Whether the address is one of Slack's own, or at the host of the API's address."""
        api = self._api
        if (url.scheme, url.host, url.port) == (api.scheme, api.host, api.port):
            return True
        is_known = any(url.host == host or url.host.endswith(f".{host}") for host in _SLACK_HOSTS)
        return url.scheme == "https" and url.port is None and is_known


def is_text(file: AttachedFile) -> bool:
    """Whether Slack says that this is a text file, or its name does."""
    if file.is_elsewhere:
        return False
    mimetype = file.mimetype.partition(";")[0].strip().lower()
    _, dot, ending = file.name.lower().rpartition(".")
    return (
        mimetype.startswith("text/")
        or mimetype in _TEXT_TYPES
        or mimetype.endswith(("+json", "+xml", "+yaml"))
        or (bool(dot) and ending in _TEXT_ENDINGS)
    )


def _check_answer(response: httpx.Response, file: AttachedFile) -> None:
    """Without the right to read the file, Slack answers with its sign-in page."""
    if response.status_code in (401, 403) or _is_page(response, file):
        raise FileNotRead(NotReadBecause.NOT_ALLOWED)
    if response.status_code != httpx.codes.OK:
        raise FileNotRead(NotReadBecause.FAILED)


def _is_page(response: httpx.Response, file: AttachedFile) -> bool:
    is_html = response.headers.get("content-type", "").lower().startswith("text/html")
    return is_html and "html" not in file.mimetype and not file.name.lower().endswith("html")


def _content(response: httpx.Response, *, max_bytes: int, until: float) -> bytes:
    chunks: list[bytes] = []
    for chunk in _in_time(response.iter_bytes(), until):
        chunks.append(chunk)
        if sum(map(len, chunks)) > max_bytes:
            raise FileNotRead(NotReadBecause.TOO_LONG)
    return b"".join(chunks)


def _in_time(chunks: Iterator[bytes], until: float) -> Iterator[bytes]:
    for chunk in chunks:
        if monotonic() > until:
            raise FileNotRead(NotReadBecause.FAILED)
        yield chunk


def _decoded(content: bytes) -> str:
    encoding = "utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise FileNotRead(NotReadBecause.NOT_TEXT) from None
    if "\x00" in text:
        raise FileNotRead(NotReadBecause.NOT_TEXT)
    return text.replace("\r\n", "\n")
