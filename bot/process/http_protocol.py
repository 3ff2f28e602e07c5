"""uvicorn's HTTP/1.1, with a limit to what comes before a body, which uvicorn has for h11 alone."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bot.api.problems import MEDIA_TYPE, problem_body

HEAD_BYTES: Final = 128 * 1024
"""Requests of up to this size reach bot.api.request_sizes, whose answer says what is too long."""


class BoundedHttp(HttpToolsProtocol):
    _in_head = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self._refuse(431, f"the URL and the headers are longer than {HEAD_BYTES} bytes")
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP in the shape of the API's errors."""
        self._refuse(400, msg)

    def _refuse(self, status: int, detail: str) -> None:
        body = problem_body(status, detail)
        content = body.model_dump_json().encode()
        head = (
            f"HTTP/1.1 {status} {body.title}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
        )
        self._in_head = False
        self.transport.write(head.encode() + content)
        self.transport.close()
