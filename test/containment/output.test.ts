/** What a child prints: whole by hash, bounded while it is written, its beginning as text. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ArtifactStore } from "../../src/adapters/contract.ts";
import { AkcError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { memoryArtifacts, printed, type World, world } from "./request.ts";

let place: World;
beforeAll(() => {
  place = world();
});
afterAll(() => place.close());

const sha256 = (bytes: Uint8Array | string) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

test("output is kept whole under its hash, both streams apart", async () => {
  const result = await place.sh("printf 'to out'; printf 'to err' >&2");
  expect(result.outputs).toMatchObject({
    action_type: "workflow.execute",
    adapter_id: "local_depth",
    exit_code: 0,
    stdout: "to out",
    stderr: "to err",
    stdout_sha256: sha256("to out"),
    stdout_bytes: 6,
    stderr_sha256: sha256("to err"),
    stderr_bytes: 6,
  });
  expect(result.output).toEqual({ sha256: sha256("to out"), sizeBytes: 6 });
  expect(await place.artifacts.read(sha256("to err"))).toEqual(Buffer.from("to err"));
});

test("a child that prints nothing has an empty output, and the store is written once for all such", async () => {
  const artifacts = memoryArtifacts();
  for (let round = 0; round < 5; round++) {
    const result = await place.sh("exit 0", { artifacts });
    expect(result.output).toEqual({ sha256: sha256(""), sizeBytes: 0 });
    expect(result.outputs).not.toHaveProperty("stdout_sha256");
    expect(result.outputs).toMatchObject({ stdout: "", stderr: "" });
  }
  expect(artifacts.writes).toBe(1);
});

test("a flood is cut at the budget, its child killed, and what was read is kept", async () => {
  const outputBytesMax = 1_000_000;
  const result = await place.sh("yes | cat & yes; wait", { lane: { outputBytesMax } });
  expect(result.error).toMatchObject({ code: "SUBPROCESS_OUTPUT_LIMIT", retryable: false });
  expect(result.outputs["stdout_bytes"]).toBe(outputBytesMax);
  expect(result.outputs["stdout_sha256"]).toBe(sha256("y\n".repeat(outputBytesMax / 2)));
  expect(result.output).toBeUndefined();
});

test("a flood shorter than any pause is cut as well", async () => {
  const result = await place.sh("printf 0123456789", { lane: { outputBytesMax: 4 } });
  expect(result.error?.code).toBe("SUBPROCESS_OUTPUT_LIMIT");
  expect(printed(result)).toBe("0123");
});

test("the budget is for both streams together", async () => {
  const result = await place.sh("head -c 600 /dev/zero; head -c 600 /dev/zero >&2", {
    lane: { outputBytesMax: 1_000 },
  });
  expect(result.error?.code).toBe("SUBPROCESS_OUTPUT_LIMIT");
  const { stdout_bytes, stderr_bytes } = result.outputs;
  expect(Number(stdout_bytes) + Number(stderr_bytes)).toBe(1_000);
});

test("many megabytes arrive whole and in order", async () => {
  const result = await place.sh("seq 1 1500000");
  const expected = Array.from({ length: 1_500_000 }, (_, index) => `${index + 1}\n`).join("");
  expect(result.outputs["stdout_bytes"]).toBe(expected.length);
  expect(result.outputs["stdout_sha256"]).toBe(sha256(expected));
});

test("output that is no text is kept byte for byte and shown as far as it can be", async () => {
  const result = await place.sh("printf 'a\\377\\000b\\357\\273\\277'");
  expect(result.outputs["stdout_sha256"]).toBe(sha256(new Uint8Array([97, 255, 0, 98, 239, 187, 191])));
  expect(result.outputs["stdout"]).toBe("a\uFFFD\0b\uFEFF");
});

test("the text shown is a number of characters, none of them cut in half", async () => {
  const result = await place.sh(
    `i=0; while [ $i -lt 2000 ]; do printf '😀😀😀😀😀😀😀😀😀😀'; i=$((i+1)); done`,
  );
  const text = result.outputs["stdout"];
  expect(text).toBe("😀".repeat(limits.outputSnippetChars));
});

test("standard output and error can be opened again by their names", async () => {
  const result = await place.sh(
    "echo out > /dev/stdout; echo err > /dev/stderr; echo again | tee /dev/stderr",
  );
  expect(result.outputs).toMatchObject({ stdout: "out\nagain\n", stderr: "err\nagain\n" });
});

test("a failure keeps its output, names the code and may be tried again", async () => {
  const result = await place.sh("echo why >&2; exit 7");
  expect(result).toMatchObject({ status: "failed", error: { code: "SUBPROCESS_EXIT", retryable: true } });
  expect(result.error?.message).toBe("subprocess exited with code 7");
  expect(result.outputs).toMatchObject({ exit_code: 7, stderr: "why\n" });
  expect(result.output).toBeUndefined();
});

test("a death by signal is named", async () => {
  const result = await place.sh("kill -SEGV $$");
  expect(result.outputs).toMatchObject({ exit_code: -11, signal: "SIGSEGV" });
  expect(result.error?.message).toContain("SIGSEGV");
});

test("when the store cannot keep the output, the child is ended and the store's error comes out", async () => {
  const full: ArtifactStore = {
    ...memoryArtifacts(),
    begin: () => ({
      write() {
        throw new AkcError("DISK_FULL");
      },
      finish: () => Promise.reject(new AkcError("DISK_FULL")),
      discard: () => undefined,
    }),
  };
  const result = await place.sh("yes", { artifacts: full });
  expect(result.error).toMatchObject({ code: "DISK_FULL", retryable: false });
  const after = await place.sh("echo fine");
  expect(printed(after)).toBe("fine");
});

test("a slow reader holds the child back, and loses nothing", async () => {
  let bytes = 0;
  const slow: ArtifactStore = {
    ...memoryArtifacts(),
    begin: () => ({
      write(chunk) {
        Bun.sleepSync(2);
        bytes += chunk.length;
      },
      finish: async () => ({ sha256: "", sizeBytes: bytes }),
      discard: () => undefined,
    }),
  };
  const result = await place.sh("head -c 8000000 /dev/zero", { artifacts: slow });
  expect(result.status).toBe("succeeded");
  expect(bytes).toBe(8_000_000);
});
