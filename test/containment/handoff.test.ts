/** What predecessors handed over: there before the child starts, readable, not writable, gone afterwards. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { Handoff } from "../../src/adapters/contract.ts";
import { stepFileName } from "../../src/bundle/step-folder.ts";
import { printed, type World, world } from "./request.ts";

let place: World;
beforeAll(() => {
  place = world();
});
afterAll(() => place.close());

let reads = 0;
function handoff(stepId: string, text: string): Handoff {
  const bytes = Buffer.from(text);
  return {
    stepId,
    sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
    sizeBytes: bytes.length,
    read: async () => {
      reads += 1;
      return bytes;
    },
  };
}

test("a step reads its predecessors' outputs by their names and cannot change them", async () => {
  const handoffs = [handoff("checkout", "tree"), handoff("lint", "clean")];
  const script = `cat $AKC_HANDOFF_DIR/checkout $AKC_HANDOFF_DIR/lint; ls $AKC_HANDOFF_DIR | wc -l
    (echo x >> $AKC_HANDOFF_DIR/lint; rm -f $AKC_HANDOFF_DIR/lint; chmod 777 $AKC_HANDOFF_DIR; echo x > $AKC_HANDOFF_DIR/new) 2>/dev/null
    cat $AKC_HANDOFF_DIR/lint; echo; echo $AKC_HANDOFF_DIR`;
  const result = await place.sh(script, { step: {}, handoffs });
  const [contents, again, folder = ""] = printed(result).split("\n");
  expect(contents).toBe("treeclean2");
  expect(again).toBe("clean");
  expect(folder).not.toContain(place.workdir);
  expect(existsSync(folder)).toBe(false);
});

test("without predecessors there is no such variable", async () => {
  expect(printed(await place.sh('echo "[$AKC_HANDOFF_DIR]"', { step: {} }))).toBe("[]");
});

test("one content is read once for all that get it", async () => {
  reads = 0;
  const handoffs = [handoff("a", "same"), handoff("b", "same")];
  const fan = Array.from({ length: 5 }, () =>
    place.sh("cat $AKC_HANDOFF_DIR/a $AKC_HANDOFF_DIR/b", { step: {}, handoffs }),
  );
  for (const result of await Promise.all(fan)) expect(printed(result)).toBe("samesame");
  const before = reads;
  await place.sh("true", { step: {}, handoffs });
  expect(reads).toBe(before);
});

test("a step's name never leads out of the folder", () => {
  for (const hostile of [
    "..",
    ".",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "a\0b",
    ".hidden",
    "é".repeat(400),
  ]) {
    const name = stepFileName(hostile);
    expect(name).toMatch(/^[A-Za-z0-9%_~!*'()-][A-Za-z0-9%_~!*'().-]*$/);
    expect(name.length).toBeLessThanOrEqual(255);
  }
  expect(stepFileName("build-1.x_2")).toBe("build-1.x_2");
  expect(new Set(["a/b", "a%2Fb", "a b"].map(stepFileName)).size).toBe(3);
});
