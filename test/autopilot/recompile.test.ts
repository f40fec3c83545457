/** Recompile hooks as real programs: what they offer is not trusted, and whatever they do, nothing of them is left. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundle, sh } from "../e2e/bundle.ts";
import { until } from "../e2e/world.ts";
import { commandHook, drifted, type HookWorld, withHook } from "./hook-world.ts";

const work = bundle().started("work", sh("true"));
const offering = `echo '{"bundle": ".akc/runtime/run-2.runtime_bundle.json"}'`;

test("a hook is asked with the triggers and answers with a bundle, which is known by its hash", async () => {
  await withHook(async ({ world, ask, read }) => {
    const placed = await world.place("run-2", work);
    const answer = await ask(`cat >request.json; echo "compiling"; pwd >where; ${offering}`, {
      options: { goal: "Compile repository" },
    });
    expect(answer).toEqual({
      result: "offered",
      offer: {
        bundlePath: placed.bundlePath,
        bundleSha256: placed.bundleSha256,
        runId: "run-2",
        manifestPath: placed.manifestPath,
        source: "recompile",
      },
    });
    expect(JSON.parse(read(join(world.scopeRoot, "request.json")) ?? "")).toEqual({
      schema: "akc.autopilot.recompile_request.v1",
      tenant_id: "acme",
      repo_id: "shop",
      outputs_root: world.outputsRoot,
      scope_root: world.scopeRoot,
      attempt_id: "r1",
      env_profile: "staging",
      triggers: [
        {
          id: drifted.id,
          kind: "drift",
          severity: "high",
          key: "drift:x",
          reason: "web is missing",
          at_ms: 1,
          details: { resources: ["web"] },
        },
      ],
      triggers_omitted: 0,
      deployed: null,
      options: { goal: "Compile repository" },
    });
    expect(read(join(world.scopeRoot, "where"))).toBe(`${world.scopeRoot}\n`);
    // Its own folder is gone with it.
    expect(readdirSync(join(world.scopeRoot, ".akc/autopilot/recompile"))).toEqual([]);
  });
});

test("a manifest leads to its bundle; the bundle that is deployed is nothing new", async () => {
  await withHook(async ({ world, ask }) => {
    const placed = await world.place("run-2", work);
    const { bundlePath, bundleSha256, manifestPath } = placed;
    const script = `echo '{"manifest": "${manifestPath}"}'`;
    expect(await ask(script)).toMatchObject({ result: "offered", offer: { bundleSha256, manifestPath } });
    const deployed = { bundlePath, bundleSha256, runtimeRunId: "r", atMs: 1 };
    expect(await ask(script, {}, { deployed })).toMatchObject({ result: "unchanged" });
    const pointer = { path: ".akc/runtime/run-2.runtime_bundle.json", sha256: "0".repeat(64) };
    const manifest = { run_id: "run-2", tenant_id: "acme", repo_id: "shop", runtime_bundle: pointer };
    await world.write(".akc/run/run-2.manifest.json", JSON.stringify(manifest));
    expect(await ask(script)).toMatchObject({ result: "failed", code: "BUNDLE_HASH_MISMATCH" });
  });
});

test("unchanged and refused are answers; exit code 2 refuses with what was said", async () => {
  await withHook(async ({ ask }) => {
    expect(await ask(`echo '{"unchanged": true}'`)).toMatchObject({ result: "unchanged" });
    expect(await ask(`echo '{"refused": "the canary failed"}'`)).toEqual({
      result: "refused",
      message: "the canary failed",
    });
    expect(await ask(`echo '{"refused": "by code"}'; echo noise >&2; exit 2`)).toEqual({
      result: "refused",
      message: "by code",
    });
    expect(await ask("echo 'eval regressed' >&2; exit 2")).toEqual({
      result: "refused",
      message: "eval regressed",
    });
    const failed = await ask("echo 'no compiler here' >&2; exit 1");
    expect(failed).toMatchObject({ result: "failed", code: "RECOMPILE_FAILED" });
    expect(failed).toHaveProperty("message", expect.stringContaining("ended with 1: no compiler here"));
  });
});

test("the hook of the documentation compiles, refuses and fails as it says", async () => {
  const page = await Bun.file(join(import.meta.dir, "../../docs/autopilot-triggers.md")).text();
  const example = /```python\n(#!.*?)```/s.exec(page)?.[1] ?? "";
  expect(example).toContain("/opt/compiler/compile");
  await withHook(async ({ world, hooks, ask }) => {
    const compiler = join(hooks, "compile");
    const script = join(hooks, "recompile.py");
    writeFileSync(script, example.replace("/opt/compiler/compile", compiler), { mode: 0o755 });
    const { bundlePath } = await world.place("run-r1", work);
    for (const [exit, answer] of [
      [0, { result: "offered", offer: { bundlePath, runId: "run-r1" } }],
      [3, { result: "refused", message: "the canary did not pass" }],
      [1, { result: "failed", code: "RECOMPILE_FAILED" }],
    ] as const) {
      writeFileSync(compiler, `#!/bin/sh\necho "compiling $2 in $1"; exit ${exit}\n`, { mode: 0o755 });
      expect(await ask("", { argv: [script], read: [compiler] })).toMatchObject(answer);
    }
  });
});

describe("whatever a hook does wrong is named, and nothing of it is left", () => {
  test("it hangs, ignores the word to end, and has sent a child away", async () => {
    await withHook(async ({ world, ask, running, read }) => {
      const script = `trap '' TERM; setsid sleep 600 & (sleep 600 &) ; echo $$ >pid; sleep 600`;
      const answer = await ask(script, { timeoutMs: 600 });
      expect(answer).toMatchObject({ result: "failed", code: "SUBPROCESS_TIMEOUT" });
      expect(read(join(world.scopeRoot, "pid"))).toMatch(/^\d+\n$/);
      await until("nothing is left", () => running().length === 0, 5_000);
    });
  }, 20_000);

  test("it floods", async () => {
    await withHook(async ({ ask, running }) => {
      expect(await ask("exec cat /dev/zero")).toMatchObject({
        result: "failed",
        code: "SUBPROCESS_OUTPUT_LIMIT",
      });
      expect(await ask("cat /dev/zero >&2")).toMatchObject({ code: "SUBPROCESS_OUTPUT_LIMIT" });
      expect(running()).toEqual([]);
    });
  });

  test("it brings a signal upon itself, or does not read what it is asked", async () => {
    await withHook(async ({ ask }) => {
      expect(await ask("exec bash -c 'exec yes > >(true)'")).toMatchObject({
        result: "failed",
        code: "RECOMPILE_FAILED",
        message: expect.stringContaining("SIGPIPE"),
      });
      expect(await ask(`exec <&-; echo '{"unchanged": true}'`)).toMatchObject({ result: "unchanged" });
    });
  });

  test("it is not there, or is no program", async () => {
    await withHook(async ({ hooks, ask }) => {
      expect(await ask("", { argv: [join(hooks, "missing")] })).toMatchObject({
        code: "SUBPROCESS_NOT_FOUND",
      });
      expect(await ask("", { argv: ["sh"] })).toMatchObject({ code: "SUBPROCESS_NOT_FOUND" });
      writeFileSync(join(hooks, "junk"), "\u0000junk", { mode: 0o755 });
      expect(await ask("", { argv: [join(hooks, "junk")] })).toMatchObject({
        result: "failed",
        code: "SUBPROCESS_SPAWN_FAILED",
      });
    });
  });

  const wrong: readonly (readonly [string, string])[] = [
    ["", "it is empty"],
    ["not json", "not JSON"],
    ["[1]", "not an object"],
    ["{}", "none of"],
    ['{"bundle": "a", "unchanged": true}', "both"],
    ['{"unchanged": "yes"}', "not true"],
    ['{"bundle": 7}', "not a path"],
    ['{"refused": ""}', "not a reason"],
  ];
  test("its answer is not understood", async () => {
    await withHook(async ({ ask }) => {
      for (const [text, why] of wrong) {
        expect(await ask(`printf '%s' '${text}'`)).toMatchObject({
          result: "failed",
          code: "RECOMPILE_ANSWER_INVALID",
          message: expect.stringContaining(why),
        });
      }
      expect(await ask("printf '\\377\\376'")).toMatchObject({ code: "RECOMPILE_ANSWER_INVALID" });
    });
  }, 20_000);

  test("it offers what is not its own: another scope's bundle, a file elsewhere, a link away, nothing at all", async () => {
    await withHook(async ({ world, other, hooks, ask }) => {
      const foreign = await other.place("run-9", work);
      const named = (path: string, key = "bundle") => ask(`echo '{"${key}": "${path}"}'`);
      expect(await named(foreign.bundlePath)).toMatchObject({ code: "PATH_UNSAFE" });
      expect(await named(foreign.manifestPath, "manifest")).toMatchObject({ code: "PATH_UNSAFE" });
      expect(await named("/etc/passwd")).toMatchObject({ code: "PATH_UNSAFE" });
      expect(await named("../mill/.akc/runtime/run-9.runtime_bundle.json")).toMatchObject({
        code: "PATH_UNSAFE",
      });
      symlinkSync(hooks, join(world.scopeRoot, "away"));
      expect(await named("away/recompile.sh")).toMatchObject({ code: "PATH_UNSAFE" });
      expect(await named("missing.json")).toMatchObject({ code: "FILE_NOT_FOUND" });
      expect(await named(".")).toMatchObject({ code: "FILE_UNREADABLE" });
      // In the right place, but of another scope, or no bundle.
      const ids = { tenant_id: "acme", repo_id: "mill", run_id: "run-3" };
      await world.write(
        ".akc/runtime/run-3.runtime_bundle.json",
        JSON.stringify({ ...work.document(), ...ids }),
      );
      expect(await named(".akc/runtime/run-3.runtime_bundle.json")).toMatchObject({
        code: "BUNDLE_SCOPE_MISMATCH",
      });
      await world.write("x.json", '{"schema_id": "akc:runtime_bundle:v4"}');
      expect(await named("x.json")).toMatchObject({ code: "BUNDLE_INVALID" });
      await world.write("y.json", "{");
      expect(await named("y.json")).toMatchObject({ code: "JSON_SYNTAX" });
    });
  }, 20_000);
});

describe("a hook is shut in", () => {
  test("it writes below its scope and where it was granted, and nowhere else", async () => {
    await withHook(async ({ world, other, hooks, ask, read }) => {
      const granted = join(hooks, "granted");
      mkdirSync(granted);
      mkdirSync(join(world.outputsRoot, ".akc/autopilot"), { recursive: true });
      const tries = [
        join(other.scopeRoot, "x"),
        join(hooks, "x"),
        join(world.outputsRoot, ".akc/autopilot/x"),
        `/tmp/akc-hook-${crypto.randomUUID()}`,
      ];
      const script = [
        ...tries.map((path) => `echo x >'${path}'`),
        "echo x >inside",
        `echo x >'${granted}/x'`,
        'echo x >"$TMPDIR/x" && echo x >"$HOME/x" && echo yes >own',
        `cat '${hooks}/key' >copied`,
        `echo '{"unchanged": true}'`,
      ].join("\n");
      writeFileSync(join(hooks, "key"), "a key of somebody else");
      expect(await ask(script, { write: [granted] })).toMatchObject({ result: "unchanged" });
      for (const path of tries) expect([path, existsSync(path)]).toEqual([path, false]);
      expect(read(join(world.scopeRoot, "inside"))).toBe("x\n");
      expect(read(join(granted, "x"))).toBe("x\n");
      expect(read(join(world.scopeRoot, "own"))).toBe("yes\n");
      expect(read(join(world.scopeRoot, "copied"))).toBe("");
      expect(
        await ask(`cat '${hooks}/key' >copied; echo '{"unchanged": true}'`, { read: [join(hooks, "key")] }),
      ).toMatchObject({ result: "unchanged" });
      expect(read(join(world.scopeRoot, "copied"))).toBe("a key of somebody else");
      expect(await ask("", { write: [join(hooks, "nowhere")] })).toMatchObject({ code: "FILE_NOT_FOUND" });
      expect(await ask("", { write: [world.outputsRoot] })).toMatchObject({
        code: "CONTAINMENT_UNAVAILABLE",
      });
    });
  });

  test("it reaches the network only where it was granted", async () => {
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hello") });
    const port = server.port ?? 0;
    await withHook(async ({ world, ask, read }) => {
      const script = `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port} && echo open >net' ; echo '{"unchanged": true}'`;
      await ask(script);
      expect(read(join(world.scopeRoot, "net"))).toBeUndefined();
      await ask(script, { network: true });
      expect(read(join(world.scopeRoot, "net"))).toBe("open\n");
    });
  });

  test("of the environment it gets the names that were written down, and no message holds their values", async () => {
    await withHook(async ({ world, env, ask, read }) => {
      env["COMPILER_TOKEN"] = "tok-8472-secret";
      env["OTHER_TOKEN"] = "never-to-be-seen";
      const script = `env | sort >environment; echo "token was $COMPILER_TOKEN" >&2; exit 1`;
      const answer = await ask(script, { env: ["COMPILER_TOKEN"] });
      expect(JSON.stringify(answer)).not.toContain("8472");
      expect(answer).toHaveProperty("message", expect.stringContaining("token was [redacted]"));
      const names = (read(join(world.scopeRoot, "environment")) ?? "")
        .split("\n")
        .map((line) => line.split("=")[0]);
      expect(names.filter((name) => !["", "_", "PWD", "SHLVL", "OLDPWD"].includes(name ?? ""))).toEqual([
        "AKC_AUTOPILOT_ATTEMPT_ID",
        "AKC_OUTPUTS_ROOT",
        "AKC_REPO_ID",
        "AKC_SPAWN_ID",
        "AKC_TENANT_ID",
        "COMPILER_TOKEN",
        "HOME",
        "LANG",
        "PATH",
        "TMPDIR",
      ]);
    });
  });

  test("a host that cannot shut it in starts nothing, unless the operator asks for less", async () => {
    await withHook(async ({ hooks, world, ask, read }) => {
      const deps = { containmentAtMost: "limits" } as const;
      const script = `echo x >started; echo '{"unchanged": true}'`;
      expect(await ask(script, {}, { deps })).toMatchObject({ code: "CONTAINMENT_UNAVAILABLE" });
      expect(read(join(world.scopeRoot, "started"))).toBeUndefined();
      const policyPath = join(hooks, "policy.yaml");
      writeFileSync(policyPath, "schema: akc.policy/v1\ncontainment: limits\n");
      expect(await ask(script, {}, { deps, policyPath })).toMatchObject({ result: "unchanged" });
    });
  });
});

test("when it is told to stop, it stops with the reason, and nothing is left", async () => {
  await withHook(async ({ world, ask, running, read }) => {
    const stop = new AbortController();
    const reason = new Error("the lease is lost");
    const asked = ask("echo x >started; sleep 600", {}, { signal: stop.signal });
    asked.catch(() => undefined);
    await until("it runs", () => read(join(world.scopeRoot, "started")) !== undefined);
    stop.abort(reason);
    await expect(asked).rejects.toBe(reason);
    expect(running()).toEqual([]);
  });
});

test("a hook dies with the controller, and what slipped away is ended by the next one", async () => {
  await withHook(async (hooked) => {
    const { world, ask, running, read } = hooked;
    const child = controllerOf(hooked);
    await until("the hook runs", () => (read(join(world.scopeRoot, "pid")) ?? "").includes("\n"));
    const pid = Number(read(join(world.scopeRoot, "pid")));
    child.kill("SIGKILL");
    await child.exited;
    await until("the hook is gone", () => !existsSync(`/proc/${pid}`) || isDead(pid), 5_000);
    expect(await ask(`echo '{"unchanged": true}'`)).toMatchObject({ result: "unchanged" });
    await until("nothing is left", () => running().length === 0, 5_000);
  });
}, 30_000);

function controllerOf({ world, hooks, env }: HookWorld) {
  const script = "setsid sleep 600 &\necho $$ >pid\nsleep 600";
  const recompile = commandHook(hooks, script, { timeoutMs: 60_000, outputBytesMax: 1_024 });
  const asked = { scope: world.config({ recompile }), attemptId: "r1", triggers: [] };
  return Bun.spawn([process.execPath, join(import.meta.dir, "recompiling.child.ts")], {
    env,
    stdin: Buffer.from(JSON.stringify({ outputsRoot: world.outputsRoot, asked })),
    stdout: "inherit",
    stderr: "inherit",
  });
}

function isDead(pid: number): boolean {
  const found = Bun.spawnSync(["cat", `/proc/${pid}/stat`]).stdout.toString();
  return found === "" || /\) Z /.test(found);
}
