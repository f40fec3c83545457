/**
 * Records runs of every shape with the built binary, each as an archive in `test/replay/histories/`: what this version wrote, every
 * later version must still verify and replay. Names on the command line choose some; a file that is there is never replaced.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AKC_VERSION } from "../src/version.ts";
import { binary, plainEnv } from "../test/e2e/akc.ts";
import { type BundleBuilder, bundle, get, noop, runId, sh } from "../test/e2e/bundle.ts";

const folder = join(import.meta.dir, "../test/replay/histories");

/** What is recorded tells of no host in particular: whoever sends a signal is named with it. */
const elsewhere = ["unshare", "--uts", "sh", "-c", 'hostname builder && exec "$@"', "sh"];

interface Place {
  readonly root: string;
  akc(...args: readonly string[]): Promise<{ readonly exit: number; readonly stdout: string }>;
  /** Starts it and does not wait for its end. */
  begin(plan: BundleBuilder, ...flags: readonly string[]): Promise<Bun.Subprocess>;
  start(plan: BundleBuilder, ...flags: readonly string[]): Promise<void>;
  runtimeRunId(): Promise<string>;
  /** Waits until an event of this type is there, `times` times. */
  event(type: string, times?: number): Promise<void>;
}

const wait = (spec: Readonly<Record<string, unknown>>) => ({ route: "wait", wait: spec });

const shapes: Readonly<Record<string, (place: Place) => Promise<void>>> = {
  succeeded: ({ start }) =>
    start(bundle().step("build", sh("echo built")).step("lint", noop).step("ship", noop, "build", "lint")),
  failed: ({ start }) =>
    start(bundle().step("build", sh("exit 3")).step("lint", noop).step("ship", noop, "build")),
  retried: ({ start }) =>
    start(
      bundle().step("flaky", sh("test -e again && exit 0; touch again; exit 1")).step("ship", noop, "flaky"),
    ),
  denied: ({ start }) =>
    start(
      bundle()
        .step("odd", { route: "subprocess", subprocess: { argv: ["nmap"] } })
        .step("ship", noop, "odd"),
    ),
  triggered: ({ start }) => start(bundle().started("first", sh("echo one")).started("second", noop, "first")),
  http: async ({ start }) => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("pong") });
    try {
      const url = `http://127.0.0.1:${server.port}`;
      await start(
        bundle()
          .step("ping", get(`${url}/ping`))
          .reaching(`${url}/`),
      );
    } finally {
      await server.stop(true);
    }
  },
  simulated: ({ start }) =>
    start(bundle().step("build", sh("echo built")).step("ship", noop, "build"), "--mode", "simulate"),
  stopped: async (place) => {
    const child = await place.begin(bundle().step("long", sh("sleep 60")).step("ship", noop, "long"));
    await place.event("runtime.action.policy_allowed");
    await place.akc("runtime", "stop", await place.runtimeRunId());
    await child.exited;
  },
  exhausted: ({ start }) =>
    start(bundle().step("long", sh("sleep 60")).step("ship", noop, "long"), "--deadline", "1s"),
  resumed: async (place) => {
    const plan = bundle()
      .step("quick", sh("echo quick"))
      .step("slow", sh("sleep 2"), "quick")
      .step("ship", noop, "slow");
    const child = await place.begin(plan);
    await place.event("runtime.action.policy_allowed", 2);
    child.kill("SIGKILL");
    await child.exited;
    await place.akc("runtime", "resume", await place.runtimeRunId());
  },
  cut_off: async (place) => {
    const child = await place.begin(
      bundle().step("quick", sh("echo quick")).step("slow", sh("sleep 60"), "quick"),
    );
    await place.event("runtime.action.policy_allowed", 2);
    child.kill("SIGKILL");
    await child.exited;
  },
  reopened: async (place) => {
    const plan = bundle()
      .step("long", sh("test -e again && exit 0; touch again; sleep 60"))
      .step("ship", noop, "long");
    const child = await place.begin(plan);
    await place.event("runtime.action.policy_allowed");
    await Bun.sleep(300);
    await place.akc("runtime", "stop", await place.runtimeRunId());
    await child.exited;
    await place.akc("runtime", "resume", await place.runtimeRunId());
  },
  rerun: async (place) => {
    await place.start(bundle().step("build", sh("date +%N")).step("lint", noop).step("ship", noop, "build"));
    await place.akc("runtime", "resume", await place.runtimeRunId(), "--from", "build");
  },
  rerun_after_failure: async (place) => {
    const failsOnce = sh("test -e again && exit 0; touch again; exit 1; ");
    await place.start(
      bundle().step("build", noop).step("test", failsOnce, "build").step("ship", noop, "test"),
    );
    await place.akc("runtime", "resume", await place.runtimeRunId(), "--from", "test");
  },
  waits: async (place) => {
    const plan = bundle()
      .step("nap", wait({ duration_ms: 200 }))
      .step("approval", wait({ signal: "go", approval: true, timeout_ms: 60_000 }), "nap")
      .step("ship", sh("echo shipped"), "approval");
    const child = await place.begin(plan);
    await place.event("runtime.action.wait_started", 2);
    await place.akc("runtime", "signal", await place.runtimeRunId(), "--name", "go", "--approve");
    await child.exited;
  },
  refused: async (place) => {
    const plan = bundle()
      .step("approval", wait({ signal: "go", approval: true }))
      .step("ship", noop, "approval");
    const child = await place.begin(plan);
    await place.event("runtime.action.wait_started");
    await place.akc("runtime", "signal", await place.runtimeRunId(), "--name", "go", "--refuse");
    await child.exited;
  },
  wait_timed_out: ({ start }) =>
    start(
      bundle()
        .step("word", wait({ signal: "word", timeout_ms: 200 }))
        .step("ship", noop, "word"),
    ),
  wait_resumed: async (place) => {
    const plan = bundle()
      .step("word", wait({ signal: "word" }))
      .step("ship", noop, "word");
    const child = await place.begin(plan);
    await place.event("runtime.action.wait_started");
    child.kill("SIGKILL");
    await child.exited;
    const id = await place.runtimeRunId();
    await Bun.write(join(place.root, "word.json"), '{"replicas":3}');
    await place.akc("runtime", "signal", id, "--name", "word", "--payload", join(place.root, "word.json"));
    await place.akc("runtime", "resume", id);
  },
};

