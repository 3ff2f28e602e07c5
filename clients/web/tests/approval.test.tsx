import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import axe from "axe-core";
import { renderToString } from "react-dom/server";
import { afterEach, expect, test, vi } from "vitest";
import { CheckpointApproval, ProblemError, type Checkpoint } from "../src/index.js";
import { checkpoint } from "./samples.js";

afterEach(() => {
  cleanup();
  sessionStorage.clear();
});

const button = (name: string) => screen.getByRole("button", { name });
const feedback = () => screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Feedback" });
const refused = (detail: string) =>
  new ProblemError({ status: 403, title: "Forbidden", detail });

function show(changes: Partial<Checkpoint> = {}, output?: string) {
  const onSubmit = vi.fn<(...decision: unknown[]) => unknown>();
  const at = (more: Partial<Checkpoint>) => (
    <CheckpointApproval checkpoint={checkpoint(more, output)} onSubmit={onSubmit} />
  );
  const { rerender, container, unmount } = render(at(changes));
  return { onSubmit, container, unmount, change: (more: Partial<Checkpoint>) => rerender(at(more)) };
}

test("each button sends its action, the words and the hash of what was shown", async () => {
  const { onSubmit } = show();
  await userEvent.type(feedback(), "shorter, please");
  await userEvent.click(button("Revise"));
  await userEvent.click(button("Continue"));
  await userEvent.click(button("Skip"));
  expect(onSubmit.mock.calls).toEqual([
    ["revise", "shorter, please", { output_hash: "h1" }],
    ["continue", "", { output_hash: "h1" }],
    ["skip", "", { output_hash: "h1" }],
  ]);
});

test("a revision without words is not sent, and the field says what is missing", async () => {
  const { onSubmit } = show();
  await userEvent.click(button("Revise"));
  expect(onSubmit).not.toHaveBeenCalled();
  await waitFor(() => expect(document.activeElement).toBe(feedback()));
  expect(feedback().getAttribute("aria-invalid")).toBe("true");
  expect(screen.getByText("Write what should change.")).toBeTruthy();
});

test("Stop asks first: Escape leads back to it, and the second button stops", async () => {
  const { onSubmit } = show();
  await userEvent.click(button("Stop"));
  expect(document.activeElement).toBe(button("Go back"));
  await userEvent.keyboard("{Escape}");
  await waitFor(() => expect(document.activeElement).toBe(button("Stop")));
  await userEvent.keyboard("{Enter}");
  await userEvent.keyboard("{Tab}{Enter}");
  expect(onSubmit.mock.calls).toEqual([["stop", "", { output_hash: "h1" }]]);
});

test("while a decision is on its way there is no second one", async () => {
  const { onSubmit } = show();
  let answer = (): void => undefined;
  onSubmit.mockReturnValue(new Promise<void>((resolve) => (answer = resolve)));
  await userEvent.dblClick(button("Continue"));
  await userEvent.click(button("Skip"));
  expect(onSubmit).toHaveBeenCalledTimes(1);
  expect(button("Skip").getAttribute("aria-disabled")).toBe("true");
  expect(screen.getByRole("status").textContent).toBe("Sending your decision…");
  answer();
  await waitFor(() => expect(button("Skip").getAttribute("aria-disabled")).toBe("false"));
});

test("a refusal is an alert, and the words stay, also over a reload", async () => {
  const { onSubmit, unmount } = show();
  onSubmit.mockRejectedValue(refused("not allowed: guests may not decide it"));
  await userEvent.type(feedback(), "long thoughts");
  await userEvent.click(button("Revise"));
  expect((await screen.findByRole("alert")).textContent).toBe(
    "Nothing was decided: not allowed: guests may not decide it",
  );
  expect(feedback().value).toBe("long thoughts");
  unmount();
  show();
  expect(feedback().value).toBe("long thoughts");
});

test("a decision made elsewhere is shown, and typed words survive it and the next checkpoint", async () => {
  const { change, container } = show();
  await userEvent.type(feedback(), "my words");
  change({ status: "approved" });
  expect(screen.getByRole("status").textContent).toBe("This was continued elsewhere.");
  expect(screen.queryByRole("button")).toBeNull();
  expect(feedback()).toMatchObject({ value: "my words", readOnly: true });
  expect(document.activeElement).toBe(container.querySelector("h2"));
  change({ checkpoint_id: "c2", revision: 2 });
  expect(feedback().value).toBe("my words");
  expect(screen.getByRole("status").textContent).toContain("It is still here.");
});

test("only what a checkpoint offers has a button", () => {
  const { change } = show({ actions: ["continue", "stop"] });
  const names = () => screen.getAllByRole("button").map((each) => each.textContent);
  expect(names()).toEqual(["Continue", "Stop"]);
  change({ kind: "question", actions: ["stop", "continue", "skip"] });
  expect(names()).toEqual(["Continue", "Skip", "Stop"]);
  expect(screen.getByRole("textbox", { name: "Your answer" })).toBeTruthy();
});

