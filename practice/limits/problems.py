"""Problems, and the basic checks that the rules for blocks and elements use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from practice.rules import SLACK, Rules
from practice.state.records import Json

PLAIN = ("plain_text",)
ANY_TEXT = ("plain_text", "mrkdwn")


@dataclass(frozen=True)
class Problem:
    """One reason why Slack would reject a message or view."""

    pointer: str
    text: str
    error: str = "invalid_blocks"


class Check:
    """Collects problems while walking a tree of blocks."""

    def __init__(self, rules: Rules = SLACK) -> None:
        self.rules = rules
        self.problems: list[Problem] = []
        self.characters = 0
        self.markdown = 0
        self.blocks = 0
        self.tables: list[str] = []

    def size(self, text: object) -> int:
        """The length of a text in UTF-16 units, or in bytes if the rules say so."""
        if not isinstance(text, str):
            return 0
        if self.rules.count_bytes:
            return len(text.encode(errors="surrogatepass"))
        return len(text.encode("utf-16-le", errors="surrogatepass")) // 2

    def count(self, text: object) -> None:
        """Count a text towards the characters of the message."""
        self.characters += self.size(text)

    def add(self, pointer: str, text: str, *, error: str = "invalid_blocks") -> None:
        self.problems.append(Problem(pointer, text, error))

    def keys(
        self,
        node: Json,
        pointer: str,
        *,
        required: Collection[str] = (),
        optional: Collection[str] = (),
    ) -> None:
        """Report missing and unknown keys. `type` is always allowed."""
        for key in required:
            if node.get(key) is None:
                self.add(pointer, f"missing required field: {key}")
        for key in node:
            if key != "type" and key not in required and key not in optional:
                self.add(pointer, f"invalid additional property: {key}")

    def string(
        self, node: Json, key: str, pointer: str, *, limit: int, least: int = 1, unit: str = ""
    ) -> None:
        """Check that a value, if present, is a string of `least` to `limit` characters."""
        value = node.get(key)
        if value is None:
            return
        where = f"{pointer}/{key}"
        if not isinstance(value, str):
            self.add(where, "must be a string")
        elif len(value) > limit:
            self.add(where, f"must be less than {limit + 1} characters{unit}")
        elif len(value) < least:
            self.add(where, f"must be more than {least - 1} characters{unit}")

    def flag(self, node: Json, key: str, pointer: str) -> None:
        if node.get(key) is not None and not isinstance(node[key], bool):
            self.add(f"{pointer}/{key}", "must be a boolean")

    def one_of(self, node: Json, key: str, pointer: str, allowed: Collection[str]) -> None:
        if node.get(key) is not None and node[key] not in allowed:
            self.add(f"{pointer}/{key}", f"must be one of: {', '.join(allowed)}")

    def text(
        self,
        node: Json,
        key: str,
        pointer: str,
        *,
        limit: int,
        kinds: Collection[str] = ANY_TEXT,
        counted: bool = True,
    ) -> None:
        """Check that a value, if present, is a text object of one of these types."""
        value = node.get(key)
        if value is not None:
            self.text_object(value, f"{pointer}/{key}", limit=limit, kinds=kinds, counted=counted)

    def text_object(
        self,
        value: object,
        pointer: str,
        *,
        limit: int,
        kinds: Collection[str] = ANY_TEXT,
        counted: bool = True,
    ) -> None:
        if not isinstance(value, dict):
            self.add(pointer, "must provide an object")
            return
        kind = value.get("type")
        if kind not in kinds:
            self.add(f"{pointer}/type", f"must be one of: {', '.join(kinds)}")
            return
        extra = "emoji" if kind == "plain_text" else "verbatim"
        self.keys(value, pointer, required=("text",), optional=(extra,))
        self.flag(value, extra, pointer)
        self.string(value, "text", pointer, limit=limit)
        if counted:
            self.count(value.get("text"))

    def items(
        self, node: Json, key: str, pointer: str, *, most: int, least: int = 1
    ) -> list[tuple[str, Json]]:
        """Check the length of a list and return its objects with their pointers."""
        value = node.get(key)
        return [] if value is None else self.listed(value, f"{pointer}/{key}", most, least)

    def listed(
        self, value: object, where: str, most: int, least: int = 1
    ) -> list[tuple[str, Json]]:
        if not isinstance(value, list):
            self.add(where, "must be an array")
            return []
        if len(value) > most:
            self.add(where, f"no more than {most} items allowed")
        if len(value) < least:
            self.add(where, f"must have at least {least} item{'s' if least > 1 else ''}")
        items: list[tuple[str, Json]] = []
        for index, item in enumerate(value):
            if isinstance(item, dict):
                items.append((f"{where}/{index}", item))
            else:
                self.add(f"{where}/{index}", "must provide an object")
        return items

    def url(self, node: Json, key: str, pointer: str, *, limit: int = 3000) -> None:
        self.string(node, key, pointer, limit=limit)
        value = node.get(key)
        if isinstance(value, str) and not value.startswith(("http://", "https://", "mailto:")):
            self.add(f"{pointer}/{key}", "must be a valid URL")
