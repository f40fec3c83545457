/**
 * Judges by a program that checks: bindings of kind `command`. Its exit code is the verdict, as with check programs everywhere, or
 * its output is a JSON document that is judged. Starts it through the door only, and is pure beyond it.
 */
import { isJsonArray, type JsonObject } from "../json/value.ts";
import { answered, doorFault } from "./answers.ts";
import type { Answer, DoorRunEnd, Validator } from "./contract.ts";
import { judgeDocument, judgingOf } from "./judged-value.ts";

export const command: Validator = {
  id: "command",
  kinds: ["command"],
  async validate({ binding, evaluatedAtMs, timeoutMs }, door, signal) {
    const [program, ...args] = wordsAt(binding);
    if (program === undefined) {
      return answered("error", { reason: "malformed", message: "the binding names no program" });
    }
    let end: DoorRunEnd;
    try {
      end = await door.run({ argv: [program, ...args], timeoutMs }, signal);
    } catch (cause) {
      return doorFault(cause);
    }
    return judge(end, binding, evaluatedAtMs);
  },
};

function judge(end: DoorRunEnd, binding: JsonObject, nowMs: number): Answer {
  const { exitCode, signal, truncated, stdout } = end;
  const evidence = { exit_code: exitCode, ...(signal === null ? {} : { signal }), truncated };
  const observed = { exit_code: exitCode };
  const said = firstLine(end);
  const words = { message: said === "" ? `the program ended with ${exitCode}` : said, observed, evidence };
  if (exitCode === null) {
    const message = `the program was ended by ${signal ?? "a signal"}`;
    return answered("error", { reason: "malformed", message, observed, evidence });
  }
  const judging = judgingOf(binding);
  if (judging === undefined) {
    if (exitCode === 0) return answered("pass", words);
    if (exitCode === 1) return answered("fail", { reason: "exit", ...words });
    if (exitCode === 2) return answered("inconclusive", { reason: "ambiguous", ...words });
  }
  if (judging === undefined || exitCode !== 0) {
    const message = `the program ended with ${exitCode}${said === "" ? "" : `: ${said}`}`;
    return answered("error", { reason: "malformed", message, observed, evidence });
  }
  if (truncated) {
    const message = "the program printed more than is read";
    return answered("inconclusive", { reason: "limited", message, observed, evidence });
  }
  const answer = judgeDocument(stdout, judging, evidence, nowMs);
  return { ...answer, observed: { ...observed, ...answer.observed } };
}

function wordsAt({ argv }: JsonObject): readonly string[] {
  return isJsonArray(argv) ? argv.flatMap((word) => (typeof word === "string" ? [word] : [])) : [];
}

/** What it has to say for itself, for people. */
function firstLine({ stdout, stderr }: DoorRunEnd): string {
  for (const stream of [stdout, stderr]) {
    const text = new TextDecoder().decode(stream.subarray(0, wordsBytesMax));
    const line = text.split("\n").find((one) => one.trim() !== "");
    if (line !== undefined) return line.trim().slice(0, lineCharsMax);
  }
  return "";
}

const wordsBytesMax = 4_096;
const lineCharsMax = 200;
