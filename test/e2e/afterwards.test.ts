/** What a run says when it is over, and whether what it says to type next can be typed. */
import { expect, test } from "bun:test";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { akc, onTerminal, root, shell } from "./akc.ts";
import { type BundleBuilder, bundle, exec, get, noop, sh, sha256Of } from "./bundle.ts";
import { inWorld, jsonObject, type World } from "./world.ts";

const esc = "\u001b";

/** Fails at its first try. */
const once = bundle().with({ runtime_policy_envelope: { deny_actions: ["runtime.action.retry"] } });

const failing = once
  .step("good", exec(["true"]))
  .step("bad", sh("echo out; echo 'first trouble' >&2; echo 'token=abcdef123456 is wrong' >&2; exit 3"))
  .step("after", exec(["true"]), "bad");

test("every command that is printed to be typed next works in the folder where it is read", async () => {
  await inWorld(async (world) => {
    const denied = failing.with({
      runtime_policy_envelope: { deny_actions: ["runtime.action.execute.subprocess"] },
    });
    // A place that a shell would take apart, and each way to stand to it.
    const odd = join(world.side, "out put's");
    await mkdir(odd);
    for (const builder of [failing, denied]) {
      for (const [cwd, outputsRoot] of [
        [world.side, odd],
        [odd, odd],
        [odd, "."],
        ["/", odd],
        [world.root, undefined],
        [world.scope, undefined],
      ] as const) {
        const path = await world.place(builder);
        const flags = outputsRoot === undefined ? [] : ["--outputs-root", outputsRoot];
        const ran = await akc(["runtime", "start", "--bundle", path, "--mode", "enforce", ...flags], { cwd });
        expect(ran.exit).not.toBe(0);
        const commands = [...ran.stderr.matchAll(/^hint: `(.*)`/gm)].map(([, command]) => command ?? "");
        expect(commands.length).toBe(1);
        for (const command of commands) {
          expect(command).toMatch(/^\S+ (runtime events|policy explain) /);
          const typed = await shell(command, { cwd });
          expect({ command, exit: typed.exit, stderr: typed.stderr }).toEqual({
            command,
            exit: 0,
            stderr: "",
          });
        }
      }
    }
  });
});

test("a binary that the shell finds as akc is called so, and the usual place is not repeated", async () => {
  await inWorld(async (world) => {
    const bin = join(world.side, "bin");
    await mkdir(bin);
    await shell(`ln -s "$AKC" ${bin}/akc`);
    const env = { PATH: `${bin}:/usr/bin:/bin`, AKC_OUTPUTS_ROOT: world.root };
    const path = await world.place(failing);
    const { stderr } = await akc(["runtime", "start", "--bundle", path, "--mode", "enforce"], { env });
    expect(stderr).toMatch(/^hint: `akc runtime events [0-9a-f-]{36}` tells/m);
    const elsewhere = await akc(["runtime", "status", "nowhere"], { env });
    expect(elsewhere.stderr).toContain("`akc runtime list` shows the runs there");
  });
});

test("a denial by the operator is explained under the operator's policy", async () => {
  await inWorld(async (world) => {
    const policy = join(world.side, "policy.yaml");
    await Bun.write(policy, "schema: akc.policy/v1\ndeny_actions: [runtime.action.execute.subprocess]\n");
    const path = await world.place(failing);
    const words = ["runtime", "start", "--bundle", path, "--mode", "canary", "--policy", "policy.yaml"];
    const { stderr } = await akc(words, { cwd: world.side });
    const command = /^hint: `(.*)`/m.exec(stderr)?.[1] ?? "";
    const typed = await shell(`${command} -o json`, { cwd: world.side });
    expect(jsonObject(typed.stdout)).toMatchObject({
      allowed: false,
      mode: "canary",
      rule: "operator:/deny_actions",
    });
    const json = jsonObject((await akc([...words, "-o", "json"], { cwd: world.side })).stdout);
    expect(json["policy_denial_explain"]).toMatchObject({ control_followup_cli: command });
  });
});

