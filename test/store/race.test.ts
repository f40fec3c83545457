import { expect, test } from "bun:test";
import { openStore } from "../../src/store/sqlite/open.ts";
import { elsewhere, runRow, scope, startedAtMs } from "./builders.ts";

/** A process that tries to make runs, one a line. */
function contender() {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/creating.child.ts`], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = linesOf(child.stdout);
  return {
    start: (scopeRoot: string, id: string) => {
      child.stdin.write(`${scopeRoot} ${id}\n`);
      return child.stdin.flush();
    },
    answer: async () => String((await lines.next()).value),
    end: async () => {
      await child.stdin.end();
      await child.exited;
    },
  };
}

test("of processes that make the same run at once exactly one succeeds, also when none has made the database yet", async () => {
  const contenders = [contender(), contender(), contender()];
  for (let race = 0; race < 50; race += 1) {
    // Every second race starts without a database: its making is part of what they race for.
    using place = scope("acme", `repo-${race}`);
    if (race % 2 === 1) await (await openStore(place.scopeRoot)).close();
    await Promise.all(contenders.map((one) => one.start(place.scopeRoot, "the-run")));
    const answers = await Promise.all(contenders.map((one) => one.answer()));
    expect(answers.toSorted()).toEqual(["LEASE_HELD", "LEASE_HELD", "made"]);
    const store = await openStore(place.scopeRoot);
    expect(await store.listRuns()).toHaveLength(1);
    await store.close();
  }
  await Promise.all(contenders.map((one) => one.end()));
});

test("a refusal names who holds the run, and until when", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  await store.createRun(runRow("r"), elsewhere, startedAtMs);
  const again = store.createRun(
    runRow("r"),
    { ...elsewhere, name: "third:9:z", host: "third" },
    startedAtMs + 1,
  );
  await expect(again).rejects.toMatchObject({
    code: "LEASE_HELD",
    exitCode: 5,
    message: expect.stringContaining("pid 1 on other"),
    details: { holder: elsewhere.name, host: "other", pid: 1, expiresAtMs: startedAtMs + 15_000 },
  });
  await store.close();
});

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n")) {
      yield text.slice(0, at);
      text = text.slice(at + 1);
    }
  }
}
