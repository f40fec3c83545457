/** A folder, a server that counts, and `akc validate …` in this process, for tests of its commands. */
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "../../src/cli/io.ts";
import { execute } from "../../src/cli/run.ts";
import { serve } from "./execution-world.ts";

export interface Ended {
  readonly exit: number;
  readonly out: string;
  readonly words: string;
}

/** One command line in this process; nothing of the host's environment counts. */
export async function akc(...argv: readonly string[]): Promise<Ended> {
  let [out, words] = ["", ""];
  const place = { isTerminal: false, color: false, canRedraw: false, columns: () => 80, rows: () => 24 };
  const io: Io = {
    stdout: place,
    stderr: place,
    env: { HOME: "/nonexistent" },
    out: async (text) => {
      out += text;
    },
    words: (text) => {
      words += text;
    },
  };
  return { exit: await execute(argv, io), out, words };
}

/** Answers queries as Prometheus does, and `/json` with an object; `value` is what it says now. */
export function commandWorld(value = 7) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "akc-validate-")));
  const said = { value };
  const server = serve((path) => {
    switch (path) {
      case "/api/v1/query": {
        const sample = [Date.now() / 1000, String(said.value)];
        const data = { resultType: "vector", result: [{ metric: {}, value: sample }] };
        return Response.json({ status: "success", data });
      }
      case "/json":
        return Response.json({ queue: { depth: said.value } });
      default:
        return new Response("nothing here", { status: 404 });
    }
  });
  const policy = join(root, "policy.yaml");
  writeFileSync(policy, "schema: akc.policy/v1\n");
  const registry = join(root, "bindings.yaml");
  return {
    root,
    said,
    server,
    registry,
    /** A counter that the binding `cmd` raises each time that it is asked. */
    get commandsRun() {
      try {
        return readFileSync(join(root, "ran"), "utf8").length;
      } catch {
        return 0;
      }
    },
    bind(bindings: Readonly<Record<string, object>>) {
      writeFileSync(registry, JSON.stringify({ schema_kind: "validator_bindings", bindings }));
    },
    prom: (expect: object, more: object = {}) => ({
      kind: "promql_query",
      url: `${server.url}/api/v1/query`,
      query: "up",
      expect,
      ...more,
    }),
    json: (expect: object, path = "/json") => ({
      kind: "http_json",
      url: `${server.url}${path}`,
      pointer: "/queue/depth",
      expect,
    }),
    cmd: (script: string) => ({
      kind: "command",
      argv: ["/bin/sh", "-c", `printf x >> '${root}/ran'; ${script}`],
    }),
    run: (...argv: readonly string[]) =>
      akc("validate", "run", "--validator-bindings", registry, "--policy", policy, ...argv),
    replay: (...argv: readonly string[]) => akc("validate", "replay", "--policy", policy, ...argv),
    async [Symbol.asyncDispose]() {
      await server.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
