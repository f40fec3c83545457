/**
 * What a check of the kit is: a name, and a function that is silent, skips, or says what is wrong.
 * Knows nothing of plugins.
 */
import type { Json } from "../protocol.ts";

export interface Row {
  readonly check: string;
  readonly verdict: "pass" | "fail" | "skip";
  /** Why it failed or was skipped; a remark where it passed; empty when there is nothing to say. */
  readonly why: string;
  readonly ms: number;
}

export interface Check<Context> {
  readonly name: string;
  /** @returns a remark, or nothing. @throws Broken, Skipped */
  run(context: Context): Promise<string | undefined>;
}

/** The plugin does not keep to the protocol. */
export class Broken extends Error {
  override readonly name = "Broken";
}

/** There is nothing to try it with. */
export class Skipped extends Error {
  override readonly name = "Skipped";
}

export async function runCheck<Context>(check: Check<Context>, context: Context): Promise<Row> {
  const startMs = performance.now();
  const row = (verdict: Row["verdict"], why: string): Row => ({
    check: check.name,
    verdict,
    why,
    ms: Math.round((performance.now() - startMs) * 10) / 10,
  });
  try {
    return row("pass", (await check.run(context)) ?? "");
  } catch (cause) {
    if (cause instanceof Skipped) return row("skip", cause.message);
    return row("fail", cause instanceof Error ? cause.message : String(cause));
  }
}

/** @throws Broken unless `actual` holds all of `expected`: maps may hold more, everything else is equal. */
export function mustHold(actual: Json | undefined, expected: Json | undefined, place: string): void {
  if (expected === undefined) return;
  if (isRecord(expected) && isRecord(actual)) {
    for (const [key, value] of Object.entries(expected)) mustHold(actual[key], value, `${place}.${key}`);
    return;
  }
  if (canonical(actual) !== canonical(expected)) {
    throw new Broken(`${place} is ${brief(actual)}, expected ${brief(expected)}`);
  }
}

export function equal(one: Json | undefined, other: Json | undefined): boolean {
  return canonical(one) === canonical(other);
}

/** Short enough for a line of a table. */
export function brief(value: unknown): string {
  const text = value === undefined ? "absent" : (JSON.stringify(value) ?? String(value));
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function isRecord(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function canonical(value: Json | undefined): string {
  return (
    JSON.stringify(value, (_key, inner: Json) =>
      isRecord(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? "absent"
  );
}
