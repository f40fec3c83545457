import { expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { akc, binary, inFolder, onTerminal, plainEnv } from "./akc.ts";
import { type BundleBuilder, bundle, exec, runId, sh } from "./bundle.ts";

const esc = "\u001b";

/** A marker in the argv makes the child findable in /proc, wherever its parent went. */
const sleeper = (marker: string) =>
  bundle()
    .lanes({ subprocess_allowlist: ["sleep"] })
    .started("wait", exec(["sleep", `600.${marker}`], { timeoutMs: 60_000 }));
const newMarker = () => String(Math.floor(Math.random() * 1e9) + 1e9);

test("a run's report, status, events and list agree, in JSON", async () => {
  await inFolder(async (folder) => {
    const path = await bundleIn(
      folder,
      bundle()
        .started("a", exec(["true"]))
        .started("b", exec(["true"]), "a"),
    );
    const started = await start(path, folder, "--mode", "enforce", "-o", "json");
    expect(started.exit).toBe(0);
    const report = JSON.parse(started.stdout);
    expect(report).toMatchObject({
      kind: "RunReport",
      outcome: "succeeded",
      counts: { total: 2, succeeded: 2 },
    });
    const id = report.runtime_run_id;
    const at = ["--outputs-root", folder, "-o", "json"];
    const status = JSON.parse((await akc(["runtime", "status", id, ...at])).stdout);
    const listed = JSON.parse((await akc(["runtime", "list", ...at])).stdout);
    const events = JSON.parse((await akc(["runtime", "events", id, ...at])).stdout);
    const exported = JSON.parse(await Bun.file(report.events_path).text());
    expect(status).toMatchObject({
      kind: "Run",
      standing: "succeeded",
      health: "healthy",
      counts: { succeeded: 2 },
    });
    expect(listed).toMatchObject({
      kind: "RunList",
      total: 1,
      items: [{ runtime_run_id: id, outcome: "succeeded" }],
    });
    expect(events.kind).toBe("EventList");
    expect(events.items).toEqual(exported);
    expect(status.event_count).toBe(events.items.length);
    // By flag, as of old, and by the beginning of the id.
    for (const words of [["--runtime-run-id", id], [id.slice(0, 8)]]) {
      expect(JSON.parse((await akc(["runtime", "status", ...words, ...at])).stdout).runtime_run_id).toBe(id);
    }
  });
});

test("--format json is -o json, as of old", async () => {
  await inFolder(async (folder) => {
    const path = await bundleIn(folder, bundle().started("a", exec(["true"])));
    const { stdout } = await start(path, folder, "--mode", "simulate", "--format", "json");
    expect(JSON.parse(stdout).kind).toBe("RunReport");
  });
});

test("in a pipe progress is plain lines on stderr, and the result alone is on stdout", async () => {
  await inFolder(async (folder) => {
    const path = await bundleIn(
      folder,
      bundle()
        .started("good", exec(["true"]))
        .started("bad", sh("exit 1"))
        .started("after", exec(["true"]), "bad"),
    );
    const { exit, stdout, stderr } = await start(path, folder, "--mode", "enforce");
    expect(exit).toBe(1);
    expect(stdout).toStartWith("runtime_run_id: ");
    expect(stdout).toContain("\noutcome: failed\n");
    expect(stdout + stderr).not.toContain(esc);
    expect(stderr).toMatch(/^done {7}good {2}/m);
    expect(stderr).toMatch(/^retrying {3}bad {2}retry 1 of 2/m);
    expect(stderr).toMatch(/^failed {5}bad {2}/m);
    expect(stderr).toMatch(/^blocked {4}after {2}by bad/m);
    const quiet = await start(path, folder, "--mode", "simulate", "--quiet");
    expect({ exit: quiet.exit, stderr: quiet.stderr }).toEqual({ exit: 0, stderr: "" });
  });
});

test("a denial names its action, its rule and how to ask about it, in words and in JSON", async () => {
  await inFolder(async (folder) => {
    const path = await bundleIn(
      folder,
      bundle()
        .started("a", exec(["true"]))
        .with({ runtime_policy_envelope: { deny_actions: ["runtime.action.execute.subprocess"] } }),
    );
    const { exit, stdout, stderr } = await start(path, folder, "--mode", "enforce", "-o", "json");
    expect(exit).toBe(2);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      outcome: "blocked",
      counts: { denied: 1 },
      last_error_code: "POLICY_DENIED",
    });
    expect(report.policy_denial_explain).toMatchObject({
      schema_id: "akc:policy_denial_explain:v1",
      action: "runtime.action.execute.subprocess",
      source: "envelope",
      rule: "/runtime_policy_envelope/deny_actions",
    });
    expect(stderr).toContain("/runtime_policy_envelope/deny_actions");
    expect(stderr).toContain("akc policy explain --bundle");
    const asked = await akc([
      "policy",
      "explain",
      "--bundle",
      path,
      "--action",
      "runtime.action.execute.subprocess",
      "-o",
      "json",
    ]);
    expect(JSON.parse(asked.stdout)).toMatchObject({
      kind: "PolicyExplanation",
      allowed: false,
      rule: "/runtime_policy_envelope/deny_actions",
    });
  });
});

