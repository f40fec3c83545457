import { expect, test } from "bun:test";
import type { ArgsDef } from "citty";
import { parseArgs } from "citty";
import fc from "fast-check";
import { AkcError } from "../errors.ts";
import { strictArgv, valuesOf } from "./strict.ts";

const args = {
  file: { type: "positional", required: true, valueHint: "FILE" },
  output: { type: "enum", options: ["text", "json"], alias: ["o", "format"], valueHint: "FORMAT" },
  maxInFlight: { type: "string", valueHint: "N" },
  dryRun: { type: "boolean" },
  color: { type: "boolean", default: true },
} as const satisfies ArgsDef;

const strict = (...argv: string[]) => strictArgv(argv, { path: "test", args });
const values = (...argv: string[]) => parseArgs<typeof args>(strict(...argv), args);

test("every spelling of a flag means the same", () => {
  for (const words of [
    ["-o", "json"],
    ["-ojson"],
    ["-o=json"],
    ["--output", "json"],
    ["--output=json"],
    ["--format", "json"],
  ]) {
    expect(values("x", ...words).output).toBe("json");
  }
  expect(values("x", "--max-in-flight=8").maxInFlight).toBe("8");
  expect(values("x", "--max-in-flight", "-8").maxInFlight).toBe("-8");
  expect(values("x", "--dry-run").dryRun).toBe(true);
  expect(values("x").color).toBe(true);
  expect(values("x", "--no-color").color).toBe(false);
});

test("words may begin with a dash after --, and a value after an equals sign", () => {
  expect(values("--", "--dry-rn").file).toBe("--dry-rn");
  expect(values("x", "--max-in-flight=--no-color")).toMatchObject({ maxInFlight: "--no-color", color: true });
  expect(values("-").file).toBe("-");
});

test.each([
  [["x", "--dry-rn"], "unknown flag --dry-rn", "--dry-run"],
  [["x", "--no-dry-run"], "unknown flag --no-dry-run", "--dry-run"],
  [["x", "-q"], "unknown flag -q", ""],
  [["--file", "x"], "unknown flag --file", "`akc test FILE [flags]`"],
  [["x", "--max"], "unknown flag --max", "--max-in-flight"],
  [["x", "--dry-run=yes"], "--dry-run takes no value", ""],
  [["x", "--dry-run", "--dry-run"], "--dry-run is given twice", ""],
  [["x", "-o", "json", "--format", "json"], "--format is given twice", ""],
  [["x", "--max-in-flight"], "--max-in-flight needs a value", ""],
  [["x", "--max-in-flight", "--dry-run"], "--max-in-flight needs a value", "--max-in-flight=N"],
  [["x", "--max-in-flight="], "--max-in-flight needs a value", ""],
  [["x", "--max-in-flight", " "], "--max-in-flight needs a value", ""],
  [["x", "-o", "JSON"], '-o cannot be "JSON"', "json"],
  [["x", "y"], 'one word too many: "y"', "`akc test FILE [flags]`"],
  [["x", "dry-run"], 'one word too many: "dry-run"', "--dry-run"],
  [[""], "FILE is empty", ""],
  [[], "FILE is missing", "`akc test FILE [flags]`"],
])("%p is refused", (argv, message, hint) => {
  const error = refusal(argv);
  expect({ code: error.code, message: error.message }).toEqual({ code: "USAGE", message });
  expect(error.hint).toContain(hint);
  expect(error.hint).toContain("akc test --help");
});

test("whatever the words are, they are refused as usage or read back whole", () => {
  const word = fc.oneof(
    fc.constantFrom("--output", "-o", "--dry-run", "--no-color", "--max-in-flight", "--", "-", "json", "x"),
    fc.string({ maxLength: 8 }),
    fc.string({ maxLength: 5 }).map((text) => `--max-in-flight=${text}`),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
      try {
        const read = parseArgs<typeof args>(strictArgv(argv, { path: "test", args }), args);
        expect(argv).toContain(read.file);
        if (read.maxInFlight !== undefined) {
          expect(
            argv.some((item) => item === read.maxInFlight || item.endsWith(`=${read.maxInFlight}`)),
          ).toBe(true);
        }
        expect(read.dryRun === true).toBe(argv.includes("--dry-run") && !isData(argv, "--dry-run"));
      } catch (thrown) {
        if (!(thrown instanceof AkcError)) throw thrown;
        expect(thrown.code).toBe("USAGE");
      }
    }),
  );
});

/** Whether the word stands after `--`, where it is no flag. */
function isData(argv: readonly string[], word: string): boolean {
  const end = argv.indexOf("--");
  return end >= 0 && argv.indexOf(word) > end;
}

function refusal(argv: readonly string[]): AkcError {
  try {
    strictArgv(argv, { path: "test", args });
  } catch (thrown) {
    if (thrown instanceof AkcError) return thrown;
    throw thrown;
  }
  throw new Error(`${argv.join(" ")} was taken`);
}

test("only a last word that says so may be several, and keeps every one in order", () => {
  const id = { type: "positional", required: false, repeatable: true } as const;
  const read = (...argv: string[]) =>
    valuesOf(parseArgs<{ id: typeof id }>(strictArgv(argv, { path: "test", args: { id } }), { id }).id);
  expect(read("b", "a", "b")).toEqual(["b", "a", "b"]);
  expect(read()).toEqual([]);
  expect(() => read("a", " ")).toThrow("ID is empty");
  expect(() => strict("x", "y", "z")).toThrow("one word too many");
});

test("only a flag that says so may be given several times, and keeps every value in order", () => {
  const pluginsDir = { type: "string", repeatable: true } as const;
  const read = (...argv: string[]) =>
    valuesOf(
      parseArgs<{ pluginsDir: typeof pluginsDir }>(strictArgv(argv, { path: "test", args: { pluginsDir } }), {
        pluginsDir,
      }).pluginsDir,
    );
  expect(read("--plugins-dir", "b", "--plugins-dir=a=1", "--plugins-dir", "b")).toEqual(["b", "a=1", "b"]);
  expect(read()).toEqual([]);
  expect(() => strict("x", "--max-in-flight=1", "--max-in-flight=1")).toThrow("given twice");
});
