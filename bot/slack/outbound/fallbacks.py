"""How a message is shown after Slack has refused to show it as it should be. Pure.

It is kept in the payload of the message's row, so every process shows the message the same way, and
a restart does not forget what Slack has refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from bot.slack.render.message import Form
from storage.messages import OutboxKind, OutboxRow

_LAST: Final = max(Form)


@dataclass(frozen=True, slots=True)
class Shown:
    """`as_messages`: Slack has refused the file, so `page` of its text is posted next.

    `needed`: the whole text must be in the thread although the output needs no message of its own,
    as the card is shown in a form that leaves something out. Without `metadata`, a message is found
    again by the id of a block.
    """

    form: Form = Form.FULL
    metadata: bool = True
    as_messages: bool = False
    page: int = 0
    needed: bool = False

    @classmethod
    def of(cls, row: OutboxRow) -> Self:
        payload = row.payload
        form, page = payload.get("form"), payload.get("page")
        return cls(
            form=Form(form) if isinstance(form, int) and form in list(Form) else Form.FULL,
            metadata=payload.get("metadata") is not False,
            as_messages=payload.get("as") == "messages",
            page=page if isinstance(page, int) else 0,
            needed=payload.get("needed") is True,
        )

    def in_payload(self, row: OutboxRow) -> Mapping[str, object]:
        """The row's payload with this in place of what it says now."""
        ours = {"form", "metadata", "as", "page", "needed"}
        others = {key: value for key, value in row.payload.items() if key not in ours}
        shown = {
            "form": int(self.form) if self.form is not Form.FULL else None,
            "metadata": None if self.metadata else False,
            "as": "messages" if self.as_messages else None,
            "page": self.page or None,
            "needed": self.needed or None,
        }
        return {**others, **{key: value for key, value in shown.items() if value is not None}}

    @property
    def is_last(self) -> bool:
        """Whether there is no simpler form."""
        return self.form is _LAST

    def simpler(self) -> Self:
        """The next form. Pages start again, since the forms divide the text differently."""
        return replace(self, form=Form(self.form + 1), page=0)

    def next_page(self) -> Self:
        return replace(self, page=self.page + 1)


def whole_key(row: OutboxRow) -> str:
    """The key of the message with the rest of this checkpoint's output."""
    return f"{OutboxKind.WHOLE.value}:{row.checkpoint_id}"


def output_key(row: OutboxRow) -> str:
    return f"{OutboxKind.OUTPUT.value}:{row.checkpoint_id}"
