// One message.
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { blockNodes } from "../kit/blocks.js";
import { Surface } from "../kit/surface.js";
import { menuButton } from "../overlay/menu.js";
import { openFile, fileAddress, isImage } from "../overlay/viewer.js";
import { mrkdwn, mrkdwnInline } from "../text/mrkdwn.js";
import { dayKey, fullTimeOf, nearTime, timeOf } from "../time.js";
import { avatar } from "./avatar.js";

const SURFACES = new Map();
const GROUP_SECONDS = 300;

/** Whether a message is shown without its own header, as a continuation of the previous one. */
export function continues(message, before, names) {
  if (
    !before ||
    before.ephemeral ||
    message.ephemeral ||
    message.broadcast ||
    message.subtype ||
    before.subtype
  )
    return false;
  if (message.blocks?.some((block) => block.type !== "rich_text")) return false;
  return (
    names.author(message).key === names.author(before).key &&
    Number(message.ts) - Number(before.ts) < GROUP_SECONDS &&
    dayKey(message.ts) === dayKey(before.ts)
  );
}

/** `place` is `{inThread, compact, openThread(ts)}`. */
export function messageNode(message, model, place) {
  const { names } = model;
  const author = names.author(message);
  const classes = ["message"];
  if (place.compact) classes.push("message-compact");
  if (message.ephemeral) classes.push("message-ephemeral");
  if (!message.ephemeral && names.mentionsMe(message.text)) classes.push("message-for-me");
  const node = h("article", {
    class: classes.join(" "),
    tabindex: -1,
    "aria-label": `${author.name}, ${nearTime(message.ts)}`,
    data: {
      testid: "message",
      ts: message.ts,
      user: message.user ?? "",
      ephemeral: String(Boolean(message.ephemeral)),
    },
  });
  node.append(
    place.compact
      ? h("div", { class: "gutter" }, timeNode(message.ts))
      : h("div", { class: "gutter" }, avatar(author)),
  );
  const body = h("div", { class: "message-body" });
  if (message.ephemeral) body.append(onlyYou(message, model));
  if (!place.compact) body.append(head(message, author));
  if (message.broadcast && !place.inThread) body.append(repliedTo(message, model, place));
  body.append(content(message, model));
  if (message.files?.length)
    body.append(
      h(
        "div",
        { class: "files" },
        message.files.map((file) => fileCard(file, names)),
      ),
    );
  if (!place.inThread && message.reply_count > 0) body.append(threadSummary(message, model, place));
  node.append(body);
  if (!message.ephemeral) node.append(tools(message, model, place));
  return node;
}

function timeNode(ts) {
  return h(
    "time",
    {
      class: "message-time",
      datetime: new Date(Number(ts) * 1000).toISOString(),
      title: fullTimeOf(ts),
    },
    timeOf(ts),
  );
}

function head(message, author) {
  return h(
    "div",
    { class: "message-head" },
    h("span", { class: "message-author" }, author.name),
    author.isApp ? h("span", { class: "badge" }, "APP") : null,
    author.membership ? h("span", { class: "badge badge-guest" }, author.membership) : null,
    timeNode(message.ts),
  );
}

function onlyYou(message, model) {
  return h(
    "div",
    { class: "only-you" },
    icon("eye", { size: 14 }),
    h("span", {}, "Only visible to you"),
    h(
      "button",
      { type: "button", class: "link-button", on: { click: () => model.dismiss(message) } },
      "Dismiss",
    ),
  );
}

function repliedTo(message, model, place) {
  const root = model.conversations.messages(message.channel).find((other) => other.ts === message.thread_ts);
  const open = () => place.openThread(message.thread_ts);
  const label = root?.text ? clip(root.text, 60) : "a thread";
  return h(
    "div",
    { class: "replied-to" },
    "replied to a thread: ",
    h(
      "button",
      { type: "button", class: "link-button", on: { click: open } },
      root?.text ? mrkdwnInline(label.replace(/\n/g, " "), model.names) : label,
    ),
  );
}