test.each([40, 80, 200])("on a terminal of %p columns no line of the live picture wraps", async (columns) => {
  await inFolder(async (folder) => {
    const long = "step-with-a-name-that-is-longer-than-many-a-terminal-is-wide";
    const path = await bundleIn(
      folder,
      bundle()
        .started(long, exec(["true"]))
        .started("b", sh("sleep 0.3"), long),
    );
    const { exit, screen } = await onTerminal(
      ["runtime", "start", "--bundle", path, "--mode", "enforce", "--outputs-root", folder],
      { columns },
    );
    expect(exit).toBe(0);
    const picture = screen.slice(0, screen.lastIndexOf(`${esc}[0J`));
    expect(picture).toContain("✓");
    const lines = picture.split(/\r\n/).map((line) => Bun.stringWidth(Bun.stripANSI(line)));
    expect(Math.max(...lines)).toBeLessThan(columns);
  });
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s stops the run in good order and leaves nothing running", async (signal, code) => {
  await inFolder(async (folder) => {
    const marker = newMarker();
    const child = running(await bundleIn(folder, sleeper(marker)), folder);
    await until(async () => (await processesWith(marker)).length > 0);
    child.kill(signal);
    expect(await child.exited).toBe(code);
    expect(await processesWith(marker)).toEqual([]);
    const { items } = JSON.parse(
      (await akc(["runtime", "list", "--outputs-root", folder, "-o", "json"])).stdout,
    );
    expect(items).toMatchObject([{ standing: "stopped", outcome: "stopped", status: "stopped" }]);
  });
});

test("`runtime stop --wait` ends a run of another process; stopping twice is no error", async () => {
  await inFolder(async (folder) => {
    const marker = newMarker();
    const child = running(await bundleIn(folder, sleeper(marker)), folder);
    await until(async () => (await processesWith(marker)).length > 0);
    const id = await onlyRun(folder);
    const stopped = await akc([
      "runtime",
      "stop",
      id,
      "--wait",
      "30s",
      "--outputs-root",
      folder,
      "-o",
      "json",
    ]);
    expect(JSON.parse(stopped.stdout)).toMatchObject({
      kind: "StopResult",
      requested: true,
      outcome: "stopped",
    });
    expect(stopped.exit).toBe(0);
    expect(await child.exited).toBe(1);
    expect(await processesWith(marker)).toEqual([]);
    const again = await akc(["runtime", "stop", id, "--outputs-root", folder]);
    expect(again).toMatchObject({ exit: 0, stdout: `runtime_run_id: ${id}\nstatus: stopped\n` });
    expect(again.stderr).toContain("already ended");
  });
});

