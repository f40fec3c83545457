import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sweepLeftovers } from "./leftovers.ts";

test("folders of a process that is gone are removed, those of one that lives are not", async () => {
  const parent = mkdtempSync(join(tmpdir(), "akc-test-leftovers-"));
  const gone = Bun.spawn(["true"]);
  await gone.exited;
  const living = [`akc-plugins-${process.pid}-a`, `akc-validator-${process.pid}-a`, `another-${gone.pid}-a`];
  for (const name of [...living, `akc-plugins-${gone.pid}-a`, `akc-validator-${gone.pid}-a`]) {
    mkdirSync(join(parent, name, "inside"), { recursive: true });
  }
  sweepLeftovers(parent);
  expect(readdirSync(parent).sort()).toEqual(living.sort());
  rmSync(parent, { recursive: true });
});