test("a failed step's own last words are told at the end, in status and in JSON, without its secrets", async () => {
  await inWorld(async (world) => {
    const path = await world.place(failing);
    const ran = await world.akc(["runtime", "start", "--bundle", path, "--mode", "enforce"]);
    expect(ran.stderr).toContain(
      [
        "the run ended failed: bad: subprocess exited with code 3 [SUBPROCESS_EXIT]",
        "  bad, the end of its stderr:",
        "    first trouble",
        "    token=[redacted] is wrong",
        "hint: ",
      ].join("\n"),
    );
    const id = /^runtime_run_id: (.*)$/m.exec(ran.stdout)?.[1] ?? "";
    const told = {
      step_id: "bad",
      node_id: "node-bad",
      attempt: 1,
      error: "subprocess exited with code 3",
      error_code: "SUBPROCESS_EXIT",
      excerpt: { from: "stderr", lines: ["first trouble", "token=[redacted] is wrong"] },
    };
    const at = ["--outputs-root", world.root];
    const status = jsonObject((await world.akc(["runtime", "status", id, ...at, "-o", "json"])).stdout);
    expect(status["failures"]).toEqual([{ action_id: "coordination:bad:0", ...told }]);
    expect(status["last_error"]).toBe("bad: subprocess exited with code 3");
    const text = (await world.akc(["runtime", "status", id, ...at])).stdout;
    expect(text).toContain("last_error: bad: subprocess exited with code 3\n  bad, the end of its stderr:\n");
    expect(text).not.toContain("abcdef123456");
    expect((await world.start(path)).report["failures"]).toEqual(status["failures"]);
  });
});

test("words are taken from the end however much was written, and from stdout or the server where stderr is silent", async () => {
  await inWorld(async (world) => {
    using server = Bun.serve({
      port: 0,
      fetch: () => new Response("no such release\nsee the list\n<html>", { status: 404 }),
    });
    const origin = `http://127.0.0.1:${server.port}`;
    const much = `yes '0123456789 0123456789 0123456789' | head -n 3000 >&2; echo 'password: correct-horse-battery' >&2; printf '\\033[31mred end\\033[0m\\r\\n\\n' >&2; exit 1`;
    const builder = once
      .step("much", sh(much))
      .step("quiet", sh("echo told; exit 1"))
      .step("mute", sh("exit 1"))
      .step("line", sh("head -c 40000 /dev/zero | tr '\\\\0' x; exit 1"))
      .step("asks", get(`${origin}/x`))
      .lanes({ allow_http: true, http_allowlist: [origin] })
      .with({
        runtime_policy_envelope: { allow_network: true, deny_actions: ["runtime.action.retry"] },
      });
    const { report, stderr } = await world.start(builder);
    const failures = new Map(
      (report["failures"] as readonly { step_id: string; excerpt: unknown }[]).map((failure) => [
        failure.step_id,
        failure.excerpt,
      ]),
    );
    expect(Object.fromEntries(failures)).toEqual({
      much: { from: "stderr", lines: ["password: [redacted]", "red end"] },
      quiet: { from: "stdout", lines: ["told"] },
      mute: null,
      // A part of one endless line may be the part without the word that gives a secret away.
      line: null,
      asks: { from: "response", lines: ["no such release", "see the list"] },
    });
    expect(stderr).not.toContain(esc);
    expect(stderr).toContain("  … and 2 more failed\n");
  });
});

