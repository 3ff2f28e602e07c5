"""`/crew board`: a link to the board that signs the person in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.slack.inbound.parse import Person
from bot.slack.render import answers
from storage.token_manager import TokenManager
from storage.tokens import LINK_ANCHOR, PERSON_SCOPES, TokenKind

LINK_LIFETIME: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class BoardLinks:
    """`local` is where this computer reaches the board, and `public` where everybody does.

    `loopback`: the server listens on this computer alone, and so needs no token until one is made.
    """

    tokens: TokenManager
    local: str
    public: str | None
    loopback: bool

    def answer(self, person: Person) -> str:
        if self.loopback and not self.tokens.any_made():
            return answers.board_without_sign_in(f"{self.local}/")
        _, secret = self.tokens.create(
            TokenKind.LINK,
            scopes=PERSON_SCOPES,
            lifetime=LINK_LIFETIME,
            label=person.name,
            person=person.id,
        )
        # Behind the #, the secret is in no request, and so in no log.
        return answers.board_link(
            f"{self.public or self.local}/{LINK_ANCHOR}{secret}",
            minutes=int(LINK_LIFETIME / timedelta(minutes=1)),
            local=self.public is None and self.loopback,
        )
