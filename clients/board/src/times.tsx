import { useSyncExternalStore, type ReactNode } from "react";

const UNITS = [
  ["year", 31_536_000_000],
  ["month", 2_592_000_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const SHORT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function relative(at: number, now: number): string {
  const difference = at - now;
  const unit = UNITS.find(([, length]) => Math.abs(difference) >= length);
  if (unit === undefined) return difference > 0 ? "in less than a minute" : "just now";
  return RELATIVE.format(Math.trunc(difference / unit[1]), unit[0]);
}

/** A moment as people say it; the exact one appears when somebody points at it. */
export function Time({ at, exact = false }: { at: string; exact?: boolean }): ReactNode {
  const now = useNow();
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return at;
  return (
    <time dateTime={at} title={EXACT.format(moment)}>
      {exact ? SHORT.format(moment) : relative(moment.getTime(), now)}
    </time>
  );
}

/** How long something took, in the two largest units. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

let now = Date.now();

const subscribe = (changed: () => void): (() => void) => {
  now = Date.now();
  const timer = setInterval(() => {
    now = Date.now();
    changed();
  }, 15_000);
  return () => clearInterval(timer);
};

export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
