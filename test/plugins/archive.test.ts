import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { AkcError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { type Archive, readArchive } from "../../src/plugin-host/archive.ts";
import { manifestText, temporary, writePlugin } from "./folders.ts";

interface Entry {
  readonly name: string;
  readonly type?: string;
  readonly content?: string;
  readonly mode?: string;
  /** As the header says it, in place of the content's own. */
  readonly size?: number;
}

/** A tar as its author wrote it, byte by byte: nothing here is checked. */
function tar(...entries: readonly Entry[]): Uint8Array {
  const parts = entries.map(({ name, type = "0", content = "", mode = "0000644", size }) => {
    const body = Buffer.from(content);
    const block = Buffer.alloc(512);
    block.write(name, 0, 100);
    block.write(`${mode}\0`, 100);
    block.write("0000000\0".repeat(2), 108);
    block.write(`${(size ?? body.length).toString(8).padStart(11, "0")}\0`, 124);
    block.write("00000000000\0", 136);
    block.write(" ".repeat(8), 148);
    block.write(type, 156);
    block.write("ustar\0" + "00", 257);
    block.write(
      `${block
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    return Buffer.concat([block, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

const manifest: Entry = { name: "plugin.yaml", content: manifestText() };
const pathsOf = (archive: Archive) => [...archive.keys()].sort();
const refusal = (bytes: Uint8Array): string => {
  try {
    return `accepted: ${pathsOf(readArchive(bytes)).join()}`;
  } catch (error) {
    if (!(error instanceof AkcError) || error.code !== "PLUGIN_ARCHIVE_INVALID") throw error;
    return error.message.replace("the file is not a plugin's archive: ", "");
  }
};
const pax = (record: string) => {
  let length = record.length + 2;
  while (String(length).length + 1 + record.length + 1 !== length) length++;
  return `${length} ${record}\n`;
};

test("what tar and Bun pack is read, with or without a folder at the top", async () => {
  using place = temporary();
  const deep = `lib/${"long-".repeat(30)}/${"name-".repeat(30)}.ts`;
  writePlugin(join(place.path, "probe"), { files: { [deep]: "deep", "bin/run": "#!/bin/sh\n" } });
  const expected = ["bin/run", "index.ts", deep, "plugin.yaml"].sort();
  for (const format of ["pax", "gnu"]) {
    for (const args of [
      ["-C", place.path, "probe"],
      ["-C", join(place.path, "probe"), "."],
    ]) {
      const { stdout, exitCode } = Bun.spawnSync(["tar", `--format=${format}`, "-cz", ...args]);
      expect(exitCode).toBe(0);
      const archive = readArchive(stdout);
      expect(pathsOf(archive)).toEqual(expected);
      expect([archive.get("bin/run")?.executable, archive.get("index.ts")?.executable]).toEqual([
        true,
        false,
      ]);
      expect(Buffer.from(archive.get(deep)?.bytes ?? []).toString()).toBe("deep");
    }
  }
  const bun = await new Bun.Archive({ "plugin.yaml": "x", "a/b.ts": "y" }, { compress: "gzip" }).bytes();
  expect(pathsOf(readArchive(bun))).toEqual(["a/b.ts", "plugin.yaml"]);
});

test("nothing leads out of the folder", () => {
  for (const name of [
    "../x",
    "a/../../x",
    "/etc/x",
    "a//b",
    "a/./b",
    "a\\..\\b",
    "..",
    "a/..",
    "a\u0001b",
    "./../x",
  ]) {
    expect([name, refusal(tar(manifest, { name }))]).toEqual([
      name,
      expect.stringContaining("is not one below"),
    ]);
  }
  const long = (path: string, type: "x" | "L") =>
    tar(
      manifest,
      { name: "h", type, content: type === "x" ? pax(`path=${path}`) : `${path}\0` },
      { name: "fine" },
    );
  for (const type of ["x", "L"] as const) {
    expect(refusal(long("../x", type))).toContain("is not one below");
    expect(refusal(long("a\0b", type))).toContain("is not one below");
    expect(refusal(long("fine/too", type))).toBe("accepted: fine/too,plugin.yaml");
  }
});

test("only plain files and folders come out", () => {
  for (const type of ["1", "2", "3", "4", "6", "7", "K", "S", "V", "Z"]) {
    expect([type, refusal(tar(manifest, { name: "x", type }))]).toEqual([
      type,
      expect.stringContaining("it holds a"),
    ]);
  }
  using place = temporary();
  mkdirSync(join(place.path, "p"));
  writeFileSync(join(place.path, "p/plugin.yaml"), manifestText());
  symlinkSync("/etc/passwd", join(place.path, "p/data"));
  expect(refusal(Bun.spawnSync(["tar", "-cz", "-C", place.path, "p"]).stdout)).toBe(
    "it holds a symbolic link",
  );
});

test("one name has one meaning", () => {
  expect(refusal(tar(manifest, manifest))).toContain("twice");
  expect(refusal(tar(manifest, { name: "a" }, { name: "./a" }))).toContain("twice");
  expect(refusal(tar(manifest, { name: "a" }, { name: "a/b" }))).toContain("a file and a folder");
  expect(refusal(tar(manifest, { name: "a/b" }, { name: "a" }))).toContain("twice");
  expect(refusal(tar(manifest, { name: "a", type: "5" }, { name: "a/b" }))).toContain("accepted");
  expect(
    refusal(
      tar(
        { name: "x", type: "x", content: pax("path=a") },
        { name: "x", type: "x", content: pax("path=b") },
        manifest,
      ),
    ),
  ).toContain("two long names");
  expect(refusal(tar({ name: "g", type: "g", content: pax("path=a") }, manifest))).toContain("global header");
  expect(refusal(tar({ name: "x", type: "x", content: pax("size=9") }, manifest))).toContain("sets");
});

test("sizes are bounded before they are believed", () => {
  expect(refusal(tar(manifest, { name: "a", size: limits.pluginUnpackedBytesMax + 1 }))).toContain(
    "too large",
  );
  expect(refusal(tar(manifest, { name: "a", size: 5_000 }))).toContain("ends in the middle");
  expect(refusal(tar(manifest).subarray(0, 1_300))).toContain("ends in the middle");
  expect(refusal(tar(manifest).subarray(0, -1_024))).toContain("ends in the middle");
  expect(refusal(gzipSync(Buffer.alloc(limits.pluginUnpackedBytesMax + 1)))).toContain("becomes too large");
  const many = Array.from({ length: limits.pluginFilesMax + 1 }, (_, index) => ({ name: `f${index}` }));
  expect(refusal(tar(manifest, ...many))).toContain("more than");
  expect(refusal(tar({ name: "a/plugin.yaml" }, { name: "b/x" }))).toContain("no plugin.yaml");
  expect(refusal(new Uint8Array())).toContain("ends in the middle");
  expect(refusal(Buffer.from("PK\u0003\u0004".padEnd(600, "x")))).toContain("no tar");
});

test("whatever the bytes, the answer is safe paths or PLUGIN_ARCHIVE_INVALID", () => {
  const base = tar(
    manifest,
    { name: "x", type: "x", content: pax("path=lib/long.ts") },
    { name: "y", content: "1" },
    { name: "d/", type: "5" },
    { name: "bin/run", mode: "0000755", content: "#!" },
  );
  const change = fc.tuple(
    fc.nat(base.length - 1),
    fc.oneof(fc.constantFrom(0, 0x2e, 0x2f, 0x30, 0x37, 0x78), fc.nat(255)),
  );
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 6 }),
      fc.boolean(),
      fc.nat(base.length),
      (changes, mend, cut) => {
        const bytes = Buffer.from(base);
        for (const [at, value] of changes) bytes[at] = value;
        if (mend) mendChecksums(bytes);
        const whole = cut % 4 === 0 ? bytes.subarray(0, cut) : bytes;
        try {
          for (const path of readArchive(cut % 2 === 0 ? whole : gzipSync(whole)).keys()) {
            expect(path.split("/").some((part) => part === "" || part === "." || part === "..")).toBe(false);
            expect(/[\0\\]/.test(path)).toBe(false);
          }
        } catch (error) {
          if (!(error instanceof AkcError)) throw error;
          expect(error.code).toBe("PLUGIN_ARCHIVE_INVALID");
        }
      },
    ),
    { numRuns: Number(process.env["AKC_FUZZ_RUNS"] ?? 1_500) },
  );
}, 600_000);

/** So that changed headers are looked at, and not only refused for their sum. */
function mendChecksums(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (block.subarray(257, 262).toString() !== "ustar") continue;
    block.write(" ".repeat(8), 148);
    block.write(
      `${block
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
  }
}
