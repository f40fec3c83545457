import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownerName } from "../system/process-owner.ts";
import { spawnKey, sweepLeftovers } from "./leftovers.ts";

const gone = Bun.spawn(["true"]);
await gone.exited;
/** As a process of a container is called there, whose number is nobody's here. */
const elsewhere = `${gone.pid}-00000000`;

test("folders of a process that is gone are removed, those of one that lives or is elsewhere are not", () => {
  const parent = mkdtempSync(join(tmpdir(), "akc-test-leftovers-"));
  const left = [
    `akc-plugins-${ownerName(process.pid)}-a`,
    `akc-validator-${ownerName(process.pid)}-a`,
    `akc-plugins-${elsewhere}-a`,
    `akc-validator-${elsewhere}-a`,
    `another-${ownerName(gone.pid)}-a`,
  ];
  const taken = [`akc-plugins-${ownerName(gone.pid)}-a`, `akc-validator-${ownerName(gone.pid)}-a`];
  for (const name of [...left, ...taken]) mkdirSync(join(parent, name, "inside"), { recursive: true });
  sweepLeftovers(parent);
  expect(readdirSync(parent).sort()).toEqual(left.sort());
  rmSync(parent, { recursive: true });
});

test("a plugin's process is killed when its akc is gone, not while that lives, nor when it is another container's", async () => {
  const parent = mkdtempSync(join(tmpdir(), "akc-test-leftovers-"));
  const plugin = (key: string) => Bun.spawn(["sleep", "60"], { env: { AKC_SPAWN_ID: `${key}.1.1` } });
  const ours = plugin(spawnKey());
  const theirs = plugin(`plugin-${elsewhere}`);
  const orphan = plugin(`plugin-${ownerName(gone.pid)}`);
  try {
    sweepLeftovers(parent);
    await orphan.exited;
    expect(orphan.signalCode).toBe("SIGKILL");
    // Whoever is killed by the same look was killed before it ended.
    await Bun.sleep(50);
    expect([ours.signalCode, theirs.signalCode]).toEqual([null, null]);
  } finally {
    for (const child of [ours, theirs, orphan]) child.kill("SIGKILL");
    rmSync(parent, { recursive: true });
  }
});
