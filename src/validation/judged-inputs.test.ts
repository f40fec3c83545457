import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  inputsFolder,
  JudgedFiles,
  type JudgedInput,
  judgedInputsJson,
  judgedInputsOf,
} from "./judged-inputs.ts";

const of = ".akc/run/run-1.otel_metrics.jsonl";
const folder = inputsFolder("run-1", "r1");

async function inScope(work: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "akc-inputs-"));
  try {
    await work(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** One that was judged by `text`, written where it says. */
async function judgedBy(root: string, text: string): Promise<JudgedInput> {
  const now = new JudgedFiles(root, folder);
  await Bun.write(join(root, of), text);
  now.keep(of, await now.read(of, 100), true);
  const [kept, ...others] = now.kept;
  if (kept === undefined || others.length > 0) throw new Error("not one is kept");
  await Bun.write(join(root, kept.path), kept.bytes);
  return kept;
}

const textOf = async (files: JudgedFiles, path = of) => new TextDecoder().decode(await files.read(path, 100));

test("a judgement is checked by what it read, not by what stands there now", () =>
  inScope(async (root) => {
    const kept = await judgedBy(root, "then");
    await Bun.write(join(root, of), "now");
    expect(kept.path).toMatch(
      /^\.akc\/runtime\/run-1\/r1\/validity_inputs\/[0-9a-f]{8}-run-1\.otel_metrics\.jsonl$/,
    );
    const told = judgedInputsOf({ judged_inputs: judgedInputsJson([kept]) });
    expect(await textOf(new JudgedFiles(root, folder, told))).toBe("then");
    expect(await textOf(new JudgedFiles(root, folder))).toBe("now");
  }));

test("what was not there when it was judged is not there when that is checked", () =>
  inScope(async (root) => {
    await Bun.write(join(root, of), "now");
    const check = new JudgedFiles(root, folder, []);
    await expect(check.read(of, 100)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    // A report of a runtime that keeps nothing tells nothing of it.
    expect(judgedInputsOf({})).toBeUndefined();
  }));

test("what was kept counts only as it was, and only from the folder of the run", () =>
  inScope(async (root) => {
    const kept = await judgedBy(root, "then");
    await Bun.write(join(root, kept.path), "othe");
    const read = (input: JudgedInput) => new JudgedFiles(root, folder, [input]).read(of, 100);
    await expect(read(kept)).rejects.toMatchObject({ code: "REPLAY_TAMPERED" });
    for (const path of [of, `${folder}/../../../../run/run-1.otel_metrics.jsonl`, "/etc/passwd"]) {
      await expect(read({ ...kept, path })).rejects.toMatchObject({ code: "PATH_UNSAFE" });
    }
    rmSync(join(root, kept.path));
    await expect(read(kept)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  }));
