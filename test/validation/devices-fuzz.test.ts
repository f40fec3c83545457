/** Bytes that nobody expects: the readers of tools and of their reports never throw, and never take them for a pass. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  deviceTrouble,
  readClear,
  readGrant,
  readInstall,
  readLog,
  readPull,
  readScreenrecord,
  readStart,
  readState,
} from "../../plugins/devices/adb.ts";
import { pictureOf } from "../../plugins/devices/capture.ts";
import { readJunit } from "../../plugins/devices/junit.ts";
import { judge } from "../../plugins/devices/maestro.ts";
import { isMovie } from "../../plugins/devices/media.ts";
import {
  doneInSilence,
  readBoot,
  readInstallApp,
  readLaunch,
  simulatorTrouble,
} from "../../plugins/devices/simctl.ts";
import { bounded, textOf } from "../../plugins/devices/tools.ts";
import { movie, png, report, transcripts } from "./devices-world.ts";

const encoder = new TextEncoder();

/** Pieces of what the programs really say, torn and thrown together with any bytes. */
const words = fc.constantFrom(
  "Failure [INSTALL_",
  "Failed",
  "Error: ",
  "Error type 3",
  "error: ",
  "adb: ",
  "device offline",
  "no devices",
  "An error was encountered processing the command (domain=",
  "code=",
  "\n",
  "\r\n",
  "\u001b[31m",
  "Warning: Activity not started",
  "<testsuite",
  "<testcase ",
  "</",
  'tests="',
  "&#x",
  "]]>",
  "<!--",
  "<![CDATA[",
);
const noise = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .array(fc.oneof(words, fc.string({ maxLength: 12, unit: "binary" })), { maxLength: 20 })
    .map((all) => encoder.encode(all.join(""))),
);
const ends = fc.record({
  exitCode: fc.oneof(fc.constantFrom(0, 1, 2, 130, 255), fc.constant(null)),
  signal: fc.constantFrom(null, "SIGKILL", "SIGSEGV"),
  // What success looks like is silence for some; noise that is blank would be that.
  stdout: noise.filter((bytes) => textOf(bytes).trim() !== ""),
  stderr: noise,
  truncated: fc.boolean(),
});

describe("whatever a program prints", () => {
  test("no reader throws or passes it", () => {
    fc.assert(
      fc.property(ends, (end) => {
        for (const read of [
          readInstall,
          readClear,
          readGrant,
          readStart,
          readLog,
          readState,
          readBoot,
          doneInSilence,
          readInstallApp,
        ]) {
          const { verdict, message = "" } = read(end);
          expect(verdict).not.toBe("pass");
          // A message is one line that no terminal obeys, or the plugin has broken its contract.
          expect(/\p{Cc}/u.test(message) || !message.isWellFormed()).toBeFalse();
        }
        expect(readLaunch(end, "com.acme.pay").verdict).not.toBe("pass");
        for (const trouble of [deviceTrouble, simulatorTrouble, readScreenrecord, readPull]) {
          expect(trouble(end)?.verdict).not.toBe("pass");
        }
        expect(pictureOf(end.stdout, "a", end.truncated).judged.verdict).not.toBe("pass");
        expect(isMovie(end.stdout)).toBeFalse();
      }),
      { numRuns: 1_500 },
    );
  });

  test("no report of noise passes a flow", () => {
    fc.assert(
      fc.property(ends, noise, (end, bytes) => {
        const { verdict, message = "" } = judge(end, { kind: "read", bytes }).judged;
        expect(verdict).not.toBe("pass");
        expect(/\p{Cc}/u.test(message) || !message.isWellFormed()).toBeFalse();
      }),
      { numRuns: 1_500 },
    );
  });

  test("what failed once fails with any noise around it", () => {
    const adb = transcripts("adb");
    const line = fc
      .string({ maxLength: 30, unit: "grapheme" })
      .map((text) => `# ${text.replaceAll(/[\r\n]/g, " ")}\n`);
    fc.assert(
      fc.property(line, line, fc.constantFrom(0, 1), (before, after, exitCode) => {
        for (const [name, read] of [
          ["install_no_room", readInstall],
          ["clear_failed", readClear],
          ["grant_refused", readGrant],
          ["start_no_class", readStart],
        ] as const) {
          const { stdout, stderr } = adb(name);
          const around = (lines: readonly string[]) =>
            encoder.encode(`${before}${lines.join("\n")}\n${after}Success\n`);
          const end = {
            exitCode,
            signal: null,
            stdout: around(stdout),
            stderr: around(stderr),
            truncated: false,
          };
          expect(read(end).verdict).toBe("fail");
        }
      }),
      { numRuns: 200 },
    );
  });

  test("what is kept of it is well-formed text of at most so many characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat({ max: 40 }), (text, most) => {
        const kept = bounded(text, most);
        expect(kept.length).toBeLessThanOrEqual(most);
        expect(kept.isWellFormed()).toBeTrue();
      }),
    );
  });
});

