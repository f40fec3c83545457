/** What an examination finds: one check, how it went, and what to do about it. Plain data. */

export const levels = ["ok", "warn", "fail"] as const;
export type Level = (typeof levels)[number];

export interface Finding {
  /** Which check: `lease`, `disk`, … */
  readonly check: string;
  readonly level: Level;
  /** One line for people. */
  readonly message: string;
  /** What to do; absent where all is well. */
  readonly fix?: string | undefined;
}

export function ok(check: string, message: string): Finding {
  return { check, level: "ok", message };
}

export function warn(check: string, message: string, fix: string): Finding {
  return { check, level: "warn", message, fix };
}

export function fail(check: string, message: string, fix: string): Finding {
  return { check, level: "fail", message, fix };
}

/** The worst of all. */
export function worst(findings: readonly Finding[]): Level {
  if (findings.some(({ level }) => level === "fail")) return "fail";
  return findings.some(({ level }) => level === "warn") ? "warn" : "ok";
}
