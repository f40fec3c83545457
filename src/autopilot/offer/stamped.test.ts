import { expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StampedFiles } from "./stamped.ts";

async function inFile(work: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "akc-stamped-"));
  try {
    writeFileSync(join(folder, "file"), "one");
    await work(join(folder, "file"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How often it was made, with what came of it. */
function counting(clock: { nowMs(): number }, keep = true) {
  const files = new StampedFiles<string>(clock);
  const made = { times: 0 };
  const read = (path: string) =>
    files.read(path, async () => {
      made.times += 1;
      return { value: await Bun.file(path).text(), keep };
    });
  return { files, made, read };
}

const later = { nowMs: () => Date.now() + 60_000 };
const now = { nowMs: () => Date.now() };

test("what was made of a file is kept until the file is another one", async () => {
  await inFile(async (path) => {
    const { made, read, files } = counting(later);
    for (let times = 0; times < 5; times += 1) expect(await read(path)).toBe("one");
    expect(made.times).toBe(1);
    writeFileSync(path, "longer");
    expect(await read(path)).toBe("longer");
    // Another file of the same length and the same times, under its name.
    writeFileSync(`${path}.new`, "LONGER");
    utimesSync(`${path}.new`, 1, 1);
    utimesSync(path, 1, 1);
    expect(await read(path)).toBe("longer");
    renameSync(`${path}.new`, path);
    expect(await read(path)).toBe("LONGER");
    const before = made.times;
    files.keepOnly([]);
    await read(path);
    expect(made.times).toBe(before + 1);
  });
});

test("what was read a moment after it was written is read again, and what may change by itself too", async () => {
  await inFile(async (path) => {
    const fresh = counting(now);
    const unsettled = counting(later, false);
    for (const { read, made } of [fresh, unsettled]) {
      await read(path);
      await read(path);
      expect(made.times).toBe(2);
    }
  });
});

test("a fault is told again without looking, as long as the file is what it was", async () => {
  await inFile(async (path) => {
    const files = new StampedFiles<string>(later);
    let times = 0;
    const read = () =>
      files.read(path, async () => {
        times += 1;
        throw new Error("broken");
      });
    await expect(read()).rejects.toThrow("broken");
    await expect(read()).rejects.toThrow("broken");
    expect(times).toBe(1);
    writeFileSync(path, "mended, and longer");
    await expect(read()).rejects.toThrow("broken");
    expect(times).toBe(2);
  });
});
