/** States with runs in them, and what a run holds as one value that can be compared. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RunReader, RunWriter, Store } from "../../src/store/contract.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { action, allEvents, decision, event, runRow, startedAtMs, turn } from "./builders.ts";

export interface Filling {
  readonly turns?: number;
  /** Size of the large output, which stands in a file; 0 for none. */
  readonly largeBytes?: number;
  readonly ended?: boolean;
  readonly payload?: string;
}

/** A run of `turns` turns with actions, decisions, signals, outputs and sealed evidence. Its writer is open. */
export async function fillRun(
  scopeRoot: string,
  store: Store,
  id: string,
  filling: Filling = {},
): Promise<RunWriter> {
  const { turns = 12, largeBytes = 40_000, ended = true, payload = "x".repeat(300) } = filling;
  const writer = await store.createRun(runRow(id), thisProcess(), Date.now());
  await store.sendSignal(id, {
    id: "s1",
    name: "go",
    payload: '{"a":1}',
    sentAtMs: startedAtMs,
    sender: "me@here",
  });
  for (let number = 1; number <= turns; number += 1) {
    const small = await writer.artifacts.put(Buffer.from(`output ${number} of ${id}`));
    const seq = number * 2 - 1;
    await writer.commit(
      turn({
        events: [
          event(seq, "runtime.action.started", { number, payload }),
          event(seq + 1, "runtime.action.completed", { number, output: small.sha256 }),
        ],
        actions: [
          action(`action-${number}`, "succeeded", {
            seq: seq + 1,
            outputSha256: small.sha256,
            nodeId: `node-${number}`,
          }),
        ],
        decisions: [decision({ seq, context: JSON.stringify({ number, payload }) })],
        ...(number === 2 ? { signals: [{ id: "s1", seq }] } : {}),
      }),
    );
  }
  if (largeBytes > 0) {
    const large = await writer.artifacts.put(Buffer.alloc(largeBytes, `large of ${id} `));
    await writer.commit(
      turn({ actions: [action("large", "succeeded", { seq: 1, outputSha256: large.sha256 })] }),
    );
  }
  const files = ["events.json", "evidence/audit.jsonl"].map((name) => {
    const bytes = Buffer.from(`${name} of ${id} `.repeat(50));
    const path = join(scopeRoot, ".akc", "runtime", "run-1", id, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    return {
      name,
      sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
      sizeBytes: bytes.byteLength,
    };
  });
  const end = { status: "terminal", outcome: "succeeded", finishedAtMs: startedAtMs + 1_000 } as const;
  await writer.commit(turn({ ...(ended ? { run: end } : {}), evidence: { seq: turns * 2, files } }));
  return writer;
}

/** Runs that have ended, in a state that nobody holds open. */
export async function fillState(
  scopeRoot: string,
  ids: readonly string[],
  filling: Filling = {},
): Promise<void> {
  const store = await openStore(scopeRoot);
  for (const id of ids) await (await fillRun(scopeRoot, store, id, filling)).close();
  await store.close();
}

/** Everything that a reader says of a run, artifacts included; one that cannot be read is told by its error. */
export async function contentOfRun(reader: RunReader) {
  const actions = await reader.actions();
  const outputs = [];
  for (const { outputSha256 } of actions) {
    if (outputSha256 === null) continue;
    const read = reader.artifacts.read(outputSha256).then((bytes) => Buffer.from(bytes).toString("base64"));
    outputs.push(await read.catch((cause: unknown) => String(cause)));
  }
  return {
    run: await reader.run(),
    events: await allEvents(reader),
    actions,
    decisions: await reader.decisions(0, 1_000_000),
    signals: await reader.signals(),
    evidence: await reader.evidenceFiles(),
    outputs,
  };
}

export async function contentOfState(scopeRoot: string) {
  const store = await openStore(scopeRoot, { create: false });
  const runs = new Map<string, Awaited<ReturnType<typeof contentOfRun>>>();
  for (const row of await store.listRuns()) {
    const reader = await store.openRun(row.context.runtimeRunId);
    runs.set(row.context.runtimeRunId, await contentOfRun(reader));
    await reader.close();
  }
  await store.close();
  return runs;
}
