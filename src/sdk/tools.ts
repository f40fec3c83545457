/**
 * Programs that the host runs for a call, and the files that they made, as they are asked for over the wire.
 * Remembers of bytes only by which digest the host knows them, so that nobody sends back what the host has.
 */
import type { RunEnd, RunOptions } from "./call.ts";
import { failed } from "./errors.ts";
import { joined } from "./lines.ts";
import { type Json, type JsonMap, pluginCalls } from "./protocol.ts";
import { isMap } from "./read.ts";
import type { Attached, Verdict } from "./validator.ts";

export type Ask = (method: string, params: JsonMap) => Promise<Json>;

/** Digests of bytes that came from the host, by the very array that was handed over. */
export type KnownBytes = WeakMap<Uint8Array, string>;

/** @throws PluginError as `Call.run` */
export async function runTool(
  argv: readonly [string, ...string[]],
  { timeoutMs, outputBytesMax, interruptAfterMs, signal }: RunOptions,
  ask: Ask,
  known: KnownBytes,
): Promise<RunEnd> {
  const answer = await ask(pluginCalls.run, {
    argv,
    timeout_ms: timeoutMs,
    ...(outputBytesMax === undefined ? {} : { output_bytes_max: outputBytesMax }),
    ...(interruptAfterMs === undefined ? {} : { interrupt_after_ms: interruptAfterMs }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (!isMap(answer)) throw malformedAnswer(pluginCalls.run);
  const { exit_code: exitCode, signal: endedBy, truncated } = answer;
  if (exitCode !== null && typeof exitCode !== "number") throw malformedAnswer(pluginCalls.run);
  if (endedBy !== null && typeof endedBy !== "string") throw malformedAnswer(pluginCalls.run);
  const bytesOf = (stream: "stdout" | "stderr") => {
    const { [`${stream}_base64`]: data, [`${stream}_sha256`]: sha256 } = answer;
    if (typeof data !== "string") throw malformedAnswer(pluginCalls.run);
    const bytes = Uint8Array.fromBase64(data);
    if (typeof sha256 === "string") known.set(bytes, sha256);
    return bytes;
  };
  return {
    exitCode,
    signal: endedBy,
    stdout: bytesOf("stdout"),
    stderr: bytesOf("stderr"),
    truncated: truncated === true,
  };
}

/** In parts of `lengthMax`; the first asks anew. @throws PluginError as `Call.readMade` */
export async function readMadeFile(
  name: string,
  lengthMax: number,
  ask: Ask,
  known: KnownBytes,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let first: string | undefined;
  for (let offset = 0; ; ) {
    const answer = await ask(pluginCalls.readMade, { name, offset, length: lengthMax });
    if (!isMap(answer)) throw malformedAnswer(pluginCalls.readMade);
    const { data_base64: data, sha256, eof } = answer;
    if (typeof data !== "string" || typeof sha256 !== "string") throw malformedAnswer(pluginCalls.readMade);
    first ??= sha256;
    if (sha256 !== first) throw failed(`${name} was read anew meanwhile`, { code: "FILE_CHANGED" });
    const part = Uint8Array.fromBase64(data);
    parts.push(part);
    offset += part.length;
    if (eof !== true && part.length > 0) continue;
    const [only = new Uint8Array()] = parts;
    const bytes = parts.length <= 1 ? only : joined(parts);
    known.set(bytes, sha256);
    return bytes;
  }
}

/** For JSON to write. What the host has seen goes by its digest. */
export function wireVerdict(
  { verdict, reason, message, observed, evidence, attachments }: Verdict,
  known: KnownBytes,
): object {
  const attached = attachments?.map((one) => wireAttachment(one, known));
  return { verdict, reason, message, observed, evidence, attachments: attached };
}

function wireAttachment({ name, mediaType, bytes }: Attached, known: KnownBytes): object {
  const sha256 = known.get(bytes);
  const content = sha256 === undefined ? { data_base64: bytes.toBase64() } : { sha256 };
  return { name, media_type: mediaType, ...content };
}

export function malformedAnswer(method: string) {
  return failed(`the host's answer to ${method} is malformed`, { code: "HOST_MALFORMED" });
}
