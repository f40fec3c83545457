/** What reconciling prints for programs is a contract: every key of it stands in docs/json-output.md. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { root } from "./akc.ts";
import { deploying, inShop, standing } from "./services.ts";

test("every key of a reconciliation, its plan, its statuses and its rollouts is documented", () =>
  inShop(async (shop) => {
    await shop.start(
      await shop.write("v1", deploying([standing("db", 1), standing("web", 1)])),
      ...named("r1"),
    );
    const second = deploying([standing("web", 2, { needs: [] })]);
    const shown = [await shop.start(await shop.write("v2", second), ...named("r2"))];
    for (const command of [
      ["runtime", "reconcile", "r1", "--dry-run"],
      ["runtime", "reconcile", "r1", "--apply"],
      ["runtime", "reconcile", "r1", "--apply", "--watch", "--watch-max-iterations", "1"],
      ["runtime", "replay", "r1", "--mode", "reconcile_replay"],
      ["rollout", "status"],
      ["rollout", "list"],
      ["rollout", "undo"],
      ["lease", "list"],
    ]) {
      shown.push(await shop.akc(...command));
    }
    const page = await Bun.file(join(root, "docs/json-output.md")).text();
    const words = new Set(page.match(/[a-z_0-9]+/g));
    const keys = shown.flatMap(({ report }) => keysOf(report));
    expect(keys).toEqual(expect.arrayContaining(["diff", "plan_id", "phases", "observed_hash"]));
    expect([...new Set(keys)].filter((key) => !words.has(key))).toEqual([]);
  }));

function named(run: string): readonly string[] {
  return ["--runtime-run-id", run];
}

/** Of what is said, not of what a bundle says: those below a field's value are anybody's. */
function keysOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    anybodys.has(key) ? [key] : [key, ...keysOf(inner)],
  );
}

const anybodys: ReadonlySet<string> = new Set(["from", "to", "units", "payload", "counts"]);