describe("the report", () => {
  const suite = fc.array(
    fc.record({
      status: fc.constantFrom("SUCCESS", "WARNING", "ERROR", "CANCELED"),
      message: fc.string({ unit: "grapheme" }),
    }),
    { maxLength: 12 },
  );
  const escaped = (text: string) =>
    [...text]
      .map((character) => (/^[A-Za-z0-9 ]$/.test(character) ? character : `&#${character.codePointAt(0)};`))
      .join("");
  // Characters that XML knows no way to write.
  const writable = (text: string) => text.replaceAll(/[\p{Cc}\ufffe\uffff]/gu, "");

  test("counts what a writer wrote, whatever the messages are", () => {
    fc.assert(
      fc.property(fc.array(suite, { maxLength: 4 }), (suites) => {
        const cases = suites.flat();
        const failures = (all: typeof cases) => all.filter(({ status }) => status === "ERROR").length;
        const xml = suites.map((all) => {
          const rows = all.map(({ status, message }) => {
            const told = status === "ERROR" ? `<failure>${escaped(writable(message))}</failure>` : "";
            return `<testcase name="${escaped(writable(message))}" time="1.5" status="${status}">${told}</testcase>`;
          });
          return `<testsuite tests="${all.length}" failures="${failures(all)}">${rows.join("\n")}</testsuite>`;
        });
        const reading = readJunit(
          encoder.encode(`<?xml version="1.0"?>\n<testsuites>${xml.join("")}</testsuites>`),
        );
        expect(reading).toMatchObject({
          kind: "read",
          report: {
            failed: failures(cases),
            skipped: cases.filter(({ status }) => status === "CANCELED").length,
            passed: cases.filter(({ status }) => status === "SUCCESS" || status === "WARNING").length,
            seconds: cases.length * 1.5,
          },
        });
      }),
      { numRuns: 300 },
    );
  });

  test("one byte changed never throws, and never makes a pass of a failure", () => {
    const bytes = report("failed");
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const changed = bytes.slice();
        changed[at] = byte;
        const end = { exitCode: 0, signal: null, stdout: changed, stderr: changed, truncated: false };
        expect(judge(end, { kind: "read", bytes: changed }).judged.verdict).not.toBe("pass");
      }),
      { numRuns: 3_000 },
    );
  });

  test("half a report is none", () => {
    const bytes = report("passed");
    const root = new TextDecoder().decode(bytes).trimEnd().length;
    for (let length = 0; length < root; length += 1) {
      expect(readJunit(bytes.subarray(0, length)).kind).toBe("unreadable");
    }
    expect(readJunit(bytes)).toMatchObject({ kind: "read", report: { passed: 1, device: "emulator-5554" } });
  });

  test.each([
    ["a DTD", '<!DOCTYPE a [<!ENTITY b "c">]><testsuites>&b;</testsuites>'],
    ["an entity of its own", "<testsuites>&b;</testsuites>"],
    ["a bare ampersand", "<testsuites>a & b</testsuites>"],
    ["another root", "<html></html>"],
    ["two roots", "<testsuites></testsuites><testsuites></testsuites>"],
    ["an attribute twice", '<testsuites a="1" a="2"></testsuites>'],
    ["tags that cross", "<testsuites><testsuite></testsuites></testsuite>"],
    ["a character that XML forbids", "<testsuites>\u0001</testsuites>"],
    ["the same by number", "<testsuites>&#1;</testsuites>"],
    ["half a surrogate pair", "<testsuites>&#xd800;</testsuites>"],
    ["another encoding", '<?xml version="1.0" encoding="UTF-16"?><testsuites></testsuites>'],
    ["too deep", `${"<testsuite>".repeat(40)}${"</testsuite>".repeat(40)}`],
    ["fewer cases than it says", '<testsuite tests="2"><testcase name="a"/></testsuite>'],
    ["more failures than cases", '<testsuite failures="2"><testcase name="a"/></testsuite>'],
    ["a number that is none", '<testsuite tests="two"/>'],
    ["a case outside of a suite", "<testcase/>"],
    ["text behind the root", "<testsuites/>x"],
    ["a comment that is none", "<testsuites><!-- a -- b --></testsuites>"],
  ])("with %s is none", (_, xml) => {
    expect(readJunit(encoder.encode(xml)).kind).toBe("unreadable");
  });

  test("of a hundred thousand elements or 9 MiB is none, and told soon", () => {
    const began = performance.now();
    expect(readJunit(encoder.encode(`<testsuite>${"<a/>".repeat(100_001)}</testsuite>`)).kind).toBe(
      "unreadable",
    );
    expect(readJunit(encoder.encode(`<testsuite>${"a".repeat(9 * 1024 * 1024)}</testsuite>`)).kind).toBe(
      "unreadable",
    );
    expect(readJunit(encoder.encode(`<testsuite ${"a".repeat(4_000_000)}`)).kind).toBe("unreadable");
    expect(readJunit(encoder.encode(`<testsuite a="${"&".repeat(4_000_000)}"/>`)).kind).toBe("unreadable");
    expect(readJunit(encoder.encode(`<testsuite>${"<?a ".repeat(1_000_000)}`)).kind).toBe("unreadable");
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test("that says more failures than its cases show counts the worse", () => {
    const xml =
      '<testsuites><testsuite tests="2" failures="1" errors="1"><testcase name="a"/><testcase name="b"><error message="no"/></testcase></testsuite></testsuites>';
    expect(readJunit(encoder.encode(xml))).toMatchObject({
      report: { passed: 0, failed: 2, failures: [{ name: "b", message: "no" }] },
    });
  });
});

describe("pictures and films", () => {
  test("one that was cut off on its way is limited", () => {
    expect(pictureOf(png, "a", true)).toMatchObject({
      judged: { verdict: "inconclusive", reason: "limited" },
    });
  });

  test("a cut one is none", () => {
    for (let length = 0; length < png.length; length += 1) {
      expect(pictureOf(png.subarray(0, length), "a", false).judged.verdict).toBe("error");
    }
    for (let length = 0; length < movie.length; length += 1)
      expect(isMovie(movie.subarray(0, length))).toBeFalse();
    expect(isMovie(movie)).toBeTrue();
    expect(pictureOf(png, "a", false)).toMatchObject({
      judged: { verdict: "pass" },
      file: { name: "a.png", bytes: png },
    });
  });
});
