/** The first ten minutes of whoever writes a validator: begin it, test it, install it, grant it, ask it, and ask nobody again. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plainEnv } from "./akc.ts";
import { inWorld, jsonObject } from "./world.ts";

setDefaultTimeout(60_000);

test.each(["ts", "python"])(
  "a new validator in %s judges a real server, and what is missing is told before",
  (lang) =>
    inWorld(async (world) => {
      const server = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        fetch: () => Response.json({ depth: 3, at_ms: Date.now() }),
      });
      const env = { ...plainEnv, HOME: world.side, AKC_PLUGINS_DIR: join(world.side, "plugins") };
      const akc = (...args: readonly string[]) => world.akc(args, { env, cwd: world.side });
      const missing = async (...flags: readonly string[]) => {
        const { stdout } = await akc("validate", "bindings", "bindings.yaml", "-o", "json", ...flags);
        return (jsonObject(stdout)["items"] as readonly { missing: unknown }[]).map((item) => item.missing);
      };
      try {
        const host = `127.0.0.1:${server.port}`;
        expect((await akc("plugin", "new", "acme/queue", "--kind", "validator", "--lang", lang)).code).toBe(
          0,
        );
        expect((await akc("plugin", "test", "./queue")).stdout).toContain(" 0 failed, 0 skipped");
        expect(readFileSync(join(world.side, "queue/README.md"), "utf8")).toContain("\n    kind: queue\n");
        writeFileSync(
          join(world.side, "bindings.yaml"),
          `bindings:\n  q: {kind: queue, url: "http://${host}/depth", max_depth: 10}\n`,
        );
        expect(await missing("--plugins-dir", ".")).toEqual([
          [{ what: "validator", name: "queue", why: expect.stringContaining("acme/queue is untrusted (") }],
        ]);

        const install = async () =>
          expect((await akc("plugin", "install", "./queue", "--replace")).code).toBe(0);
        await install();
        const grant = { what: "grant", name: `net ${host}` };
        const unasked = { ...grant, why: expect.stringContaining("permissions.net of its plugin.yaml") };
        expect(await missing()).toEqual([[unasked]]);
        const manifest = join(world.side, "queue/plugin.yaml");
        writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"*:443"', `"${host}"`));
        await install();
        expect(await missing()).toEqual([
          [{ ...grant, why: expect.stringContaining("policy does not grant") }],
        ]);
        const policy = join(world.side, "policy.yaml");
        writeFileSync(
          policy,
          `schema: akc.policy/v1\nplugins: { grants: { acme/queue: { net: ["${host}"] } } }\n`,
        );
        expect(await missing("--policy", policy)).toEqual([[]]);

        const run = ["validate", "run", "--validator-bindings", "bindings.yaml"];
        const refused = await akc(...run);
        expect([refused.code, refused.stdout]).toEqual([
          2,
          expect.stringMatching(
            /^q: the plugin was (?:granted nothing under permissions\.net|not granted this: net 127)/m,
          ),
        ]);
        const asked = await akc(...run, "--policy", policy, "--save", "tried");
        expect([asked.code, asked.stdout]).toEqual([0, expect.stringMatching(/^q +queue +pass +3 +\d+$/m)]);
        await server.stop(true);
        const replayed = await akc("validate", "replay", "--from", "tried");
        expect([replayed.code, replayed.stdout]).toEqual([
          0,
          expect.stringMatching(/^q +queue +same +pass +3$/m),
        ]);
      } finally {
        await server.stop(true);
      }
    }),
);
