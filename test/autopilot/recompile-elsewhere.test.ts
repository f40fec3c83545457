/** Recompile hooks that are a service or a plugin: one signed question to exactly where it was meant for, the same answers. */
import { describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RecompileConfig } from "../../src/autopilot/config/model.ts";
import { bundle, sh } from "../e2e/bundle.ts";
import { withHook } from "./hook-world.ts";

const work = bundle().started("work", sh("true"));

interface Seen {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A service on loopback that answers with what `answer` makes of the question. */
function service(answer: (seen: Seen) => Response | Promise<Response>) {
  const seen: Seen[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    async fetch(request) {
      const one = {
        path: new URL(request.url).pathname,
        headers: request.headers,
        body: await request.text(),
      };
      seen.push(one);
      return answer(one);
    },
  });
  return { seen, url: String(server.url), [Symbol.dispose]: () => void server.stop(true) };
}

function http(url: string, more: object = {}): RecompileConfig {
  return { kind: "http", url, timeoutMs: 5_000, outputBytesMax: 4_096, ...more };
}

describe("a hook that is a service", () => {
  test("is asked once, with a body that it can prove, and offers a bundle", async () => {
    await withHook(async ({ world, hooks, askBy }) => {
      const { bundleSha256, bundlePath } = await world.place("run-2", work);
      const secretFile = join(hooks, "secret");
      writeFileSync(secretFile, "shared-secret-1234\n");
      using asked = service(() => Response.json({ bundle: bundlePath }));
      const answer = await askBy(http(`${asked.url}recompile`, { secretFile }));
      expect(answer).toMatchObject({ result: "offered", offer: { bundleSha256, source: "recompile" } });
      const [seen, ...others] = asked.seen;
      expect(others).toEqual([]);
      expect(seen?.path).toBe("/recompile");
      const hmac = new Bun.CryptoHasher("sha256", "shared-secret-1234")
        .update(seen?.body ?? "")
        .digest("hex");
      expect(seen?.headers.get("x-akc-signature")).toBe(`v1=${hmac}`);
      expect(JSON.parse(seen?.body ?? "")).toMatchObject({
        schema: "akc.autopilot.recompile_request.v1",
        attempt_id: "r1",
        triggers: [{ kind: "drift" }],
      });
    });
  });

  test("that answers with an error, a redirect, too much, nonsense or never, is named", async () => {
    await withHook(async ({ hooks, askBy }) => {
      const codeOf = async (answer: (seen: Seen) => Response | Promise<Response>, more: object = {}) => {
        using asked = service(answer);
        const got = await askBy(http(asked.url, more));
        expect(asked.seen.length).toBe(1);
        return "code" in got ? got.code : got.result;
      };
      expect(await codeOf(() => new Response("no compiler", { status: 500 }))).toBe("HTTP_STATUS");
      expect(await codeOf(() => Response.redirect("/elsewhere", 307))).toBe("HTTP_REDIRECT_REFUSED");
      expect(await codeOf(() => new Response("x".repeat(5_000)))).toBe("HTTP_RESPONSE_TOO_LARGE");
      expect(await codeOf(() => new Response("<html>"))).toBe("RECOMPILE_ANSWER_INVALID");
      expect(await codeOf(() => Response.json({ refused: "not today" }))).toBe("refused");
      expect(await codeOf(() => Bun.sleep(30_000).then(() => new Response()), { timeoutMs: 200 })).toBe(
        "HTTP_TIMEOUT",
      );
      expect(await askBy(http("http://127.0.0.1:1/"))).toMatchObject({ code: "HTTP_UNREACHABLE" });
      expect(await askBy(http("http://169.254.169.254/"))).toMatchObject({ code: "HTTP_ADDRESS_DENIED" });
      const secretFile = join(hooks, "empty");
      writeFileSync(secretFile, "\n");
      expect(await askBy(http("http://127.0.0.1:1/", { secretFile }))).toMatchObject({
        code: "AUTOPILOT_CONFIG_INVALID",
        message: expect.stringContaining(`a secret is empty: ${secretFile}`),
      });
      const missing = join(hooks, "none");
      expect(await askBy(http("http://127.0.0.1:1/", { secretFile: missing }))).toMatchObject({
        code: "FILE_NOT_FOUND",
        message: expect.stringContaining(missing),
      });
    });
  });

  test("cannot make a message tell its secret", async () => {
    await withHook(async ({ hooks, askBy }) => {
      const secretFile = join(hooks, "secret");
      writeFileSync(secretFile, "shared-secret-1234");
      using asked = service(() => new Response("you signed with shared-secret-1234", { status: 500 }));
      const got = JSON.stringify(await askBy(http(asked.url, { secretFile })));
      expect(got).toContain("you signed with [redacted]");
      expect(got).not.toContain("shared-secret");
    });
  });

  test("is left when the controller is told to stop", async () => {
    await withHook(async ({ askBy }) => {
      using asked = service(() => Bun.sleep(30_000).then(() => new Response()));
      const stop = new AbortController();
      const reason = new Error("drained");
      const asking = askBy(http(asked.url, { timeoutMs: 20_000 }), { signal: stop.signal });
      setTimeout(() => stop.abort(reason), 50);
      await expect(asking).rejects.toBe(reason);
    });
  });
});

