/**
 * How single values of the configuration are written: lengths of time, counts, paths, times of day, names. Schemas only; they know
 * neither where a value came from nor what it is for.
 */
import * as v from "valibot";
import { isIdentifier } from "../../bundle/identifier.ts";
import { limits } from "../../limits.ts";

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const lengthPattern = /^(?:[0-9]{1,12}(?:ms|s|m|h|d))+$/;

/** A length of time as people write it: `15s`, `10m`, `1h30m`, `7d`. Milliseconds, once read. */
export function lengthOfTime(minMs: number, maxMs: number = limits.autopilotDurationMsMax) {
  return v.pipe(
    v.string('must be a length of time with a unit, such as "15s", "10m" or "7d"'),
    v.regex(lengthPattern, 'must be a length of time with a unit, such as "15s", "10m" or "7d"'),
    v.transform(millisecondsOf),
    v.minValue(minMs, `must be at least ${lengthText(minMs)}`),
    v.maxValue(maxMs, `must be at most ${lengthText(maxMs)}`),
  );
}

function millisecondsOf(text: string): number {
  let totalMs = 0;
  for (const [, digits, unit] of text.matchAll(/([0-9]+)(ms|s|m|h|d)/g)) {
    for (const [name, factor] of Object.entries(unitMs))
      if (name === unit) totalMs += Number(digits) * factor;
  }
  return totalMs;
}

/** The way back: `90s` is `1m30s`. */
export function lengthText(ms: number): string {
  let rest = ms;
  let text = "";
  for (const [unit, factor] of Object.entries(unitMs).reverse()) {
    const count = Math.floor(rest / factor);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * factor;
  }
  return text === "" ? "0s" : text;
}

export function count(min: number, max: number) {
  return v.pipe(
    v.number("must be a whole number"),
    v.safeInteger("must be a whole number"),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );
}

export const Ratio = v.pipe(
  v.number("must be a number from 0 to 1"),
  v.minValue(0, "must be a number from 0 to 1"),
  v.maxValue(1, "must be a number from 0 to 1"),
);

export const Switch = v.boolean("must be true or false");

/** One line without control characters. */
export const Word = v.pipe(
  v.string("must be text"),
  v.regex(/^\P{Cc}+$/u, "must be one line of text and not empty"),
  v.maxLength(1_024, "must not be longer than 1024 characters"),
);

/** Relative ones are relative to the folder of the file. */
export const Path = v.pipe(
  v.string("must be a path"),
  v.regex(/^\P{Cc}+$/u, "must be a path without control characters, and not empty"),
  v.maxLength(4_096, "must not be longer than 4096 characters"),
);

/** What a systemd credential may be called (systemd.exec(5)); it never leads out of its folder. */
export const CredentialName = v.pipe(
  v.string("must be the name of a credential"),
  v.regex(
    /^(?!\.\.?$)[A-Za-z0-9._-]{1,255}$/,
    "must be the name of a credential: letters, digits, `.`, `_`, `-`",
  ),
);

/** Absolute, or below the scope's folder. */
export const SourcePath = v.pipe(
  Path,
  v.check((path) => !path.split("/").includes(".."), "must not hold `..`"),
);

export const Identifier = v.pipe(
  v.string("must be text"),
  v.check(
    isIdentifier,
    "must be 1 to 128 letters, digits, '.', '_' or '-', begin with a letter or digit, and not hold '..'",
  ),
);

/** A controller's or a lease's name; it becomes part of file names and of Kubernetes objects. */
export const LeaseName = v.pipe(
  v.string("must be text"),
  v.regex(
    /^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$/,
    "must be lower case letters, digits, `-` and `.`, as Kubernetes names objects",
  ),
);

export const ControllerId = v.pipe(
  v.string("must be text"),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "must be 1 to 128 letters, digits, '.', '_' or '-'"),
);

export const VariableName = v.pipe(
  v.string("must be text"),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "must be the name of an environment variable"),
);

export const Url = v.pipe(
  v.string("must be a URL"),
  v.regex(/^https?:\/\/\S+$/, "must be a URL that begins with http:// or https://"),
  v.check(isPlainUrl, "must be a URL without a user, a password and a fragment: secrets stand in files"),
);

function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.username === "" && url.password === "" && url.hash === "" && url.hostname !== "";
}

export const TimeZone = v.pipe(
  v.string("must be a time zone"),
  v.check(isTimeZone, "must be a time zone of the IANA list, such as Europe/Berlin or UTC"),
);

function isTimeZone(name: string): boolean {
  // Offsets such as +02:00 are known to some of those who will be asked, and to others not.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** Five fields. Nicknames such as `@daily` are not taken: what is written says when. */
export const Cron = v.pipe(
  v.string("must be five fields of cron"),
  v.check(isCron, 'must be five fields of cron that come about, such as "30 4 * * 1-5"'),
);

function isCron(text: string): boolean {
  if (text.trim().split(/\s+/).length !== 5) return false;
  try {
    return Bun.cron.parse(text, 0, { tz: "UTC" }) !== null;
  } catch {
    return false;
  }
}

const timeFault = 'must be a time of day such as "22:00"';

/** `22:00`; `24:00` is midnight. Minutes after midnight, below 1440, once read. */
export const TimeOfDay = v.pipe(
  v.string(timeFault),
  v.regex(/^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/, timeFault),
  v.transform((text) => (Number(text.slice(0, 2)) % 24) * 60 + Number(text.slice(3))),
);

/** The minute of a day as `TimeOfDay` takes it. */
export function timeOfDayText(minute: number): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

const momentFault = 'must be a moment with its offset, such as "2027-12-20T18:00:00Z"';

/** ISO 8601 with an offset: without one it would mean something else on every host. Milliseconds, once read. */
export const Moment = v.pipe(
  v.string(momentFault),
  v.regex(
    /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})$/,
    momentFault,
  ),
  v.check((text) => isCalendarDay(text.slice(0, 10)) && Number.isFinite(Date.parse(text)), momentFault),
  v.transform((text) => Date.parse(text)),
);

/** Engines make the 2nd of March of a 30th of February. */
function isCalendarDay(day: string): boolean {
  const atMs = Date.parse(`${day}T00:00:00Z`);
  return Number.isFinite(atMs) && new Date(atMs).toISOString().slice(0, 10) === day;
}

export const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

/** Permissions of a socket's file, in octal. */
export const FileMode = v.pipe(
  v.string('must be permissions in octal, such as "0660"'),
  v.regex(/^0[0-7]{3}$/, 'must be permissions in octal, such as "0660"'),
  v.transform((text) => Number.parseInt(text, 8)),
);

/** `127.0.0.1:9464`, `[::1]:9464`, `localhost:9464`: loopback alone, since nothing on it asks who is there. */
export const LoopbackAddress = v.pipe(
  v.string("must be a loopback address and a port"),
  v.regex(
    /^(?:127\.(?:[0-9]{1,3}\.){2}[0-9]{1,3}|localhost|\[::1\]):[0-9]{1,5}$/,
    "must be a loopback address and a port, such as 127.0.0.1:9464 or [::1]:9464",
  ),
  v.check(
    (text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65_535 && URL.canParse(`http://${text}`),
    "must be a loopback address and a port, such as 127.0.0.1:9464 or [::1]:9464",
  ),
  v.transform((text) => {
    const colon = text.lastIndexOf(":");
    return { host: text.slice(0, colon).replaceAll(/[[\]]/g, ""), port: Number(text.slice(colon + 1)) };
  }),
);
