/**
 * Kills akc at moments that nobody chose while it deploys: a first release, a good one, one that crashes and goes back. What is started
 * outlives it; whoever goes on finds it again. `AKC_CRASH=full` makes 60 stories of it; `AKC_CRASH_SEED` and `AKC_CRASH_STORY` have one again.
 */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { carefully, deploying, ended, inShop, type Shop, type Wanted } from "../e2e/services.ts";
import { type Chance, chanceOf } from "./chance.ts";

const full = process.env["AKC_CRASH"] === "full";
const seed = Number(process.env["AKC_CRASH_SEED"] ?? (full ? Date.now() % 1_000_000 : 20_261_122));
const storyCount = full ? 60 : 6;
const only = process.env["AKC_CRASH_STORY"];
const ids = ["db", "mail", "web"];
const kinds = ["a first release", "a good release", "a release that crashes"] as const;

function counted(version: number, crashes: boolean): readonly Wanted[] {
  return ids.map((id, index) => ({
    id,
    command: [
      "sh",
      "-c",
      `echo v${version} >>begun; ${crashes && id === "web" ? "exit 1" : `exec sleep ${named(version, index)}`}`,
    ],
    needs: id === "web" ? ["db", "mail"] : [],
    process: { restart: { policy: "never" } },
  }));
}

function named(version: number, index: number): number {
  return 70_000 + version * 10 + index;
}

function begun(shop: Shop, id: string, version: number): number {
  const path = join(shop.world.scope, ".akc/services", id, "work/begun");
  if (!existsSync(path)) return 0;
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line === `v${version}`).length;
}

/** @returns how often it was really killed */
async function tell(shop: Shop, kind: (typeof kinds)[number], chance: Chance): Promise<number> {
  if (kind !== "a first release") {
    const first = await shop.start(await shop.write("v1", deploying(counted(1, false))));
    expect(first.report).toMatchObject({ converged: true });
  }
  const crashes = kind === "a release that crashes";
  const path = await shop.write(
    "v2",
    deploying(counted(2, crashes), crashes ? { runtime_rollout: carefully } : {}),
  );
  const begin = () => shop.begin(path, "--runtime-run-id", "r2");
  let deaths = 0;
  for (let kill = chance.between(1, 3); kill > 0; kill -= 1) {
    const live = begin();
    const after = chance.between(20, 900);
    const way = await Promise.race([Bun.sleep(after).then(() => "due"), live.ended.then(() => "over")]);
    live.kill("SIGKILL");
    await live.ended;
    if (way === "over") break;
    deaths += 1;
  }
  const last = await ended(begin());
  // The one before may have come to its end just so.
  if (last.report["code"] !== "RUN_EXISTS") {
    expect({ code: last.code, stderr: last.stderr, ...last.report }).toMatchObject({
      ...{ code: 0, outcome: "succeeded" },
    });
    // Where only the evidence was missing nobody looked again.
    expect(last.report["converged"] ?? !crashes).toBe(!crashes);
  }
  const version = crashes ? 1 : 2;
  // A record that was being written when akc died; nobody reads it.
  for (const name of new Bun.Glob("**/*.tmp.*").scanSync({ cwd: shop.world.scope, dot: true })) {
    if (name.startsWith(".akc/services/")) rmSync(join(shop.world.scope, name));
  }
  await shop.expectRunning(ids.map((_, index) => `sleep ${named(version, index)}`));
  if (!crashes) for (const id of ids) expect({ id, begun: begun(shop, id, 2) }).toEqual({ id, begun: 1 });
  const { report } = await shop.akc("rollout", "status");
  expect(report["phase"]).toBe(crashes ? "rolled_back" : "completed");
  expect((await shop.akc("runtime", "verify", "r2")).report).toMatchObject({ verdict: "verified" });
  return deaths;
}

test(
  `no moment to die is a bad one for what is deployed (seed ${seed})`,
  async () => {
    let deaths = 0;
    const failures: string[] = [];
    const open = Array.from({ length: storyCount }, (_, index) => index).filter(
      (index) => only === undefined || index === Number(only),
    );
    const worker = async () => {
      for (let index = open.shift(); index !== undefined; index = open.shift()) {
        const kind = kinds[index % kinds.length] ?? kinds[0];
        await inShop(async (shop) => {
          deaths += await tell(shop, kind, chanceOf(seed + Number(index) * 7_919));
        }).catch((cause) => {
          failures.push(
            `story ${index} (${kind}): AKC_CRASH_SEED=${seed} AKC_CRASH_STORY=${index}\n${cause}`,
          );
        });
      }
    };
    await Promise.all([worker(), worker()]);
    expect(failures).toEqual([]);
    if (only === undefined) expect(deaths).toBeGreaterThanOrEqual(storyCount / 2);
  },
  full ? 1_800_000 : 180_000,
);
