/**
 * The recorded world of a validator's case: how `plugin.test.yaml` writes it, and its contents, where they stand in files beside.
 * Reads nothing outside the plugin's folder.
 */
import { existsSync, lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { ExchangeCase } from "../../sdk/conformance/cases.ts";
import { AnyMap, mapInList } from "./map-in-list.ts";

const Texts = v.record(v.string(), v.string());
const maybeText = v.exactOptional(v.string());
const anyway = { error: maybeText, truncated: v.optional(v.boolean(), false) };

const HttpSchema = mapInList({
  http: v.pipe(
    v.string(),
    v.check((text) => URL.canParse(text), "must be a URL"),
  ),
  method: v.optional(v.pipe(v.string(), v.toUpperCase()), "GET"),
  request_body: maybeText,
  status: v.optional(v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(599)), 200),
  headers: v.optional(Texts, {}),
  body: maybeText,
  body_file: maybeText,
  ...anyway,
});

const ToolSchema = mapInList({
  tool: v.pipe(v.array(v.string()), v.minLength(1)),
  exit_code: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)), 0),
  signal: v.optional(v.nullable(v.string()), null),
  stdout: maybeText,
  stdout_file: maybeText,
  stderr: maybeText,
  stderr_file: maybeText,
  ...anyway,
});

const FileSchema = mapInList({
  file: v.string(),
  content: maybeText,
  content_file: maybeText,
  error: maybeText,
});

const NoneSchema = v.pipe(
  AnyMap,
  v.check(() => false, "must have one of http, tool, file"),
  v.transform((): ExchangeText => {
    throw new AkcError("INTERNAL", { message: "an exchange of no kind was read" });
  }),
);

/** One use of the world as an author writes it. */
export type ExchangeText =
  | v.InferOutput<typeof HttpSchema>
  | v.InferOutput<typeof ToolSchema>
  | v.InferOutput<typeof FileSchema>;

export const ExchangeSchema = v.lazy((value): v.GenericSchema<unknown, ExchangeText> => {
  if (typeof value !== "object" || value === null) return NoneSchema;
  if ("http" in value) return HttpSchema;
  if ("tool" in value) return ToolSchema;
  return "file" in value ? FileSchema : NoneSchema;
});

/** @param root of the plugin, absolute. @throws AkcError PLUGIN_CASES_INVALID */
export function loadExchange(written: ExchangeText, root: string): ExchangeCase {
  const failure = written.error === undefined ? {} : { error: written.error };
  const content = (text: string | undefined, file: string | undefined) => contentOf(root, text, file);
  if ("http" in written) {
    const { http: url, method, request_body, status, headers, truncated } = written;
    const body = content(written.body, written.body_file);
    const request = request_body === undefined ? {} : { request_body };
    return { kind: "http", method, url, ...request, status, headers, body, truncated, ...failure };
  }
  if ("tool" in written) {
    const { tool: argv, exit_code, signal, truncated } = written;
    const stdout = content(written.stdout, written.stdout_file);
    const stderr = content(written.stderr, written.stderr_file);
    return { kind: "tool", argv, exit_code, signal, stdout, stderr, truncated, ...failure };
  }
  return {
    kind: "file",
    name: written.file,
    content: content(written.content, written.content_file),
    ...failure,
  };
}

function contentOf(root: string, text: string | undefined, file: string | undefined): Uint8Array {
  if (file === undefined) return new TextEncoder().encode(text);
  if (text !== undefined) throw invalid(file, "stands beside a text: only one of them can be meant");
  const path = join(root, file);
  if (file.startsWith("/") || file.split(/[\\/]/).includes("..") || file.includes("\0"))
    throw invalid(file, "must be a path below the plugin's folder");
  if (!existsSync(path)) throw invalid(file, "does not exist");
  const stat = lstatSync(path);
  if (!stat.isFile()) throw invalid(file, "is not a regular file");
  if (stat.size > limits.validatorToolBytesMax) throw invalid(file, "is too large");
  return readFileSync(path);
}

function invalid(file: string, why: string): AkcError {
  return new AkcError("PLUGIN_CASES_INVALID", { message: `a case's file ${why}`, details: { file } });
}
