/** A bundle deploys by the provider of a plugin, through the built binary, with the grants that the operator gives. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { akc, root } from "../e2e/akc.ts";

let folder: string;
let served: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "akc-provider-")));
  served = join(folder, "served");
  mkdirSync(served);
  const plugin = join(folder, "plugins/files");
  cpSync(join(root, "examples/plugins/files"), plugin, { recursive: true });
  const manifest = readFileSync(join(plugin, "plugin.yaml"), "utf8");
  writeFileSync(join(plugin, "plugin.yaml"), manifest.replaceAll("/var/lib/akc-files", served));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bundle = (content: string, kind = "files") => {
  const hello = JSON.parse(readFileSync(join(root, "examples/hello/hello.runtime_bundle.json"), "utf8"));
  const path = join(folder, `${content}.json`);
  const intent = {
    node_id: "note.txt",
    kind: "service",
    name: "note",
    depends_on: [],
    runtime_deployment: { files: { content } },
  };
  writeFileSync(
    path,
    JSON.stringify({
      ...hello,
      runtime_policy_envelope: { ...hello.runtime_policy_envelope, deny_actions: [] },
      // A plugin starts what the bundle may start, too.
      runtime_execution: {
        ...hello.runtime_execution,
        subprocess_allowlist: [...hello.runtime_execution.subprocess_allowlist, "mkdir", "rm", "sha256sum"],
      },
      deployment_provider: { kind },
      deployment_intents: [intent],
    }),
  );
  return path;
};

const policy = (write: readonly string[]) => {
  const path = join(folder, "policy.yaml");
  const grants = {
    "akc-examples/files": { write, run: ["/usr/bin/mkdir", "/usr/bin/rm", "/usr/bin/sha256sum"] },
  };
  writeFileSync(
    path,
    JSON.stringify({
      schema: "akc.policy/v1",
      providers: ["files", "akc-examples/files"],
      plugins: { trust: "any", grants },
    }),
  );
  return path;
};

const command = (words: readonly string[], policyPath: string) =>
  akc([...words, "--plugins-dir", join(folder, "plugins"), "--policy", policyPath, "-o", "json"], {
    cwd: folder,
    env: { HOME: folder },
  });
const start = (bundlePath: string, policyPath: string) =>
  command(
    ["runtime", "start", "--bundle", bundlePath, "--mode", "enforce", "--outputs-root", join(folder, "out")],
    policyPath,
  );

test("a plugin's provider makes what the bundle wants, sees what somebody changed, and puts it right", async () => {
  const granted = policy([served]);
  const first = await start(bundle("one"), granted);
  expect(first).toMatchObject({ exit: 0 });
  const report = JSON.parse(first.stdout);
  expect(report).toMatchObject({ outcome: "succeeded", converged: true });
  const note = join(served, "note.txt");
  expect(readFileSync(note, "utf8")).toBe("one");

  writeFileSync(note, "by hand");
  const reconcile = ["runtime", "reconcile", report.runtime_run_id, "--outputs-root", join(folder, "out")];
  const seen = await command([...reconcile, "--dry-run", "--exit-code"], granted);
  expect(seen.exit).toBe(7);
  expect(readFileSync(note, "utf8")).toBe("by hand");
  expect(await command([...reconcile, "--apply"], granted)).toMatchObject({ exit: 0 });
  expect(readFileSync(note, "utf8")).toBe("one");

  const again = await start(bundle("two", "akc-examples/files"), granted);
  expect(JSON.parse(again.stdout)).toMatchObject({ converged: true });
  expect(readFileSync(note, "utf8")).toBe("two");
});

test("what the operator does not grant the plugin cannot do, and the run says so", async () => {
  rmSync(join(served, "note.txt"), { force: true });
  const ended = await start(bundle("three"), policy([]));
  expect(JSON.parse(ended.stdout)).toMatchObject({ converged: false });
  expect(ended.stderr).toContain("not everything stands as it should");
  expect(existsSync(join(served, "note.txt"))).toBe(false);
});

test("a provider that nobody offers is an error that names those there are, before any action", async () => {
  const ended = await start(bundle("four", "nobodys"), policy([served]));
  expect(ended.exit).toBe(2);
  const error = JSON.parse(ended.stdout);
  expect(error).toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  expect(error.details.available).toContain("docker_compose_apply");
});