test("events and progress call a step by its name and an event's action by its node; the ids stay in the data", async () => {
  await inWorld(async (world) => {
    const named = once
      .step("good", exec(["true"]))
      .step("bad", sh("exit 3"))
      .step("after", exec(["true"]), "bad");
    const evented = once.started("probe", exec(["true"])).started("broken", sh("exit 1"));
    const from = async (builder: BundleBuilder) => {
      const path = await world.place(builder);
      const ran = await world.akc(["runtime", "start", "--bundle", path, "--mode", "enforce"]);
      const id = /^runtime_run_id: (.*)$/m.exec(ran.stdout)?.[1] ?? "";
      const events = ["runtime", "events", id, "--outputs-root", world.root];
      const text = (await world.akc([...events, "-o", "text"])).stdout;
      const wires = (await world.akc(events)).stdout;
      return { id, words: ran.stderr, text, wires };
    };
    const steps = await from(named);
    expect(steps.text).toMatch(/ runtime\.action\.policy_allowed +good$/m);
    expect(steps.text).toMatch(/ runtime\.action\.completed +good$/m);
    expect(steps.text).toMatch(/ runtime\.coordination\.step_blocked +after {2}by bad$/m);
    expect(steps.text + steps.words).not.toContain("coordination:good");
    expect(steps.wires).toContain('"coordination:good:0"');
    const nodes = await from(evented);
    expect(nodes.text).toMatch(/ runtime\.action\.policy_allowed +probe$/m);
    expect(nodes.text).toMatch(/ runtime\.action\.completed +probe$/m);
    expect(nodes.text).toMatch(/ runtime\.action\.dead_lettered +broken {2}subprocess exited with code 1$/m);
    expect(nodes.words).toMatch(/^the run ended failed: broken: subprocess exited/m);
    expect(nodes.text + nodes.words).not.toContain(`probe:${nodes.id}`);
    expect(nodes.wires).toContain(`"probe:${nodes.id}:runtime.kernel.started:`);
  });
});

test("a step that succeeded on another try says so", async () => {
  await inWorld(async (world) => {
    const path = await world.place(bundle().step("health", sh("test -e tried || { : >tried; exit 1; }")));
    const ran = await world.akc(["runtime", "start", "--bundle", path, "--mode", "enforce"]);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(/^done {7}health {2}\d+\.\d s {2}\(2nd try\)$/m);
    expect(ran.stderr).toMatch(/^1 of 1 done · 1 retry · /m);
    expect(ran.stdout).toContain("\nactions: 1 of 1 succeeded, 1 retry\n");
  });
});

test("the steps that were announced are the steps that are counted", async () => {
  await inWorld(async (world) => {
    const steps = ["draft", "review"].map((step_id, index) => ({
      step_id,
      role: index === 0 ? "writer" : "critic",
      inputs: { ir_node_id: "wf-a" },
    }));
    const text = await Bun.file(join(root, "test/fixtures/bundles/example-d.runtime_bundle.json")).text();
    expect(jsonObject(text)["spec_hashes"]).toMatchObject({ orchestration_spec_sha256: sha256Of({ steps }) });
    const path = await world.write(".akc/runtime/run-d1.runtime_bundle.json", text);
    await world.write(".akc/orchestration/run-d1.orchestration.json", JSON.stringify({ steps }));
    const start = ["runtime", "start", "--bundle", path, "--mode", "enforce"];
    const ran = await world.akc(start);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(/^done {7}draft {2}.*\ndone {7}review {2}.*\n2 of 2 done · [^·]*\n$/m);
    expect(ran.stdout).toContain("\nactions: 2 of 2 succeeded, 2 of them without effect\n");
    const { screen } = await onTerminal(start, { columns: 100 });
    expect(Bun.stripANSI(screen)).toContain("2 of 2 done · ");
    expect(Bun.stripANSI(screen)).not.toContain("waiting · 1 ms");
  });
});

