/** Several controllers on the same scopes, killed and stopped at any moment: never two writers, and always one soon. */
import { expect, test } from "bun:test";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { mill, outputs, shop } from "./memory-world.ts";

const ttlMs = 600;

test.each(["sqlite", "filesystem"])(
  "%s: whichever of three is killed or stopped at whatever moment, one writes, under a token that only grows, and nothing that was told is lost",
  async (backend) => {
    using place = outputs();
    await (await openAutopilotStore(place.root)).close();
    const all: Controller[] = [];
    const start = () => {
      const one = controllerOf(place.root, backend, `c${all.length}`);
      all.push(one);
      return one;
    };
    try {
      const live = [start(), start(), start()];
      await Promise.all(live.map(({ ready }) => ready));
      await waitUntil(() => live.some((one) => one.lastToken() > 0));
      for (let round = 0; round < 4; round += 1) {
        await Bun.sleep(Math.random() * 500);
        const [writer, ...others] = live.toSorted((one, other) => other.lastToken() - one.lastToken());
        if (writer === undefined) throw new Error("nobody is there");
        const another = () => live.some((one) => one !== writer && one.lastToken() > writer.lastToken());
        if (round % 2 === 0) {
          // One that is stopped inside a transaction, or with a lock in its hand, keeps all of them waiting until it goes on.
          writer.child.kill("SIGSTOP");
          await until(another, 3 * ttlMs);
          writer.child.kill("SIGCONT");
        } else {
          writer.child.kill("SIGKILL");
          await writer.child.exited;
          live.splice(0, live.length, ...others, start());
          await waitUntil(another);
        }
      }
      await Promise.all(live.map((one) => one.end()));
    } finally {
      for (const { child } of all) child.kill("SIGKILL");
    }
    const store = await openAutopilotStore(place.root);
    expect(await store.verify()).toEqual([]);
    for (const scope of [shop, mill]) {
      const entries = await store.entries(scope, 0, 1_000_000);
      expect(entries.length).toBeGreaterThan(20);
      const tokens = entries.map(({ token }) => token);
      expect(tokens).toEqual(tokens.toSorted((one, other) => one - other));
      // A token is one writer's.
      expect(new Set(entries.map(({ token, writer }) => `${token} ${writer}`)).size).toBe(
        new Set(tokens).size,
      );
      expect(new Set(tokens).size).toBeGreaterThanOrEqual(scope === shop ? 3 : 1);
      const there = new Map(entries.map(({ seq, token }) => [seq, token]));
      const told = all.flatMap((one) => one.told()).filter(({ repoId }) => repoId === scope.repoId);
      expect(told.length).toBeGreaterThan(20);
      expect(told.filter(({ seq, token }) => there.get(seq) !== token)).toEqual([]);
    }
    await store.close();
  },
  60_000,
);

interface Told {
  readonly repoId: string;
  readonly seq: number;
  readonly token: number;
}

type Controller = ReturnType<typeof controllerOf>;

function controllerOf(root: string, backend: string, id: string) {
  const script = `${import.meta.dir}/controller.child.ts`;
  const child = Bun.spawn([process.execPath, script, root, backend, id, String(ttlMs), "shop,mill"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const told: Told[] = [];
  const begun = Promise.withResolvers<void>();
  const reading = (async () => {
    let text = "";
    for await (const chunk of child.stdout) {
      text += new TextDecoder().decode(chunk);
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "ready") begun.resolve();
        const [, repoId = "", seq, token] = /^(\w+) (\d+) (\d+)$/.exec(line) ?? [];
        if (repoId !== "") told.push({ repoId, seq: Number(seq), token: Number(token) });
      }
    }
  })();
  return {
    id,
    child,
    ready: begun.promise,
    told: () => told,
    /** Of what it wrote last. */
    lastToken: () => told.findLast(({ repoId }) => repoId === "shop")?.token ?? 0,
    async end() {
      child.kill("SIGCONT");
      await child.stdin.end();
      expect(await child.exited).toBe(0);
      await reading;
    },
  };
}

/** Whether it came to be so in time. */
async function until(isSo: () => boolean, ms: number): Promise<boolean> {
  for (let waitedMs = 0; !isSo() && waitedMs < ms; waitedMs += 10) await Bun.sleep(10);
  return isSo();
}

async function waitUntil(isSo: () => boolean): Promise<void> {
  if (!(await until(isSo, 30_000))) throw new Error("nobody took over");
}
