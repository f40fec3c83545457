/** A process is killed before every single statement of all that changes a run: the others find all of it or nothing. */
import { expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { openStore } from "../../src/store/sqlite/open.ts";
import { allEvents, chainHolds, elsewhere, event, runRow, scope, startedAtMs, turn } from "./builders.ts";
import { deploy, request, rollout, something } from "./deployed.ts";
import { deeds, laterMs } from "./dying.child.ts";
import { artifactFiles, contentsInFiles, tablesOf } from "./tables.ts";

test.each(Object.keys(deeds))(
  "%s is there whole or not at all, whichever statement the process is killed before",
  async (deed) => {
    using origin = scope();
    await prepare(origin.scopeRoot);
    const states: string[] = [];
    for (let done = false; !done; ) {
      using place = scope();
      cpSync(origin.scopeRoot, place.scopeRoot, { recursive: true });
      done = await dies(place.scopeRoot, deed, states.length + 1);
      states.push(rowsOf(place.scopeRoot));
      expectFiles(place.scopeRoot);
      await othersGoOn(place.scopeRoot);
    }
    const [before] = states;
    const after = states.at(-1);
    expect(after).not.toBe(before);
    expect(states.filter((state) => state !== before && state !== after)).toEqual([]);
    expect(states.length).toBeGreaterThan(1);
  },
  60_000,
);

/** A run whose holder is gone, with something in every table. */
async function prepare(scopeRoot: string): Promise<void> {
  const store = await openStore(scopeRoot);
  const writer = await store.createRun(runRow("r"), elsewhere, startedAtMs);
  await store.sendSignal("r", { id: "s", name: "go", payload: "1", sentAtMs: 1, sender: "me" });
  await writer.artifacts.put(new Uint8Array(20));
  await writer.artifacts.put(new Uint8Array(50_000));
  const files = [{ name: "a.json", sha256: "0".repeat(64), sizeBytes: 1 }];
  await writer.commit(turn({ events: [event(1, "a"), event(2, "b")], evidence: { seq: 2, files } }));
  await writer.holdScope(startedAtMs);
  // Of another run: this one is to be removed.
  await deploy(writer, { ...something, rollout: rollout("rollout-1", { runtimeRunId: "of-before" }) });
  await store.requestRollout(request("rollout-1", "pause"));
  await store.close();
}

/** Whether it came to its end before it had to die. */
async function dies(scopeRoot: string, deed: string, nth: number): Promise<boolean> {
  const script = `${import.meta.dir}/dying.child.ts`;
  const child = Bun.spawn([process.execPath, script, scopeRoot, deed, String(nth)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const said = await new Response(child.stdout).text();
  await child.exited;
  expect([said, child.signalCode]).toEqual(said === "done\n" ? ["done\n", null] : ["", "SIGKILL"]);
  return said === "done\n";
}

/** Notes of files to be removed are no part of what others see. */
function rowsOf(scopeRoot: string): string {
  const { dead_file: _, ...rows } = tablesOf(scopeRoot);
  return JSON.stringify(rows);
}

function expectFiles(scopeRoot: string): void {
  const files = artifactFiles(scopeRoot);
  for (const sha256 of contentsInFiles(scopeRoot)) expect(files).toContain(sha256);
}

/** The run goes on where it is, and can be removed with all that is its own. */
async function othersGoOn(scopeRoot: string): Promise<void> {
  const store = await openStore(scopeRoot);
  const atMs = laterMs + 60_000;
  const there = (await store.listRuns()).map((run) => run.context.runtimeRunId);
  for (const id of ["r", "q"]) {
    const writer = there.includes(id)
      ? await store.resumeRun(id, elsewhere, atMs)
      : await store.createRun(runRow(id), elsewhere, atMs);
    await writer.commit(turn({ events: [event(writer.lastSeq + 1, "c")] }));
    await writer.close();
    const reader = await store.openRun(id);
    expect(chainHolds(await allEvents(reader), await reader.run())).toBe(true);
    await reader.close();
    await store.deleteRun(id, elsewhere, atMs);
  }
  await store.close();
  const { artifact, artifact_ref: refs, dead_file: dead } = tablesOf(scopeRoot);
  expect([artifact, refs, dead]).toEqual([[], [], []]);
}