async function record(name: string, shape: (place: Place) => Promise<void>): Promise<void> {
  const file = join(folder, `${AKC_VERSION}-${name}.akcrun.gz`);
  if (existsSync(file)) return;
  const base = await realpath(await mkdtemp(join(tmpdir(), "akc-record-")));
  try {
    const place = placeAt(base);
    await shape(place);
    const archive = join(base, "run.akcrun");
    const { exit, stdout } = await place.akc(
      "runtime",
      "export",
      await place.runtimeRunId(),
      "--to",
      archive,
    );
    if (exit !== 0) throw new Error(`${name} was not exported: ${stdout}`);
    // Mostly the empty ends of pages.
    await Bun.write(file, Bun.gzipSync(await Bun.file(archive).bytes(), { level: 9 }));
    console.log(`${name}  ${Bun.file(file).size} bytes`);
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

function placeAt(base: string): Place {
  const root = join(base, "out");
  const spawn = (args: readonly string[]) =>
    Bun.spawn([...elsewhere, binary, ...args], {
      cwd: base,
      env: plainEnv,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
  const akc: Place["akc"] = async (...args) => {
    const child = spawn([...args, "--outputs-root", root]);
    const [exit, stdout] = await Promise.all([child.exited, new Response(child.stdout).text()]);
    return { exit, stdout };
  };
  const begin: Place["begin"] = async (plan, ...flags) => {
    const akcFolder = join(root, "acme/shop/.akc");
    const path = join(akcFolder, `runtime/${runId}.runtime_bundle.json`);
    await write(join(akcFolder, `orchestration/${runId}.orchestration.json`), plan.orchestration());
    await write(path, plan.document());
    const mode = flags.includes("--mode") ? [] : ["--mode", "enforce"];
    return spawn(["runtime", "start", "--bundle", path, ...mode, ...flags, "--outputs-root", root]);
  };
  const runtimeRunId: Place["runtimeRunId"] = async () => {
    const { stdout } = await akc("runtime", "list", "-o", "json");
    const listed: { items: { runtime_run_id: string }[] } = JSON.parse(stdout);
    return listed.items[0]?.runtime_run_id ?? "";
  };
  return {
    root: base,
    akc,
    begin,
    runtimeRunId,
    async start(plan, ...flags) {
      await (await begin(plan, ...flags)).exited;
    },
    async event(type, times = 1) {
      for (let tries = 0; tries < 200; tries += 1) {
        const id = await runtimeRunId();
        const { stdout } = id === "" ? { stdout: "" } : await akc("runtime", "events", id);
        if (stdout.split(`"event_type": "${type}"`).length > times) return;
        await Bun.sleep(50);
      }
      throw new Error(`no ${type} came`);
    },
  };
}

async function write(path: string, document: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await Bun.write(path, JSON.stringify(document));
}

await mkdir(folder, { recursive: true });
const asked = process.argv.slice(2);
for (const [name, shape] of Object.entries(shapes)) {
  if (asked.length === 0 || asked.includes(name)) await record(name, shape);
}
