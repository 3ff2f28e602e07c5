// Dates and times in the reader's locale and time zone.
const DAY = 86_400_000;

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const clockSeconds = new Intl.DateTimeFormat(undefined, {
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
});
const shortDate = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  year: "numeric",
});
const longDate = new Intl.DateTimeFormat(undefined, {
  month: "long",
  day: "numeric",
  year: "numeric",
});
const fullDate = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  month: "long",
  day: "numeric",
  year: "numeric",
});
const dayName = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  month: "long",
  day: "numeric",
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

const dateOf = (ts) => new Date(Number(ts) * 1000);
export const timeOf = (ts) => clock.format(dateOf(ts));
export const fullTimeOf = (ts) => full.format(dateOf(ts));
export const dayKey = (ts) => dateOf(ts).toDateString();

function daysFromToday(date) {
  const midnight = (moment) =>
    new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime();
  return Math.round((midnight(date) - midnight(new Date())) / DAY);
}

function nearDay(date) {
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[daysFromToday(date)] ?? null;
}

function capital(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

export function dayLabel(ts) {
  const date = dateOf(ts);
  const near = nearDay(date);
  return near === null ? dayName.format(date) : capital(near);
}

/** "10:24 AM" for today, "yesterday at 10:24 AM", or the date and the time. */
export function nearTime(ts) {
  const date = dateOf(ts);
  const near = nearDay(date);
  if (near === "today") return clock.format(date);
  return `${near ?? shortDate.format(date)} at ${clock.format(date)}`;
}

const TOKENS = {
  date_num: (date) => date.toISOString().slice(0, 10),
  date: (date) => longDate.format(date),
  date_short: (date) => shortDate.format(date),
  date_long: (date) => fullDate.format(date),
  date_pretty: (date) => nearDay(date) ?? longDate.format(date),
  date_short_pretty: (date) => nearDay(date) ?? shortDate.format(date),
  date_long_pretty: (date) => nearDay(date) ?? fullDate.format(date),
  day_divider_pretty: (date) => nearDay(date) ?? dayName.format(date),
  time: (date) => clock.format(date),
  time_secs: (date) => clockSeconds.format(date),
  ago: (date) => ago(date),
};

/** Slack's date formats: `{date_short_pretty} at {time}`. */
export function formatSlackDate(seconds, format) {
  const date = new Date(seconds * 1000);
  return format.replace(/\{(\w+)\}/g, (whole, name) => TOKENS[name]?.(date) ?? whole);
}

function ago(date) {
  const minutes = Math.round((date.getTime() - Date.now()) / 60_000);
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  if (Math.abs(minutes) < 60) return words.format(minutes, "minute");
  if (Math.abs(minutes) < 48 * 60) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / 1440), "day");
}