test("`events --follow` prints a line an event while they happen, and ends when the run has", async () => {
  await inFolder(async (folder) => {
    const marker = newMarker();
    const child = running(await bundleIn(folder, sleeper(marker)), folder);
    await until(async () => (await processesWith(marker)).length > 0);
    const id = await onlyRun(folder);
    const follower = Bun.spawn([binary, "runtime", "events", id, "--follow", "--outputs-root", folder], {
      env: plainEnv,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const reader = follower.stdout.getReader();
    const decoder = new TextDecoder();
    let seen = "";
    while (!seen.includes("runtime.action.policy_allowed"))
      seen += decoder.decode((await reader.read()).value);
    expect(child.exitCode).toBeNull();
    await akc(["runtime", "stop", id, "--outputs-root", folder]);
    for (let part = await reader.read(); !part.done; part = await reader.read())
      seen += decoder.decode(part.value);
    expect(await follower.exited).toBe(0);
    await child.exited;
    const types = seen
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).event_type);
    expect(types[0]).toBe("runtime.kernel.started");
    expect(types).toContain("runtime.action.cancelled");
  });
});

test("two processes on one run: the second is told who holds it, with exit 5", async () => {
  await inFolder(async (folder) => {
    const marker = newMarker();
    const path = await bundleIn(folder, sleeper(marker));
    const child = running(path, folder, "--runtime-run-id", "release-7");
    await until(async () => (await processesWith(marker)).length > 0);
    const second = await start(path, folder, "--mode", "enforce", "--runtime-run-id", "release-7");
    expect(second.exit).toBe(5);
    expect(second.stderr).toContain("[LEASE_HELD]");
    expect(second.stderr).toContain(`:${child.pid}:`);
    child.kill("SIGTERM");
    await child.exited;
  });
});

test("a run whose process was killed is listed as abandoned", async () => {
  await inFolder(async (folder) => {
    const marker = newMarker();
    const child = running(await bundleIn(folder, sleeper(marker)), folder);
    await until(async () => (await processesWith(marker)).length > 0);
    child.kill("SIGKILL");
    await child.exited;
    const { items } = JSON.parse(
      (await akc(["runtime", "list", "--outputs-root", folder, "-o", "json"])).stdout,
    );
    expect(items).toMatchObject([{ standing: "abandoned", outcome: null }]);
    for (const pid of await processesWith(marker)) process.kill(pid, "SIGKILL");
  });
});

/** As somebody may keep it: the bundle in a folder, and below it what belongs to it. */
async function bundleIn(folder: string, builder: BundleBuilder): Promise<string> {
  const path = join(folder, "bundle.json");
  await Bun.write(path, JSON.stringify(builder.document()));
  const orchestration = join(folder, `.akc/orchestration/${runId}.orchestration.json`);
  await Bun.write(orchestration, JSON.stringify(builder.orchestration()));
  return path;
}

function start(bundle: string, folder: string, ...flags: string[]) {
  return akc(["runtime", "start", "--bundle", bundle, "--outputs-root", folder, ...flags]);
}

function running(bundle: string, folder: string, ...flags: string[]) {
  const words = [
    "runtime",
    "start",
    "--bundle",
    bundle,
    "--mode",
    "enforce",
    "--outputs-root",
    folder,
    ...flags,
  ];
  return Bun.spawn([binary, ...words], {
    env: plainEnv,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
}

async function onlyRun(folder: string): Promise<string> {
  const { stdout } = await akc(["runtime", "list", "--outputs-root", folder, "-o", "json"]);
  const { items } = JSON.parse(stdout);
  expect(items.length).toBe(1);
  return items[0].runtime_run_id;
}

/** Pids of the processes whose argv holds `marker`, akc itself excepted. */
async function processesWith(marker: string): Promise<number[]> {
  const pids: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // A process may end between the listing and the reading.
    const argv = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    if (argv.includes(`600.${marker}`)) pids.push(Number(name));
  }
  return pids;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await Bun.sleep(20);
}
