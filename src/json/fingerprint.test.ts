import { expect, test } from "bun:test";
import { join } from "node:path";
import { fingerprint, sha256Hex } from "./fingerprint.ts";
import { parseJson } from "./read.ts";
import { isJsonObject, type JsonValue } from "./value.ts";

const vectors: readonly (readonly [string, string])[] = [
  ["{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"],
  ['{"b":1,"a":2}', "d3626ac30a87e6f7a6428233b3c68299976865fa5508e4267c5415c76af7a772"],
  ['{"a":1}', "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"],
  ['{"a":1.0}', "c29a44abc114a1d75486434c013102c9e736f526b4fd19658d9492b7b224de6d"],
  ['{"a":1e2}', "18ffc0a1da53b9162a146632a3d4819c31eec376f9dacfcbd36892d76dc49607"],
  ['{"a":1e16}', "a0f92cfd05a74c219a7cd704cf22112bb79bf283876cef955b1d731d5275c73c"],
  ['{"a":1e15}', "7a8eca3c52850d2741c1ee3e2316062cc22de14d6f5ac803eafeb865c03f3562"],
  ['{"a":0.00001}', "6ae5c89e10c5d899e8623d010ecc1403ab93b95aa6d5facf2a942b639ce2de3c"],
  ['{"a":123456789012345680.0}', "b23eb3ce5ef18dd4b011b969514727c7e9eeb1826aba3f7561d2582492391645"],
  ['{"a":12345678901234567890}', "e58c824aea4206f43ec96bc72824b372d10e7ea05ec776d2fc4c9d43b46702a6"],
  ['{"a":-0.0}', "952b7dc455870c265da6a6fb15ef60891abf562f0e3327f095914610b3d00811"],
  ['{"a":-0}', "45b619e97b5d9b029af4522e9ffb02fa99ff2bf226c82ee22a7cc10269a557e8"],
  ['{"a":[],"b":{},"c":null,"d":true}', "29e92270a918d56ddb712e1f75f63ab2eb1ab4a34575e9efa5fced07c25641de"],
  ['{"\\ud83d\\ude00":1,"\\uffee":2}', "4a18db7ce7ac0dec742ca9b634aedad1104002c9c24ed062e9f6d7dc8cc3888e"],
  [
    '{"a":"\\u00e9\\u2028\\u007f\\u0001\\b\\f\\n\\r\\t\\"\\\\/"}',
    "94b667fdba11ecf39281d99b027a29876c3621d1c707fb3151068bbe593caff8",
  ],
  ['{"a":2}', "7e8059f495589fcd981232cc11d00b00da3802c01d688fa1cf1f6bed6e5bb33c"],
  ['{"a":[1,2.5,"é"]}', "404e56cfe4a6c27289ba18926c804518887a2b43648ddc8556b726f75e50ca03"],
  [
    '{"a":"é","b":[1,2,{"x":true,"y":null}]}',
    "6af3d45a37e1f14e4b4cdcdd5adc65ae217a3316edf6db8b6b162d20503e5405",
  ],
];

test.each(vectors)("%s has its published fingerprint", (text, sha256) => {
  expect(fingerprint(parseJson(text))).toBe(sha256);
});

function stringMember(value: JsonValue, key: string): string {
  const member = isJsonObject(value) ? value[key] : undefined;
  if (typeof member !== "string") throw new Error(`a case without ${key}`);
  return member;
}

test("every recorded document has the fingerprint that was recorded with it", async () => {
  const file = join(import.meta.dir, "../../test/fixtures/canonical/cases.jsonl");
  const lines = (await Bun.file(file).text()).split("\n").filter((line) => line !== "");
  expect(lines).toHaveLength(120);
  for (const line of lines) {
    const recorded = parseJson(line);
    const text = stringMember(recorded, "text");
    expect([text, fingerprint(parseJson(text))]).toEqual([text, stringMember(recorded, "sha256")]);
  }
});

test("the fingerprint of a document of many blocks is the hash of its whole text", () => {
  const items = Array.from({ length: 30_000 }, (_, index) => `item ${index}`);
  expect(fingerprint(items)).toBe(sha256Hex(JSON.stringify(items)));
});

test("text is hashed as its UTF-8 bytes", () => {
  const sha256 = "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c";
  expect(sha256Hex("é")).toBe(sha256);
  expect(sha256Hex(Uint8Array.of(0xc3, 0xa9))).toBe(sha256);
});