function clip(text, most) {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most).join("").trimEnd()}…` : text;
}

function content(message, model) {
  const node = h("div", { class: "message-content" });
  if (message.subtype === "tombstone") {
    node.append(h("em", { class: "muted" }, "This message was deleted."));
  } else if (message.blocks?.length) {
    node.append(
      h("div", { class: "blocks" }, blockNodes(message.blocks, surfaceOf(message, model))),
    );
  } else if (message.text) {
    const isSystem =
      message.subtype &&
      message.subtype !== "bot_message" &&
      message.subtype !== "thread_broadcast" &&
      message.subtype !== "file_share";
    node.append(
      h("div", { class: isSystem ? "prose muted" : "prose" }, mrkdwn(message.text, model.names)),
    );
  }
  if (message.edited) node.append(h("span", { class: "edited" }, "(edited)"));
  return node;
}

/** Surfaces outlive re-renders, so that unsent input is kept. */
function surfaceOf(message, model) {
  const key = `${model.me}:${message.channel}:${message.ts}`;
  if (!SURFACES.has(key))
    SURFACES.set(
      key,
      new Surface({ names: model.names, send: () => Promise.resolve({ ok: false }) }),
    );
  const surface = SURFACES.get(key);
  surface.names = model.names;
  surface.keepOnly(new Set(message.blocks.map((block) => block.block_id)));
  surface.send = (interaction) =>
    model.send(
      "/page/interact",
      {
        container: "message",
        channel: message.channel,
        message_ts: message.ts,
        thread_ts: message.thread_ts,
        ephemeral: Boolean(message.ephemeral),
        ...interaction,
      },
      {
        channel: message.channel,
        thread: message.thread_ts && message.thread_ts !== message.ts ? message.thread_ts : null,
      },
    );
  return surface;
}

function threadSummary(message, model, place) {
  const count = message.reply_count;
  const people = (message.reply_users ?? [])
    .slice(0, 3)
    .map((id) => avatar(model.names.author({ user: id }), "small"));
  const fresh = model.freshThreads.has(message.ts);
  return h(
    "button",
    {
      type: "button",
      class: fresh ? "thread-summary thread-fresh" : "thread-summary",
      data: { testid: "thread-summary", focusKey: `thread/${message.ts}` },
      on: { click: () => place.openThread(message.ts) },
    },
    h("span", { class: "thread-people", "aria-hidden": "true" }, people),
    h("span", { class: "thread-count" }, count === 1 ? "1 reply" : `${count} replies`),
    message.latest_reply
      ? h("span", { class: "thread-latest" }, ` · last reply ${nearTime(message.latest_reply)}`)
      : null,
    fresh ? h("span", { class: "thread-new" }, "new") : null,
  );
}

function tools(message, model, place) {
  const shortcuts = (model.state.bot.shortcuts ?? []).filter(({ type }) => type === "message");
  if (place.inThread && shortcuts.length === 0) return "";
  return h(
    "div",
    { class: "message-tools" },
    place.inThread ? null : replyButton(message, place),
    shortcuts.length > 0 ? moreActions(message, model, shortcuts) : null,
  );
}

function replyButton(message, place) {
  return h(
    "button",
    {
      type: "button",
      class: "tool",
      "aria-label": "Reply in thread",
      title: "Reply in thread",
      on: { click: () => place.openThread(message.thread_ts ?? message.ts) },
    },
    icon("reply", { size: 18 }),
  );
}

/** The menu with the app's message shortcuts. */
function moreActions(message, model, shortcuts) {
  const { channel, ts, thread_ts: thread } = message;
  const place = { channel, thread: thread && thread !== ts ? thread : null };
  const button = h(
    "button",
    { type: "button", class: "tool", "aria-label": "Message shortcuts", title: "Message shortcuts" },
    icon("more", { size: 18 }),
  );
  const items = () =>
    shortcuts.map(({ name, callback_id }) => ({
      label: name,
      choose: () =>
        void model.send("/page/shortcut", { channel, message_ts: ts, callback_id }, place),
    }));
  return menuButton(button, items, { testid: "message-menu" });
}

function sizeWords(bytes) {
  if (!bytes) return "";
  return bytes < 1024
    ? `${bytes} bytes`
    : bytes < 1048576
      ? `${Math.round(bytes / 1024)} KB`
      : `${(bytes / 1048576).toFixed(1)} MB`;
}

function preview(file, title) {
  if (isImage(file))
    return h("img", { class: "file-image", src: fileAddress(file), alt: title, loading: "lazy" });
  return file.preview ? h("pre", { class: "file-preview" }, file.preview) : null;
}

function fileCard(file, names) {
  const title = file.title || file.name;
  return h(
    "section",
    { class: "file", "aria-label": `File ${title}`, data: { testid: "file", file: file.id } },
    h(
      "div",
      { class: "file-head" },
      h("span", { class: "file-icon" }, icon("file", { size: 22 })),
      h(
        "span",
        { class: "file-name" },
        h("strong", {}, title),
        h(
          "span",
          { class: "muted" },
          [file.name !== title ? file.name : null, sizeWords(file.size)]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
      h(
        "button",
        { type: "button", class: "button", on: { click: () => openFile(file, names) } },
        "Open",
      ),
      h(
        "a",
        {
          class: "button button-icon",
          href: fileAddress(file, { download: true }),
          download: file.name,
          "aria-label": `Download ${title}`,
          title: "Download",
        },
        icon("download", { size: 18 }),
      ),
    ),
    preview(file, title),
  );
}
