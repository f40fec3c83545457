/** `akc autopilot trigger` and `akc autopilot triggers`, as a person types them. */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { trigger } from "../../src/cli/autopilot/trigger.ts";
import { triggers } from "../../src/cli/autopilot/triggers.ts";
import type { Command } from "../../src/cli/command.ts";
import type { Io } from "../../src/cli/io.ts";

const place = { isTerminal: false, color: false, canRedraw: false, columns: () => 80, rows: () => 24 };
const at = Date.parse("2026-11-23T10:00:00Z");

async function inOutputs(work: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "akc-trigger-words-"));
  try {
    mkdirSync(join(root, "acme/shop"), { recursive: true });
    await work(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function typed(command: Command, root: string, ...args: readonly string[]) {
  let stdout = "";
  let stderr = "";
  const io: Io = {
    stdout: place,
    stderr: place,
    env: {},
    out: async (text) => {
      stdout += text;
    },
    words: (text) => {
      stderr += text;
    },
  };
  const code = await command.execute([...args, "--outputs-root", root], io);
  return { code, stdout, stderr };
}

const shop = ["--tenant-id", "acme", "--repo-id", "shop"];

test("a trigger that a person gives is stored with who gave it, and is listed until it is settled", async () => {
  await inOutputs(async (root) => {
    expect(await typed(triggers, root)).toMatchObject({ code: 0, stdout: "", stderr: "no triggers here\n" });
    const given = await typed(
      trigger,
      root,
      ...shop,
      "--reason",
      "image was patched",
      "--severity",
      "high",
      "-o",
      "json",
    );
    expect(given.code).toBe(0);
    const { trigger_id: id, by } = JSON.parse(given.stdout);
    expect(by).toMatch(/^\S+@\S+$/);
    const listed = JSON.parse((await typed(triggers, root, "-o", "json")).stdout);
    expect(listed).toMatchObject({
      kind: "TriggerList",
      total: 1,
      items: [
        {
          trigger_id: id,
          tenant_id: "acme",
          repo_id: "shop",
          trigger_kind: "person",
          severity: "high",
          reason: "image was patched",
          standing: "open",
          settled_at_ms: null,
          details: { by },
        },
      ],
    });
    const table = (await typed(triggers, root)).stdout;
    expect(table).toContain("acme/shop");
    expect(table).toContain("image was patched");
    expect((await typed(triggers, root, "--repo-id", "other")).stdout).toBe("");
    const store = await openAutopilotStore(root);
    const scope = { tenantId: "acme", repoId: "shop" };
    const fence = await store.raiseFence(scope, "test", at);
    await store.append(scope, [{ type: "triggers_settled", triggerIds: [id], by: "recompile" }], fence, {
      nowMs: at,
    });
    await store.close();
    expect((await typed(triggers, root)).stdout).toBe("");
    const all = JSON.parse((await typed(triggers, root, "--all", "-o", "json")).stdout);
    expect(all.items).toMatchObject([
      { trigger_id: id, standing: "recompile", settled_at_ms: expect.any(Number) },
    ]);
  });
});

test("what cannot be meant is refused before anything is stored", async () => {
  await inOutputs(async (root) => {
    const codeOf = (...args: readonly string[]) =>
      typed(trigger, root, ...args).then(
        () => "none",
        (cause: unknown) => (cause instanceof Error && "code" in cause ? cause.code : cause),
      );
    expect(await codeOf("--reason", "x")).toBe("USAGE");
    expect(await codeOf("--tenant-id", "acme", "--repo-id", "nowhere", "--reason", "x")).toBe(
      "FILE_NOT_FOUND",
    );
    expect(await codeOf("--tenant-id", "../acme", "--repo-id", "shop", "--reason", "x")).toBe("USAGE");
    expect(await codeOf(...shop, "--reason", " ")).toBe("USAGE");
    expect(await codeOf(...shop, "--reason", "x", "--severity", "awful")).toBe("USAGE");
    expect((await typed(triggers, root)).stderr).toBe("no triggers here\n");
  });
});

test("a scope that a controller was told of by name can be triggered before it has a folder; any other name is refused with those that are known", async () => {
  await inOutputs(async (root) => {
    const store = await openAutopilotStore(root);
    await store.raiseFence({ tenantId: "acme", repoId: "named" }, "test", at);
    await store.close();
    expect(await typed(trigger, root, "--scope", "acme/named", "--reason", "x")).toMatchObject({ code: 0 });
    for (const [word, ...more] of [[trigger, "--reason", "x"] as const, [triggers] as const]) {
      const refused = await typed(word, root, "--scope", "acme/nowhere", ...more).catch(
        (cause: unknown) => cause,
      );
      expect(refused).toMatchObject({
        code: "AUTOPILOT_SCOPE_UNKNOWN",
        details: { scope: "acme/nowhere", known: ["acme/named"] },
      });
    }
    // Nothing has happened in this one yet, which is no fault.
    expect(await typed(triggers, root, "--scope", "acme/shop")).toMatchObject({
      code: 0,
      stderr: "no triggers here\n",
    });
  });
});
