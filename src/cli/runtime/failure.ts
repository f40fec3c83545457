/**
 * What the actions that failed in a run had to say: the last lines of a child's own words, or the first of a server's.
 * Reads what is stored and shows little of it, without what stands where secrets stand.
 *
 * Source: spec bundle §14.5, §15.4 (the outputs of a route).
 */
import * as v from "valibot";
import { redactText } from "../../evidence/redact.ts";
import { limits } from "../../limits.ts";
import type { ActionRow, RunReader } from "../../store/contract.ts";
import type { Plain } from "../render/output.ts";
import { fit, printable } from "../render/text.ts";
import { actionName } from "./action-name.ts";

export interface Failure {
  readonly name: string;
  readonly row: ActionRow;
  readonly error: string;
  readonly code: string;
  readonly excerpt?: Excerpt;
}

/** Lines as they were written, each cut to a bound; colours and secrets taken out. */
export interface Excerpt {
  readonly from: "stderr" | "stdout" | "response";
  readonly lines: readonly string[];
}

// Outputs are made by adapters, those of others included: what has another form than the documented one says nothing.
const Text = v.fallback(v.string(), "");
const Outputs = v.object({
  stdout: Text,
  stderr: Text,
  stdout_sha256: Text,
  stderr_sha256: Text,
  http_response_snippet: Text,
});
type Outputs = v.InferOutput<typeof Outputs>;

const nothing = { stdout: "", stderr: "", stdout_sha256: "", stderr_sha256: "", http_response_snippet: "" };
const DeadLettered = v.object({
  error: Text,
  error_code: Text,
  result: v.fallback(v.object({ outputs: v.fallback(Outputs, nothing) }), { outputs: nothing }),
});

/** The first failures of a run, at most `limits.failuresShownMax`; denials are none, they have their own rule. */
export async function failuresOf(reader: RunReader, runtimeRunId: string): Promise<readonly Failure[]> {
  const failures: Failure[] = [];
  for (const row of await failedRows(reader)) {
    const payload = v.parse(DeadLettered, JSON.parse((await reader.payloadAt(row.seq)) ?? "{}"));
    const { error, error_code: code, result } = payload;
    const excerpt = await excerptOf(result.outputs, reader);
    failures.push({
      name: actionName(row, runtimeRunId),
      row,
      error,
      code,
      ...(excerpt === undefined ? {} : { excerpt }),
    });
  }
  return failures;
}

/** A page at a time: a run may have a hundred thousand actions. */
async function failedRows(reader: RunReader): Promise<readonly ActionRow[]> {
  let first: ActionRow[] = [];
  let after = "";
  for (;;) {
    const page = await reader.actionsAfter(after, limits.storePageRows);
    const failed = page.filter(({ phase }) => phase === "failed");
    if (failed.length > 0) {
      first = [...first, ...failed].sort((a, b) => a.seq - b.seq).slice(0, limits.failuresShownMax);
    }
    after = page.at(-1)?.actionId ?? after;
    if (page.length < limits.storePageRows) return first;
  }
}

async function excerptOf(outputs: Outputs, reader: RunReader): Promise<Excerpt | undefined> {
  for (const from of ["stderr", "stdout"] as const) {
    const text = await wholeText(outputs[from], outputs[`${from}_sha256`], reader);
    const lines = linesOf(text).slice(-limits.excerptLinesMax);
    if (lines.length > 0) return { from, lines };
  }
  // A server says what is wrong at the beginning; a page ends with its markup.
  const lines = linesOf(outputs.http_response_snippet).slice(0, limits.excerptLinesMax);
  return lines.length > 0 ? { from: "response", lines } : undefined;
}

/** The result holds the beginning of what was written; for the end of more than that the whole is read. */
async function wholeText(beginning: string, sha256: string, reader: RunReader): Promise<string> {
  if (sha256 === "" || beginning.length < limits.outputSnippetChars) return beginning;
  try {
    if ((await reader.artifacts.sizeOf(sha256)) > limits.excerptSourceBytesMax) return "";
    return new TextDecoder().decode(await reader.artifacts.read(sha256));
  } catch {
    // An excerpt is a courtesy: without the file there is none, and everything else is still said.
    return "";
  }
}

function linesOf(text: string): string[] {
  const plain = redactText(Bun.stripANSI(nearEnd(text)), []);
  return plain
    .split(/[\r\n]+/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .map((line) => fit(line, limits.excerptLineColumnsMax));
}

/** Whole lines only: in a part of one a secret would stand without the word that gives it away. */
function nearEnd(text: string): string {
  if (text.length <= limits.outputSnippetChars) return text;
  const end = text.slice(-limits.outputSnippetChars);
  const lineEnd = end.search(/[\r\n]/);
  return lineEnd < 0 ? "" : end.slice(lineEnd);
}

/** The items of `failures` in docs/json-output.md. */
export function failureData({ row, error, code, excerpt }: Failure): Plain {
  return {
    action_id: row.actionId,
    step_id: row.stepId,
    node_id: row.nodeId,
    attempt: row.attempt,
    error,
    error_code: code,
    excerpt: excerpt === undefined ? null : { from: excerpt.from, lines: excerpt.lines },
  };
}

const sourceWords = {
  stderr: "the end of its stderr",
  stdout: "the end of its stdout",
  response: "the response",
} as const;

/** What the failed actions said, in lines for people; `headline` is the error that stands above them already. */
export function failureLines(failures: readonly Failure[], headline: string | null | undefined): string[] {
  return failures.flatMap(({ name, error, code, excerpt }) => {
    const told = headline === `${name}: ${error}`;
    const source = excerpt === undefined ? "" : sourceWords[excerpt.from];
    if (told && excerpt === undefined) return [];
    const about = told
      ? `${name}, ${source}`
      : `${name}: ${error} [${code}]${source === "" ? "" : `, ${source}`}`;
    const lines = excerpt?.lines.map((line) => `    ${printable(line)}`) ?? [];
    return [`  ${printable(about)}${lines.length > 0 ? ":" : ""}`, ...lines];
  });
}
