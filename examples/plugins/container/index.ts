/**
 * Runs an action's argv in a container of Docker or Podman: bounded, without a shell, without network unless it is allowed.
 *
 * A container is named after the action's idempotency key, so there can be only one. It is removed when the call is cancelled or the
 * plugin ends; when the plugin dies with akc, it goes on until its deadline at most and is found again by `recover`, or by `execute`.
 */
import {
  type ActionOutcome,
  type Call,
  definePlugin,
  type ExecuteRequest,
  failed,
  type Recovery,
} from "akc/sdk";
import { ask, follow, must } from "./engine.ts";
import { type Allowed, allowedOf, type Order, orderOf } from "./settings.ts";

const label = "akc.example.container";
/** Under way in this process: action → container. */
const underWay = new Map<string, { readonly engine: string; readonly name: string }>();

export default definePlugin({
  config: allowedOf,
  async start({ settings, log }) {
    await sweep(settings).catch((cause: unknown) => log.warn(`cannot look for old containers: ${cause}`));
  },
  async stop() {
    await Promise.all([...underWay.values()].map(({ engine, name }) => ask(engine, ["rm", "--force", name])));
  },
  adapters: {
    container: {
      capabilities: ["stream"],
      async execute(request, call) {
        const order = orderOf(request.settings, call.settings);
        const { engine } = call.settings;
        const name = await nameOf(request);
        const there = await look(engine, name, call.signal);
        const failedBefore =
          there?.state === "exited" && there.exitCode !== 0 && there.attempt !== request.attempt;
        // Never cut off in the middle: the engine would go on, and nobody would know. `finish` obeys the signal.
        if (failedBefore) await must(engine, ["rm", "--force", name]);
        if (there === undefined || failedBefore) await create(order, request, call, name);
        // Created by an attempt that died before it could start it, or just now.
        if (there === undefined || failedBefore || there.state === "created") {
          await must(engine, ["start", name]);
        }
        return finish(request, call, name);
      },
      async recover(request, call): Promise<Recovery> {
        const name = await nameOf(request);
        const there = await look(call.settings.engine, name, call.signal);
        if (there === undefined || there.state === "created") return { kind: "unknown" };
        if (there.state === "exited" && there.exitCode !== 0) return { kind: "unknown" };
        try {
          return { kind: "succeeded", ...(await finish(request, call, name)) };
        } catch (cause) {
          if (call.signal.aborted) throw cause;
          return { kind: "unknown" };
        }
      },
      async cancel(_context, actionId) {
        const found = underWay.get(actionId);
        if (found !== undefined) await ask(found.engine, ["rm", "--force", found.name]);
      },
    },
  },
});

async function create(
  order: Order,
  request: ExecuteRequest,
  call: Call<Allowed>,
  name: string,
): Promise<void> {
  const { engine, pull, memoryMb, pids, cpus } = call.settings;
  const [program, ...args] = order.argv;
  const { workdir } = order;
  const mount = workdir === "none" ? [] : mountArgs(request.workdir, workdir === "read");
  await must(engine, [
    ...["create", "--name", name, "--pull", pull],
    ...["--label", label, "--label", `${label}.attempt=${request.attempt}`],
    ...["--label", `${label}.until=${Date.now() + request.timeoutMs}`],
    ...["--network", order.network, "--read-only", "--cap-drop", "ALL"],
    ...["--security-opt", "no-new-privileges", "--memory", `${memoryMb}m`, "--memory-swap", `${memoryMb}m`],
    ...["--pids-limit", String(pids), "--cpus", String(cpus), "--restart", "no"],
    ...mount,
    ...Object.entries(order.env).flatMap(([key, value]) => ["--env", `${key}=${value}`]),
    // The argv is the action's, and nothing of the image's is put before it.
    ...["--entrypoint", program, "--", order.image, ...args],
  ]);
}

