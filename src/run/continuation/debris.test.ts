import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clearDebris } from "./debris.ts";

test("what attempts had for themselves goes; what they made, and whatever a link leads to, stays", async () => {
  const root = mkdtempSync(join(tmpdir(), "akc-debris-"));
  try {
    const temporary = `.tmp-${crypto.randomUUID()}`;
    const made = (path: string) => {
      mkdirSync(join(root, "run", path, "in"), { recursive: true });
      return path;
    };
    const gone = [
      made(".handoff-Ab3xYz"),
      made(`work/${temporary}`),
      made(`roles/a/${temporary}`),
      made(`roles/a/scratch/${temporary}`),
    ];
    const stays = [
      made("evidence"),
      made(".handoff-mine"),
      made("work/.tmp-mine"),
      made(`roles/a/scratch/tree/${temporary}`),
    ];
    mkdirSync(join(root, "elsewhere", temporary), { recursive: true });
    symlinkSync(join(root, "elsewhere"), join(root, "run/roles/b"));
    symlinkSync(join(root, "elsewhere"), join(root, "run/.handoff-LinkLk"));
    await clearDebris(join(root, "run"));
    expect(gone.filter((path) => existsSync(join(root, "run", path)))).toEqual([]);
    expect(stays.filter((path) => !existsSync(join(root, "run", path)))).toEqual([]);
    expect(existsSync(join(root, "elsewhere", temporary))).toBe(true);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
