// A table that scrolls sideways inside its message.
import { h } from "../dom.js";

/** `head` is a row of cells; a cell is a list of nodes. */
export function dataTable(head, body, aligns = []) {
  const row = (cells, tag) =>
    h(
      "tr",
      {},
      cells.map((cell, index) =>
        h(
          tag,
          { class: `align-${aligns[index] ?? "left"}`, scope: tag === "th" ? "col" : null },
          cell,
        ),
      ),
    );
  return h(
    "div",
    { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Table" },
    h(
      "table",
      {},
      head === null ? null : h("thead", {}, row(head, "th")),
      h(
        "tbody",
        {},
        body.map((cells) => row(cells, "td")),
      ),
    ),
  );
}
