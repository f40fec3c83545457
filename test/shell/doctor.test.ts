/** `akc doctor` on hosts that are ill: what it says, and what it exits with. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { akc, binary, shell } from "../e2e/akc.ts";

setDefaultTimeout(120_000);

const folder = mkdtempSync(join(tmpdir(), "akc-doctor-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a host with a broken policy file is at fault, in text and in JSON", async () => {
  const policy = join(folder, "policy.yaml");
  writeFileSync(policy, "schema: akc.policy/v1\nsubproces: [git]\n");
  const args = ["doctor", "--only", "policy_file,sqlite", "--policy", policy];
  const text = await akc(args, { cwd: folder });
  expect(text.exit).toBe(1);
  expect(text.stdout).toMatch(/^ok\s+sqlite\s.*\nfault\s+policy_file\s/);
  expect(text.stdout).toMatch(/→ Mend the line shown/);
  expect(text.stdout).toEndWith("\n1 ok, 1 fault\n");
  const json = await akc([...args, "-o", "json"], { cwd: folder });
  expect(json.exit).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    kind: "Doctor",
    worst: "fault",
    counts: { ok: 1, note: 0, warning: 0, fault: 1 },
    items: [
      { check: "sqlite", severity: "ok", fix: null },
      { check: "policy_file", severity: "fault", details: { code: "POLICY_FILE_INVALID" } },
    ],
  });
});

test("a healthy disk is no fault, and nothing is left there", async () => {
  const { exit, stdout } = await shell(
    `"$AKC" doctor --only disk --only plugins --only memory --only limits --outputs-root . && ls -A`,
    { cwd: mkdtempSync(join(folder, "empty-")) },
  );
  expect(exit).toBe(0);
  expect(stdout).not.toContain(".akc-doctor");
});

const mountable = await shell("unshare --user --map-root-user --mount mount -t tmpfs tmpfs /mnt");
if (mountable.exit !== 0) console.error("SKIPPED: no disk of one's own can be mounted here");

test.skipIf(mountable.exit !== 0)("a disk that is full is a fault", async () => {
  const { exit, stdout } = await shell(
    `unshare --user --map-root-user --mount sh -c '
       mount -t tmpfs -o size=256k tmpfs /mnt && head -c 1M /dev/zero >/mnt/full 2>/dev/null
       exec "$0" doctor --only disk --outputs-root /mnt -o json' ${binary}`,
  );
  expect(exit).toBe(1);
  const { items } = JSON.parse(stdout);
  expect(items).toContainEqual(expect.objectContaining({ severity: "fault", details: { free_bytes: 0 } }));
  expect(items).toContainEqual(
    expect.objectContaining({ says: expect.stringContaining("no database can be made") }),
  );
  expect(items).toContainEqual(
    expect.objectContaining({ severity: "warning", details: { file_system: "tmpfs" } }),
  );
});

test("a check that does not exist is told with the one that was meant", async () => {
  const { exit, stderr } = await akc(["doctor", "--only", "dsk"]);
  expect(exit).toBe(2);
  expect(stderr).toContain("Did you mean disk?");
});