test("on a terminal the result stands apart from the picture and repeats nothing of it", async () => {
  await inWorld(async (world) => {
    const path = await world.place(bundle().step("one", noop));
    const words = ["runtime", "start", "--bundle", path, "--mode", "enforce"];
    const seen = lastScreen((await onTerminal(words)).screen);
    expect(seen).toMatch(/done · [^\n]*\n\nruntime_run_id: .*\ntenant_id: acme\nrepo_id: shop\n/);
    expect(seen).toMatch(/\noutcome: succeeded\nactions: 1 of 1 succeeded, 1 of them without effect\n$/);
    const quiet = lastScreen((await onTerminal([...words, "--quiet"])).screen);
    expect(quiet).toStartWith("runtime_run_id: ");
    expect(quiet).toMatch(/\nmode: enforce\nadapter_id: local_depth\ntook: .*\n$/);
    const plain = await world.akc(words);
    expect(plain.stdout).toMatch(/\nmode: enforce\nadapter_id: local_depth\ntook: .*\n$/);
    expect(plain.stderr).not.toContain("\n\n");
  });
});

test("every key of the results is in docs/json-output.md", async () => {
  await inWorld(async (world) => {
    const path = await world.place(failing.started("beside", get("http://127.0.0.1:1/?key=x")));
    const { report } = await world.start(path);
    const at = ["--outputs-root", world.root, "-o", "json"];
    const shown = [
      report,
      jsonObject((await world.akc(["runtime", "status", String(report["runtime_run_id"]), ...at])).stdout),
      jsonObject((await world.akc(["runtime", "list", ...at])).stdout),
      jsonObject((await world.akc(["bundle", "inspect", path, "-o", "json"])).stdout),
      jsonObject((await world.akc(["bundle", "validate", path, "-o", "json"])).stdout),
    ];
    const id = String(report["runtime_run_id"]);
    for (const command of [
      ["runtime", "resume", id, "--from", "beside"],
      ["runtime", "signal", id, "--name", "x"],
      ["runtime", "list", "--stale"],
      ["runtime", "list", "--recover-stale"],
      ["lease", "list"],
      ["lease", "show", id],
      ["lease", "break", id, "--token", "2"],
    ]) {
      const { code, stdout } = await world.akc([...command, ...at]);
      const said = jsonObject(stdout);
      expect({ command, code, kind: said["kind"] }).toMatchObject({
        kind: expect.stringMatching(/[A-Z]\w+/),
      });
      if (said["kind"] !== "Error") shown.push(said);
    }
    const page = await Bun.file(join(root, "docs/json-output.md")).text();
    const words = new Set(page.match(/[a-z_0-9]+/g));
    const undocumented = shown.flatMap(keysOf).filter((key) => !words.has(key));
    expect([...new Set(undocumented)]).toEqual([]);
  });
});

test("where each option of a start came from is kept with the run", async () => {
  await inWorld(async (world) => {
    const path = await world.place(bundle().step("one", noop));
    await world.write(".akc/project.yaml", "developer_role_profile: emerging\n");
    const elsewhere = join(world.side, "kept");
    const near = relative(world.scope, path);
    const words = ["runtime", "start", "--bundle", near, "--coordination-max-in-flight-steps", "3"];
    const env = { AKC_OUTPUTS_ROOT: elsewhere };
    const { stdout } = await akc([...words, "-o", "json"], { cwd: world.scope, env });
    const folder = String(jsonObject(stdout)["scope_dir"]);
    expect(await Bun.file(join(folder, "developer_profile_decisions.json")).json()).toMatchObject({
      developer_role_profile: "emerging",
      resolved: {
        mode: { value: "simulate", source: "profile_default" },
        bundle: { value: path, source: "cli" },
        outputs_root: { value: elsewhere, source: "env" },
        developer_role_profile: { value: "emerging", source: "project_file" },
        coordination_parallel_dispatch: { value: "enabled", source: "profile_default" },
        coordination_max_in_flight_steps: { value: 3, source: "cli" },
      },
    });
    const there = await akc([...words, "-o", "json"], { cwd: world.scope });
    const inferred = String(jsonObject(there.stdout)["scope_dir"]);
    expect(await Bun.file(join(inferred, "developer_profile_decisions.json")).json()).toMatchObject({
      resolved: {
        bundle: { value: path, source: "cli" },
        outputs_root: { value: world.root, source: "legacy_default" },
      },
    });
    const record = await Bun.file(join(folder, "runtime_run.json")).json();
    expect(record.developer_role_profile).toBe("emerging");
    expect(record).not.toHaveProperty("developer_profile_decisions");
  });
});

