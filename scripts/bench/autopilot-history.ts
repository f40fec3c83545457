/** A memory of the autopilot as it is after months: many scopes, each with many facts of what came and was settled. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fact, ScopeId } from "../../src/autopilot/model.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";

export interface HistoryWorld extends AsyncDisposable {
  readonly outputsRoot: string;
  readonly scopes: readonly ScopeId[];
  /** Of all of them together. */
  readonly facts: number;
}

/** @param perScope facts of each, over 90 days */
export async function monthsOfHistory(count: number, perScope: number): Promise<HistoryWorld> {
  const outputsRoot = mkdtempSync(join(tmpdir(), "akc-bench-history-"));
  const scopes = Array.from({ length: count }, (_, at) => ({
    tenantId: "bench",
    repoId: `repo-${String(at).padStart(4, "0")}`,
  }));
  const store = await openAutopilotStore(outputsRoot);
  const everyMs = (90 * 86_400_000) / perScope;
  const startMs = Date.now() - 90 * 86_400_000;
  const part = 50;
  for (const scope of scopes) {
    const fence = await store.raiseFence(scope, "bench", startMs);
    for (let at = 0; at < perScope; at += part) {
      const facts = Array.from({ length: part / 2 }, (_, pair) =>
        pairOf(`${scope.repoId}-${at + pair}`, startMs),
      );
      await store.append(scope, facts.flat(), fence, { nowMs: startMs + Math.floor(at * everyMs) });
    }
  }
  await store.close();
  return {
    outputsRoot,
    scopes,
    facts: count * perScope,
    async [Symbol.asyncDispose]() {
      rmSync(outputsRoot, { recursive: true, force: true });
    },
  };
}

function pairOf(id: string, atMs: number): readonly Fact[] {
  const trigger = {
    id,
    key: `webhook:${id}`,
    reason: "asked for from outside",
    atMs,
    details: { webhook_id: id },
  };
  return [
    { type: "triggered", trigger: { ...trigger, kind: "webhook", severity: "med" } },
    { type: "triggers_settled", triggerIds: [id], by: "gone" },
  ];
}
