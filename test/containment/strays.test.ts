/** After a crash: what the dead process left running does not work beside its own next attempt. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isZombie } from "../../src/system/process-table.ts";
import { killStrays } from "../../src/system/process-tree.ts";
import { eventually, isAlive } from "./request.ts";

test("children of a killed process are ended before its run goes on, those of other runs are not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "akc-strays-"));
  // Two children as a process that was killed leaves them: without a parent, with the mark of their run.
  const leave = (run: string) =>
    Bun.spawn(["/bin/sh", "-c", `setsid sh -c 'echo $$ > ${folder}/${run}; exec sleep 600' &`], {
      env: { PATH: "/usr/bin:/bin", AKC_SPAWN_ID: `${run}.0badcafe.1` },
    }).exited;
  const pidOf = (run: string) => Number(readFileSync(join(folder, run), "utf8"));
  try {
    await Promise.all([leave("thisrun"), leave("otherrun")]);
    for (const run of ["thisrun", "otherrun"]) {
      await eventually(() => existsSync(join(folder, run)) && pidOf(run) > 0);
    }
    await killStrays("thisrun");
    // Its new parent may take its time to reap it.
    expect(!isAlive(pidOf("thisrun")) || isZombie(pidOf("thisrun"))).toBe(true);
    expect(isAlive(pidOf("otherrun"))).toBe(true);
    expect(killStrays("thisrun")).toBeUndefined();
  } finally {
    process.kill(pidOf("otherrun"), "SIGKILL");
    rmSync(folder, { recursive: true });
  }
});
