import { afterAll, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInputPlacing, keepOutputs, put } from "./step-files.ts";

const base = realpathSync(mkdtempSync(join(tmpdir(), "akc-step-files-")));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function folder(): string {
  return mkdtempSync(join(base, "step-"));
}

const text = (words: string) => new TextEncoder().encode(words);
const code = (name: string) => expect.objectContaining({ code: name });

test("an input is never written over something else, and what is the same is left and made read-only", async () => {
  const place = folder();
  writeFileSync(join(place, "same"), "one");
  writeFileSync(join(place, "other"), "two");
  mkdirSync(join(place, "folder"));
  symlinkSync(join(place, "other"), join(place, "link"));
  await put(place, "same", text("one"));
  expect(statSync(join(place, "same")).mode & 0o777).toBe(0o444);
  for (const name of ["other", "folder", "link", "other/below"]) {
    await expect(put(place, name, text("one"))).rejects.toEqual(code("STEP_INPUT_CLASH"));
  }
  expect(readFileSync(join(place, "other"), "utf8")).toBe("two");
});

test("an input never follows a link out of the folder", async () => {
  const place = folder();
  const outside = folder();
  symlinkSync(outside, join(place, "way"));
  await expect(put(place, "way/a", text("one"))).rejects.toEqual(code("PATH_UNSAFE"));
  await expect(put(place, "../a", text("one"))).rejects.toEqual(code("PATH_UNSAFE"));
});

test("nothing is emptied where a link stands instead of the step's folder", async () => {
  const outside = folder();
  writeFileSync(join(outside, "precious"), "one");
  const workdir = join(folder(), "step");
  symlinkSync(outside, workdir);
  const request = { workdir, handoffs: [], artifacts: { read: async () => text("") } };
  const files = { inputs: [], outputs: [] };
  await expect(createInputPlacing()(request, files)).rejects.toEqual(code("PATH_UNSAFE"));
  expect(readFileSync(join(outside, "precious"), "utf8")).toBe("one");
});

test("an input whose content is not what was recorded is not placed", async () => {
  const place = createInputPlacing();
  const sha256 = new Bun.CryptoHasher("sha256").update("one").digest("hex");
  const given = (bytes: Uint8Array, sizeBytes = 3) => {
    const file = { path: "a", sha256, sizeBytes };
    const handoff = { stepId: "build", sha256, sizeBytes, read: async () => bytes, files: [file] };
    return { workdir: folder(), handoffs: [handoff], artifacts: { read: async () => bytes } };
  };
  const inputs = [{ stepId: "build", path: "a", as: "b/c" }];
  await expect(place(given(text("two")), { inputs, outputs: [] })).rejects.toEqual(
    code("STEP_INPUT_DAMAGED"),
  );
  await expect(place(given(text("one"), 4), { inputs, outputs: [] })).rejects.toEqual(
    code("STEP_INPUT_DAMAGED"),
  );
  const missing = [{ stepId: "build", path: "b", as: "b" }];
  await expect(place(given(text("one")), { inputs: missing, outputs: [] })).rejects.toEqual(
    code("STEP_INPUT_MISSING"),
  );
  const sound = given(text("one"));
  expect(await place(sound, { inputs, outputs: [] })).toEqual({
    "b/c": { step: "build", path: "a", sha256, size_bytes: 3 },
  });
  expect(readFileSync(join(sound.workdir, "b/c"), "utf8")).toBe("one");
});

test("nothing is kept of a file when the run is being stopped", async () => {
  const workdir = folder();
  writeFileSync(join(workdir, "a"), "one");
  let discarded = 0;
  const begin = () => ({
    write: () => {},
    finish: () => Promise.reject(new Error("it was kept")),
    discard: () => {
      discarded += 1;
    },
  });
  const request = { workdir, signal: AbortSignal.abort(), artifacts: { begin } };
  await expect(keepOutputs(request, { inputs: [], outputs: ["a"] })).rejects.toEqual(code("CANCELLED"));
  expect(discarded).toBe(1);
});

test("nothing is kept through a link that a step has put in the place of its folder", async () => {
  const outside = folder();
  writeFileSync(join(outside, "a"), "somebody else's");
  const workdir = join(folder(), "step");
  symlinkSync(outside, workdir);
  const begin = () => {
    throw new Error("nothing is kept");
  };
  const request = { workdir, signal: new AbortController().signal, artifacts: { begin } };
  await expect(keepOutputs(request, { inputs: [], outputs: ["a"] })).rejects.toEqual(
    code("STEP_OUTPUT_UNSAFE"),
  );
});
