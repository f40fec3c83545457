/** Failpoints are in the binary that is for tests, and in no other. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { failpointLine } from "../../scripts/build.ts";
import { failpointExitCode, failpointPlaces } from "../../src/system/failpoint.ts";
import { root as repository } from "../e2e/akc.ts";
import { scenarios } from "./bundles.ts";
import { startCounter } from "./counter.ts";
import { binaries, setStage } from "./stage.ts";

const names = Object.keys(failpointPlaces);

test("the binary for users holds no failpoint, not even a name; the other one holds all", () => {
  // Names stand in the code as they are written; bytecode keeps them as text too.
  const [plain, instrumented] = [readFileSync(binaries.plain), readFileSync(binaries.failpoints)];
  expect([...names, "AKC_FAILPOINT"].filter((name) => plain.includes(name))).toEqual([]);
  expect([...names, "AKC_FAILPOINT"].filter((name) => !instrumented.includes(name))).toEqual([]);
});

test("the binary for users does not look at the variables", async () => {
  await using counter = startCounter();
  const [scenario] = scenarios;
  if (scenario === undefined) throw new Error("there is no scenario");
  for (const [binary, code] of [
    [binaries.plain, 0],
    [binaries.failpoints, failpointExitCode],
  ] as const) {
    const stage = await setStage({ scenario, counter });
    const log = join(stage.base, "log");
    const bundle = join(stage.scope, ".akc/runtime/run-1.runtime_bundle.json");
    const child = Bun.spawn([binary, "runtime", "start", "--bundle", bundle, "--mode", "enforce"], {
      env: { PATH: "/usr/bin:/bin", AKC_FAILPOINT: "commit.committed:2:exit", AKC_FAILPOINT_LOG: log },
      stdout: "ignore",
      stderr: "ignore",
    });
    expect(await child.exited).toBe(code);
    expect(await Bun.file(log).exists()).toBe(binary === binaries.failpoints);
    stage.strike();
  }
});

test("a failpoint that is not known, or an act that is not, ends the binary for tests at once", async () => {
  await using counter = startCounter();
  const [scenario] = scenarios;
  if (scenario === undefined) throw new Error("there is no scenario");
  for (const failpoint of ["commit.nowhere:1:kill", "commit.begun:0:kill", "commit.begun:1:burn", "kill"]) {
    const stage = await setStage({ scenario, counter });
    const ran = await stage.start({ failpoint }).ended;
    expect({ failpoint, failed: ran.code !== 0 }).toEqual({ failpoint, failed: true });
    expect(await stage.picture()).toBeNull();
    stage.strike();
  }
});

test("every failpoint stands on a line of its own, in the form that the build takes out, and is listed", async () => {
  const found = new Set<string>();
  for await (const path of new Bun.Glob("src/**/*.ts").scan({ cwd: repository })) {
    if (path === "src/system/failpoint.ts" || path.endsWith(".test.ts")) continue;
    const text = await Bun.file(join(repository, path)).text();
    const lines = text.match(failpointLine) ?? [];
    // A call in any other form would stay in the binary for users.
    const calls = text.match(/\bfailpoint\(/g) ?? [];
    expect({ path, calls: calls.length }).toEqual({ path, calls: lines.length });
    for (const line of lines) found.add(line.split('"')[1] ?? "");
  }
  expect([...found].toSorted()).toEqual(names.toSorted());
});