test("a terminal that cannot be drawn over gets plain lines", async () => {
  await inWorld(async (world) => {
    const path = await world.place(bundle().step("one", exec(["true"])));
    const words = ["runtime", "start", "--bundle", path, "--mode", "enforce"];
    const { screen } = await onTerminal(words, { env: { TERM: "dumb" } });
    expect(screen).not.toContain(esc);
    expect(screen).toMatch(/^done {7}one {2}/m);
    expect(screen).toContain("\nadapter_id: local_depth");
    const colourless = await onTerminal(words, { env: { NO_COLOR: "1" } });
    expect(colourless.screen).toContain("✓ one");
    expect(colourless.screen).not.toMatch(new RegExp(`${esc}\\[\\d*m`));
  });
});

test("a run whose starter's folder went away meanwhile is reported to its end", async () => {
  await inWorld(async (world) => {
    const cwd = join(world.side, "passing");
    await mkdir(cwd);
    const path = await world.place(
      once.step("wait", sh(": >began; until test -e go; do sleep 0.1; done; exit 1")),
    );
    const ran = shell(`"$AKC" runtime start --bundle ${path} --mode enforce`, { cwd });
    await untilHeld(world);
    await rm(cwd, { recursive: true });
    await writeFile(join(world.workdir(await onlyRun(world)), "go"), "");
    const { exit, stdout, stderr } = await ran;
    expect(exit).toBe(1);
    expect(stdout).toContain("\noutcome: failed\n");
    const command = /^hint: `(.*)`/m.exec(stderr)?.[1] ?? "";
    expect(command).toEndWith(` --outputs-root ${world.root}`);
    expect((await shell(command, { cwd: "/" })).exit).toBe(0);
    const nowhere = `mkdir ${cwd}; cd ${cwd}; rmdir ${cwd}; "$AKC" runtime status nowhere --outputs-root ${world.root}`;
    expect((await shell(nowhere)).stderr).toContain(
      ` runtime list --outputs-root ${world.root}\` shows the runs there`,
    );
  });
});

test("who is in the way of a run is stopped with the command that is shown", async () => {
  await inWorld(async (world) => {
    const waits = bundle().step("wait", sh(": >began; sleep 600", { timeoutMs: 900_000 }));
    const live = await world.begin(waits, "--runtime-run-id", "release-7");
    await untilHeld(world);
    const path = await world.place(waits);
    const words = [
      "runtime",
      "start",
      "--bundle",
      path,
      "--mode",
      "enforce",
      "--runtime-run-id",
      "release-7",
    ];
    const second = await akc(words, { cwd: "/" });
    expect(second.exit).toBe(5);
    const command = /stop it with `(.*)`/.exec(second.stderr)?.[1] ?? "";
    expect((await shell(`${command} --wait 60`, { cwd: "/" })).exit).toBe(0);
    expect((await live.ended).code).toBe(1);
  });
});

function keysOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [key, ...keysOf(item)]);
}

/** What is left to read when the pictures that were drawn over are gone. */
function lastScreen(screen: string): string {
  const last = screen.slice(screen.lastIndexOf(`${esc}[0J`) + 1);
  return Bun.stripANSI(last).replaceAll("\r\n", "\n").replace(/^\[0J/, "");
}

async function onlyRun(world: World): Promise<string> {
  return String((await world.status())["runtime_run_id"]);
}

async function untilHeld(world: World): Promise<void> {
  while (
    (await Array.fromAsync(new Bun.Glob("**/began").scan({ cwd: world.root, dot: true }))).length === 0
  ) {
    await Bun.sleep(20);
  }
}
