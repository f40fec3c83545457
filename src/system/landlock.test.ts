import { expect, test } from "bun:test";
import { handledBy, landlockAbi } from "./landlock.ts";

test("a ruleset never names a right that the kernel's ABI does not know", () => {
  // From linux/landlock.h: REFER came with 2, TRUNCATE with 3, TCP with 4, IOCTL_DEV with 5, scopes with 6.
  const known = [1, 2, 3, 4, 5, 6, 7].map((abi) => handledBy(abi));
  expect(known.map(({ files }) => files.toString(16))).toEqual([
    "1fff",
    "3fff",
    "7fff",
    "7fff",
    "ffff",
    "ffff",
    "ffff",
  ]);
  expect(known.map(({ tcp }) => Number(tcp))).toEqual([0, 0, 0, 3, 3, 3, 3]);
  expect(known.map(({ scopes }) => Number(scopes))).toEqual([0, 0, 0, 0, 0, 3, 3]);
  expect(known.map(({ attributeBytes }) => attributeBytes)).toEqual([8, 8, 8, 16, 16, 24, 24]);
});

test("a newer ABI only ever adds", () => {
  for (let abi = 1; abi < 12; abi++) {
    const [older, newer] = [handledBy(abi), handledBy(abi + 1)];
    expect(older.files & ~newer.files).toBe(0n);
    expect(older.tcp & ~newer.tcp).toBe(0n);
    expect(older.scopes & ~newer.scopes).toBe(0n);
  }
});

test("the ABI is a number, also where there is none", () => {
  expect(landlockAbi()).toBeGreaterThanOrEqual(0);
});
