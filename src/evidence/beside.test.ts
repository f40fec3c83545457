import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Hex } from "../json/fingerprint.ts";
import { type NamedFile, shareAnswers, writeBeside } from "./beside.ts";
import { evidencePaths } from "./layout.ts";
import { Seal } from "./seal.ts";

const context = { runId: "run-1", runtimeRunId: "r1" };
const own = ".akc/runtime/run-1/r1";

/** A run whose artifacts are these texts, each with the path that an event names for it. */
async function inRun(
  work: (run: {
    readonly root: string;
    write(texts: Readonly<Record<string, string>>): Promise<readonly string[]>;
    /** How often content was read. */
    readonly reads: () => number;
  }) => Promise<void>,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "akc-beside-"));
  let reads = 0;
  try {
    await work({
      root,
      reads: () => reads,
      async write(texts) {
        const contents = new Map<string, Uint8Array>();
        const files = Object.entries(texts).map(([path, text]): NamedFile => {
          const bytes = new TextEncoder().encode(text);
          contents.set(sha256Hex(bytes), bytes);
          return { path, content: { sha256: sha256Hex(bytes), sizeBytes: bytes.length } };
        });
        const read = async (sha256: string) => {
          reads += 1;
          return contents.get(sha256) ?? new Uint8Array();
        };
        const paths = evidencePaths(root, context);
        const seal = new Seal(paths.folder);
        const input = { artifacts: { read }, run: { context }, files };
        await writeBeside(input, paths, seal);
        await shareAnswers(input, root);
        return seal.files.map(({ name }) => name);
      },
    });
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("a run keeps its own answers and inputs, and the shared place has the latest answers", () =>
  inRun(async ({ root, write, reads }) => {
    const names = ["validators/a.json", "validators/attachments/a.txt", "validity_inputs/m.jsonl"];
    expect(await write(Object.fromEntries(names.map((name) => [`${own}/${name}`, name])))).toEqual(names);
    for (const name of names) expect(await Bun.file(join(root, own, name)).text()).toBe(name);
    const shared = join(root, ".akc/verification/validators/run-1");
    expect(await Bun.file(join(shared, "attachments/a.txt")).text()).toBe("validators/attachments/a.txt");
    expect(await Bun.file(join(shared, "m.jsonl")).exists()).toBe(false);
    // What stands is not written again.
    const before = reads();
    expect(await write(Object.fromEntries(names.map((name) => [`${own}/${name}`, name])))).toEqual(names);
    expect(reads()).toBe(before);
  }));

test("what an earlier answer left goes, and what is being written stays", () =>
  inRun(async ({ root, write }) => {
    await write({ [`${own}/validators/attachments/a.error.txt`]: "x" });
    const busy = join(root, own, "validators/attachments/.b.tmp.1.x");
    await Bun.write(busy, "");
    await write({ [`${own}/validators/attachments/a.response.json`]: "{}" });
    expect(await Bun.file(join(root, own, "validators/attachments/a.error.txt")).exists()).toBe(false);
    expect(await Bun.file(busy).exists()).toBe(true);
  }));

test("no event makes a file anywhere else", () =>
  inRun(async ({ write }) => {
    const paths = [
      `${own}/runtime_run.json`,
      `${own}/validators/../events.json`,
      `${own}/validators/deeper/still/a.txt`,
      `${own}/validators/..`,
      `${own}/validators/`,
      ".akc/runtime/run-1/r2/validators/a.json",
      "validators/a.json",
      "/etc/validators/a.json",
    ];
    expect(await write(Object.fromEntries(paths.map((path) => [path, "x"])))).toEqual([]);
  }));