test("an outcome and the form's values are needed to continue, and sent as their types", async () => {
  const field = { label: "", choices: [], min: null, max: null, required: true };
  const { onSubmit } = show({
    outcomes: ["publish", "hold"],
    form: [
      { ...field, name: "budget", label: "Budget", type: "number", min: 1, max: 10 },
      { ...field, name: "paid", label: "Paid", type: "yes_no" },
      { ...field, name: "place", label: "Place", type: "choice", choices: ["web", "print"] },
      { ...field, name: "note", label: "Note", type: "text", required: false },
    ],
  });
  await userEvent.type(screen.getByLabelText(/^Budget/), "11");
  await userEvent.click(button("Continue"));
  expect(onSubmit).not.toHaveBeenCalled();
  expect(screen.getByText("Choose an outcome to continue.")).toBeTruthy();
  expect(screen.getByText("Enter a number from 1 to 10.")).toBeTruthy();
  expect(screen.getAllByText("Enter a value.")).toHaveLength(2);

  await userEvent.click(screen.getByRole("radio", { name: "hold" }));
  await userEvent.clear(screen.getByLabelText(/^Budget/));
  await userEvent.type(screen.getByLabelText(/^Budget/), "2.5");
  await userEvent.selectOptions(screen.getByLabelText(/^Paid/), "No");
  await userEvent.selectOptions(screen.getByLabelText(/^Place/), "print");
  await userEvent.click(button("Continue"));
  const values = { budget: 2.5, paid: false, place: "print" };
  expect(onSubmit.mock.calls).toEqual([
    ["continue", "", { output_hash: "h1", outcome: "hold", values }],
  ]);
});

const HOSTILE = `
# Plan <script>alert(1)</script>
<img src=x onerror=alert(1)> <iframe src="https://evil.example"></iframe>
![logo](https://evil.example/pixel.png)
[bank.example](https://evil.example/login) [run](javascript:alert(1)) [data](data:text/html,x)
[home](/admin) [plain](https://plain.example) https://plain.example/path [mail](mailto:a@b.example)

| a | b |
|---|---|
| 1 | 2 |

- [x] done[^1]

[^1]: A footnote.

\`\`\`html
<b>code</b>
\`\`\`
`;

test("what a model wrote holds no HTML, loads nothing, and its links say where they go", () => {
  const { container } = show({}, HOSTILE);
  expect(container.querySelectorAll("script, img, iframe, [onerror]")).toHaveLength(0);
  const outside = [...container.querySelectorAll("a")].filter((a) => !a.hash);
  expect(outside.map((a) => a.getAttribute("href"))).toEqual([
    "https://evil.example/login",
    "https://plain.example/",
    "https://plain.example/path",
    "mailto:a@b.example",
  ]);
  for (const a of outside) expect(a.rel).toBe("noopener noreferrer nofollow");
  expect(container.textContent).toContain("bank.example (evil.example)");
  expect(container.textContent).toContain("[Image: logo]");
  expect(container.querySelector("code")?.textContent).toBe("<b>code</b>\n");
  expect(container.querySelector("h1")).toBeNull();
});

test("axe has no complaint about a checkpoint with everything in it", async () => {
  const task = (name: string) => ({ task: name, agent: "writer", output: HOSTILE });
  const { container } = show({
    context: {
      output: "Other",
      task_outputs: [task("plan"), { ...task("review"), structured: { ok: true } }],
      revision: 2,
      feedback: "shorter",
    },
    kind: "gate",
    outcomes: ["publish", "hold"],
    files: [{ path: "plan.md", size: 2048, kept: true, deleted: false }],
    deadline: "2030-01-01T10:00:00Z",
    on_timeout: "stop",
    form: [
      { name: "n", label: "Number", type: "number", required: true, choices: [], min: 1, max: null },
      { name: "d", label: "Day", type: "date", required: false, choices: [], min: null, max: null },
    ],
  });
  await userEvent.click(button("Continue"));
  for (const stopping of [false, true]) {
    if (stopping) await userEvent.click(button("Stop"));
    // jsdom lays nothing out, so colours are checked in a browser.
    const { violations } = await axe.run(container, { rules: { "color-contrast": { enabled: false } } });
    expect(violations.map((each) => `${each.id}: ${each.nodes[0]?.html}`)).toEqual([]);
  }
  const region = screen.getByRole("region", { name: "Read the plan" });
  expect(within(region).getByText(/then the run stops$/).querySelector("time")).toBeTruthy();
});

test("the texts can be those of another language", () => {
  render(
    <CheckpointApproval
      checkpoint={checkpoint()}
      onSubmit={() => undefined}
      labels={{ actions: { continue: "Weiter" }, feedback: "Rückmeldung" }}
    />,
  );
  expect(button("Weiter")).toBeTruthy();
  expect(button("Skip")).toBeTruthy();
  expect(screen.getByLabelText("Rückmeldung")).toBeTruthy();
});

test("a server renders it, with the deadline in UTC", () => {
  const html = renderToString(
    <CheckpointApproval
      checkpoint={checkpoint({ deadline: "2030-01-01T10:00:00Z" })}
      onSubmit={() => undefined}
    />,
  );
  expect(html).toContain(">2030-01-01 10:00 UTC</time>");
});
