"""Random Markdown: everything that models write, and what they are made to write."""

from __future__ import annotations

import random
from collections.abc import Callable

HOSTILE = (
    "<!channel>",
    "<!here>",
    "<@U00ANA0001>",
    "<!subteam^S00REVIEW01>",
    "<#C00GENERAL1|general>",
    "@channel",
    "@here",
    "<!date^1392734382^{date}|now>",
    ":boom:",
    "#ff0000",
    "</div>",
    "<script>alert(1)</script>",
    "&lt;!channel&gt;",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "a < b && c",
    "grid[i][j]",
    "table[key](arg)",
    "Vec<String>",
    "?a=1&b=2",
    "![",
    "](",
    "**",
    "__",
    "~~",
    "``",
    "*",
    "_",
    "|",
    "\\",
)
ENTITIES = ("&amp;", "&lt;", "&copy;", "&#8238;", "&#x1F600;", "&nosuch;", "&#0;")
SCRIPTS = (
    "日本語のテキスト。",
    "مرحبا بالعالم",
    "\u202eabc\u202c",
    "שלום",
    "می\u200cخواهم",
    "ภาษาไทย",
    "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}",
    "\U0001f44d\U0001f3fd",
    "\U0001f1e9\U0001f1ea",
    "e\u0301\u0302",
    "zero\u200bwidth\u2060\ufeff",
    "soft\u00adhyphen",
)
CODE = (
    "if a < b and b > c: print('x & y')",
    "x = grid[i][j]",
    "\tindented[key](arg)",
    "<!channel> @here &amp;",
    "| not | a table |",
    "# not a heading",
    "",
)


class Markdown:
    """Writes a text. `words` are its words of the form `w1w`, in the order in which they appear."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.words: list[str] = []

    def text(self) -> str:
        return "\n\n".join(self._block(0) for _ in range(self._dice.randint(1, 12)))

    def _word(self) -> str:
        self.words.append(f"w{len(self.words)}w")
        return self.words[-1]

    def _some(self, write: Callable[[], str], most: int) -> list[str]:
        return [write() for _ in range(self._dice.randint(1, most))]

    def _block(self, depth: int) -> str:
        kinds: list[Callable[[int], str]] = [
            self._paragraph,
            self._paragraph,
            self._heading,
            self._fence,
            self._table,
            self._rule,
            self._html,
        ]
        if depth < 5:
            kinds += [self._list, self._list, self._quote]
        return self._dice.choice(kinds)(depth)

    def _paragraph(self, _: int) -> str:
        return "\n".join(self._some(self._line, 4))

    def _heading(self, _: int) -> str:
        return f"{'#' * self._dice.randint(1, 6)} {self._line()}"

    def _rule(self, _: int) -> str:
        return self._dice.choice(("---", "***", "___", "- - -"))

    def _html(self, _: int) -> str:
        before, after = self._dice.choice(
            (("<div>\n*", "*\n</div>"), ("<!-- ", " -->"), ("<b>", ""))
        )
        return before + self._word() + after

    def _fence(self, _: int) -> str:
        fence = self._dice.choice(("```", "~~~", "````"))
        lines = [
            f"{self._dice.choice(CODE)} {self._word()}" for _ in range(self._dice.randint(0, 8))
        ]
        closing = fence if self._dice.random() < 0.9 else ""
        return "\n".join([fence + self._dice.choice(("", "python", "json")), *lines, closing])

    def _list(self, depth: int) -> str:
        ordered = self._dice.random() < 0.5
        number = self._dice.choice((1, 1, 3, 42))
        apart = self._dice.choice(("\n", "\n\n"))
        items = []
        for position in range(self._dice.randint(1, 5)):
            mark = f"{number + position}. " if ordered else self._dice.choice(("- ", "* "))
            content = self._line() if self._dice.random() < 0.95 else ""
            if self._dice.random() < 0.3:
                content += f"\n\n{self._block(depth + 1)}"
            elif self._dice.random() < 0.3:
                content += f"\n{self._list(depth + 1)}" if depth < 5 else ""
            items.append(mark + content.replace("\n", "\n" + " " * len(mark)))
        return apart.join(items)

    def _quote(self, depth: int) -> str:
        inside = "\n\n".join(self._block(depth + 1) for _ in range(self._dice.randint(1, 2)))
        return "\n".join(f"> {line}" for line in inside.split("\n"))

    def _table(self, _: int) -> str:
        columns = self._dice.choice((1, 2, 2, 3, 3, 4, 5, 25))
        rule = (
            "|" + "|".join(self._dice.choice(("---", ":-:", "--:")) for _ in range(columns)) + "|"
        )
        header = self._row(columns)
        body = [self._row(columns) for _ in range(self._dice.choice((0, 1, 2, 3, 4, 4, 8, 120)))]
        return "\n".join([header, rule, *body])

    def _row(self, columns: int) -> str:
        return "| " + " | ".join(self._cell() for _ in range(columns)) + " |"

    def _cell(self) -> str:
        return self._dice.choice(("", self._dice.choice(SCRIPTS), "`x`", "**b**")) + self._word()

    def _line(self) -> str:
        return " ".join(self._some(self._span, 12))

    def _span(self) -> str:
        return self._dice.choice(
            (
                self._word,
                self._word,
                self._word,
                lambda: f"**{self._word()}**",
                lambda: f"*{self._word()} _{self._word()}_*",
                lambda: f"~~{self._word()}~~",
                lambda: f"`{self._dice.choice(CODE).strip()} {self._word()}`",
                lambda: f"[{self._word()}](https://a.example/?a=1&b={self._dice.randint(0, 9)})",
                lambda: f"[{self._word()} bank.example](https://evil.example/x)",
                lambda: f"![{self._word()}](https://a.example/p.png)",
                lambda: "https://a.example/x_y?q=1&r=2.",
                lambda: "<https://b.example/>",
                lambda: f"\\*{self._word()}\\*",
                lambda: self._dice.choice(HOSTILE),
                lambda: self._dice.choice(ENTITIES),
                lambda: self._dice.choice(SCRIPTS),
                lambda: self._word() + "x" * self._dice.choice((10, 50, 100, 100, 4000)),
                lambda: self._dice.choice(SCRIPTS) * self._dice.choice((3, 60)) + self._word(),
            )
        )()
