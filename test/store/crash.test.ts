import { expect, test } from "bun:test";
import { openStore } from "../../src/store/sqlite/open.ts";
import { allEvents, chainHolds, codeOf, elsewhere, runRow, scope } from "./builders.ts";

test("whenever the process is killed, whole turns are there: all that were reported, and at most one more", async () => {
  using place = scope();
  for (let round = 0; round < 12; round += 1) {
    const id = `run-${round}`;
    const child = Bun.spawn([process.execPath, `${import.meta.dir}/writing.child.ts`, place.scopeRoot, id], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const reported = await linesUntilKilled(child, 1 + round * 7, round % 4);
    const store = await openStore(place.scopeRoot);
    const reader = await store.openRun(id);
    const events = await allEvents(reader);
    expect(chainHolds(events, await reader.run())).toBe(true);
    expect(events.length % 20).toBe(0);
    expect(events.length).toBeGreaterThanOrEqual(reported);
    expect(events.length).toBeLessThanOrEqual(reported + 20);
    const decisions = await reader.decisions(0, 1_000_000);
    expect(decisions.map((row) => row.seq)).toEqual(events.map((stored) => stored.seq));
    const actions = await reader.actions();
    expect(actions.map((row) => row.seq).toSorted((a, b) => a - b)).toEqual(
      events.map((stored) => stored.seq),
    );
    for (const row of actions.filter((candidate) => candidate.seq % 20 === 0)) {
      expect((await reader.artifacts.read(row.outputSha256 ?? "")).byteLength).toBeGreaterThan(0);
    }
    expect((await reader.run()).outcome).toBeNull();
    await reader.close();
    await store.close();
  }
});

test("a run whose process was killed is not taken for a live one, on this host at once, on another when the lease is over", async () => {
  using place = scope();
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/writing.child.ts`, place.scopeRoot, "r"], {
    stdout: "pipe",
    stderr: "inherit",
  });
  await linesUntilKilled(child, 1, 0);
  const store = await openStore(place.scopeRoot);
  const { thisProcess } = await import("../../src/store/sqlite/holder.ts");
  expect(await codeOf(() => store.createRun(runRow("r"), thisProcess(), Date.now()))).toBe("RUN_EXISTS");
  expect(await codeOf(() => store.createRun(runRow("r"), elsewhere, Date.now()))).toBe("LEASE_HELD");
  expect(await codeOf(() => store.createRun(runRow("r"), elsewhere, Date.now() + 16_000))).toBe("RUN_EXISTS");
  await store.close();
});

/** Kills the child once it has reported `count` turns, `moreMs` later; answers the last event it reported. */
async function linesUntilKilled(
  child: Bun.Subprocess<"ignore", "pipe", "inherit">,
  count: number,
  moreMs: number,
): Promise<number> {
  let text = "";
  const decoder = new TextDecoder();
  let killed = false;
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (killed || text.split("\n").length <= count) continue;
    killed = true;
    setTimeout(() => child.kill("SIGKILL"), moreMs);
  }
  await child.exited;
  return Number(text.trimEnd().split("\n").at(-1));
}
