/** Logs turned over under writers that never stop, on file systems that can cut a file at its front and on others. */
import { afterAll, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLog, turnLog } from "./log-file.ts";

const folder = mkdtempSync(join(tmpdir(), "akc-log-"));
/** In memory, where no file system can take a part out of a file. */
const uncut = existsSync("/dev/shm") ? mkdtempSync("/dev/shm/akc-log-") : folder;
afterAll(() => {
  for (const place of [folder, uncut]) rmSync(place, { recursive: true, force: true });
});

/** Everything that is kept, oldest first. */
function kept(path: string): string {
  let text = "";
  for (let at = 50; at >= 1; at -= 1)
    if (existsSync(`${path}.${at}`)) text += readFileSync(`${path}.${at}`, "latin1");
  return text + readFileSync(path, "latin1");
}

for (const [name, place] of [
  ["where a file can be cut at its front", folder],
  ["where it cannot", uncut],
] as const) {
  test(`every line that was written before a log is turned over is kept, in its order, ${name}`, () => {
    const path = join(place, "0.log");
    const fd = openLog(path);
    let lines = "";
    for (let round = 0; round < 20; round += 1) {
      for (let line = 0; line < 800; line += 1) {
        const text = `round ${round} line ${line}\n`;
        lines += text;
        writeSync(fd, text);
      }
      turnLog(path, 8_192, 50);
    }
    closeSync(fd);
    expect(existsSync(`${path}.1`)).toBe(true);
    expect(kept(path)).toBe(lines);
  });
}

test("a writer in another process loses nothing where a file can be cut at its front", async () => {
  const path = join(folder, "busy.log");
  const fd = openLog(path);
  const child = Bun.spawn(["sh", "-c", "i=0; while [ $i -lt 30000 ]; do echo line-$i; i=$((i+1)); done"], {
    stdout: fd,
    stderr: "ignore",
  });
  closeSync(fd);
  let turned = 0;
  while (child.exitCode === null) {
    if (turnLog(path, 16_384, 50) === "turned") turned += 1;
    await Bun.sleep(3);
  }
  expect(turned).toBeGreaterThan(2);
  const found = kept(path).trimEnd().split("\n");
  expect(found).toHaveLength(30_000);
  expect(found.every((line, at) => line === `line-${at}`)).toBe(true);
});

test("a writer that outruns the turning loses nothing either where a file can be cut at its front", async () => {
  const path = join(folder, "fast.log");
  const last = 2_000_000;
  const fd = openLog(path);
  const child = Bun.spawn(["seq", "1", String(last)], { stdout: fd, stderr: "ignore" });
  closeSync(fd);
  while (child.exitCode === null) {
    turnLog(path, 16_384, 50);
    await Bun.sleep(1);
  }
  const numbers = kept(path).trimEnd().split("\n");
  // Only so many files are kept: what is there has no gap, up to the end.
  expect(numbers.findIndex((line, at) => at > 0 && Number(line) !== Number(numbers[at - 1]) + 1)).toBe(-1);
  expect(numbers.at(-1)).toBe(String(last));
});

test("only so many are kept, and none when none are wanted", () => {
  const path = join(folder, "few.log");
  for (let round = 0; round < 6; round += 1) {
    writeFileSync(path, "x".repeat(10_000), { flag: "a" });
    expect(turnLog(path, 8_192, 2)).toBe("turned");
  }
  expect([1, 2, 3].map((at) => existsSync(`${path}.${at}`))).toEqual([true, true, false]);
  expect(turnLog(path, 1, 0)).toBe("turned");
  expect(statSync(path).size).toBeLessThan(8_192);
});

test("a log that is small, or not there, is left alone; a link in its place is not followed", () => {
  const path = join(folder, "small.log");
  expect(turnLog(path, 8_192, 2)).toBe("not-due");
  writeFileSync(path, "x");
  expect(turnLog(path, 8_192, 2)).toBe("not-due");
  const secret = join(folder, "secret");
  writeFileSync(secret, "s".repeat(10_000));
  const link = join(folder, "link.log");
  symlinkSync(secret, link);
  expect(turnLog(link, 8_192, 2)).toBe("failed");
  expect(() => openLog(link)).toThrow();
  expect(statSync(secret).size).toBe(10_000);
});
