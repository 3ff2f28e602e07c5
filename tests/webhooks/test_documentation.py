"""The receiver in docs/webhooks.md, as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from storage.state_manager import StateManager
from tests.webhooks.conftest import start, webhook
from tests.webhooks.receivers import SECRET, receiving

PAGE = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"


def test_the_documented_receiver_takes_what_the_bot_sends(
    state: StateManager, sender: Callable[..., object]
) -> None:
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    names: dict[str, Callable[[bytes, dict[str, str], str], int]] = {}
    exec(code[1], names)
    with receiving() as receiver:
        sender()
        start(state, webhook(receiver))
        request = receiver.wait_for(1)[0]

    headers = dict(request.headers)
    assert names["receive"](request.body, headers, SECRET) == 204
    assert names["receive"](request.body + b" ", headers, SECRET) == 401