function mountArgs(folder: string, readOnly: boolean): readonly string[] {
  if (folder.includes(","))
    throw failed("a folder with a comma cannot be mounted", { code: "WORKDIR_INVALID" });
  const options = ["type=bind", `source=${folder}`, "target=/work", ...(readOnly ? ["readonly"] : [])];
  return ["--mount", options.join(","), "--workdir", "/work"];
}

/** Until it ends; when the call is to end first, it is killed and removed. */
async function finish(request: ExecuteRequest, call: Call<Allowed>, name: string): Promise<ActionOutcome> {
  const { engine, outputBytes } = call.settings;
  const { actionId } = request.action;
  underWay.set(actionId, { engine, name });
  let bytes = 0;
  let removed = false;
  try {
    await follow(
      engine,
      name,
      async (piece) => {
        bytes += piece.length;
        if (bytes > outputBytes)
          throw failed(`it put out more than ${outputBytes} bytes`, { code: "OUTPUT_TOO_LARGE" });
        await call.output(piece);
      },
      (text) => call.log.info(text.trimEnd().slice(0, 2_000)),
      call.signal,
    );
  } catch (cause) {
    removed = true;
    await ask(engine, ["rm", "--force", name]);
    throw cause;
  } finally {
    underWay.delete(actionId);
    if (call.signal.aborted && !removed) await ask(engine, ["rm", "--force", name]);
  }
  const ended = await look(engine, name, call.signal);
  if (ended === undefined) throw failed("somebody removed the container", { code: "CONTAINER_GONE" });
  const outputs = { exit_code: ended.exitCode, oom_killed: ended.oomKilled, output_bytes: bytes };
  if (ended.exitCode === 0) return { outputs };
  const why = ended.oomKilled ? "it needed more memory than it may have" : `exit ${ended.exitCode}`;
  throw failed(why, { code: ended.oomKilled ? "OUT_OF_MEMORY" : "EXIT", outputs });
}

interface Seen {
  readonly state: "created" | "running" | "exited";
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly attempt: number;
}

async function look(engine: string, name: string, signal: AbortSignal): Promise<Seen | undefined> {
  const format = `{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{index .Config.Labels "${label}.attempt"}}`;
  const { code, stdout, stderr } = await ask(
    engine,
    ["container", "inspect", "--format", format, name],
    signal,
  );
  if (code !== 0) {
    if (/no such container/i.test(stderr)) return undefined;
    throw failed(`${engine} cannot be reached: ${stderr.trim().slice(0, 400)}`, { code: "ENGINE_FAILED" });
  }
  const [status = "", exitCode = "", oomKilled = "", attempt = ""] = stdout.trim().split(" ");
  const state =
    status === "created" ? "created" : status === "exited" || status === "dead" ? "exited" : "running";
  return { state, exitCode: Number(exitCode), oomKilled: oomKilled === "true", attempt: Number(attempt) };
}

/** What an earlier life left behind: what runs beyond its deadline, and what ended long ago. */
async function sweep({ engine, keepMinutes }: Allowed): Promise<void> {
  const mine = ["--filter", `label=${label}`];
  const listed = await must(engine, ["ps", ...mine, "--format", `{{.ID}} {{.Label "${label}.until"}}`]);
  for (const line of listed.split("\n").filter((text) => text !== "")) {
    const [id = "", until = ""] = line.split(" ");
    if (Number(until) < Date.now()) await ask(engine, ["rm", "--force", id]);
  }
  await must(engine, ["container", "prune", "--force", ...mine, "--filter", `until=${keepMinutes}m`]);
}

/** One name for all attempts of one action in one run. */
async function nameOf({ context, action }: ExecuteRequest): Promise<string> {
  const { tenantId, repoId, runtimeRunId } = context;
  const words = JSON.stringify([tenantId, repoId, runtimeRunId, action.idempotencyKey]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(words));
  return `akc-${new Uint8Array(digest).toHex().slice(0, 40)}`;
}