const manifest = `schema: akc.plugin/v1
id: acme/compiler
version: 1.0.0
kind: adapter
api: 1
runtime: bun
entry: index.ts
capabilities:
  adapter: { compiler: [] }
`;
const entry = `import { definePlugin } from "akc/sdk";
export default definePlugin({
  adapters: {
    compiler: {
      async execute(request) {
        const { settings, action, workdir } = request;
        if (settings.options.mode === "refuse") return { outputs: { refused: "not for " + settings.repo_id } };
        if (settings.options.mode === "fail") throw new Error("compiler broke");
        if (settings.options.mode === "hang") await new Promise(() => undefined);
        await Bun.write(workdir + "/" + settings.attempt_id + ".runtime_bundle.json", settings.options.document);
        return { outputs: { bundle: workdir + "/" + settings.attempt_id + ".runtime_bundle.json", type: action.action_type } };
      },
    },
  },
});
`;

test("a hook that is a plugin's adapter is asked once, may write where it is told, and offers a bundle", async () => {
  await withHook(async ({ world, hooks, askBy }) => {
    const folder = join(hooks, "plugins/compiler");
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    writeFileSync(join(folder, "plugin.yaml"), manifest, { mode: 0o644 });
    writeFileSync(join(folder, "index.ts"), entry, { mode: 0o644 });
    const policyPath = join(hooks, "policy.yaml");
    writeFileSync(policyPath, JSON.stringify({ schema: "akc.policy/v1", plugins: { trust: "any" } }));
    const ids = { tenant_id: "acme", repo_id: "shop", run_id: "run-5" };
    const document = JSON.stringify({ ...work.document(), ...ids });
    const ask = (mode: string, more: object = {}) =>
      askBy(
        {
          kind: "plugin",
          adapter: "compiler",
          timeoutMs: 20_000,
          outputBytesMax: 4_096,
          options: { mode, document },
          ...more,
        },
        { pluginsDirs: [join(hooks, "plugins")], policyPath },
      );
    const answer = await ask("make");
    expect(answer).toMatchObject({
      result: "offered",
      offer: {
        runId: "run-5",
        bundlePath: join(world.scopeRoot, ".akc/autopilot/offered/r1.runtime_bundle.json"),
      },
    });
    expect(await ask("refuse")).toEqual({ result: "refused", message: "not for shop" });
    expect(await ask("fail")).toMatchObject({
      result: "failed",
      message: expect.stringContaining("compiler broke"),
    });
    expect(await ask("hang", { timeoutMs: 1_500 })).toMatchObject({
      result: "failed",
      code: "PLUGIN_TIMEOUT",
    });
    expect(await ask("make", { adapter: "nobody" })).toMatchObject({
      result: "failed",
      code: "ADAPTER_UNKNOWN",
    });
    // An operator who trusts nobody trusts this one neither.
    cpSync(policyPath, join(hooks, "before.yaml"));
    writeFileSync(
      policyPath,
      JSON.stringify({ schema: "akc.policy/v1", plugins: { disabled: ["acme/compiler"] } }),
    );
    expect(await ask("make")).toMatchObject({ result: "failed" });
  });
}, 40_000);
