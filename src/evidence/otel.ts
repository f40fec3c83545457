/**
 * Trace export lines, and the file of a compile run that all its runs append them to. A run's lines always come in the same
 * order, so that an export that is repeated, or was cut short, goes on where the file ends and writes no line twice.
 *
 * Source: spec kernel §13.2, spec cli §13.
 */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { JsonObject } from "../json/value.ts";
import type { RunRow } from "../store/contract.ts";
import { asDiskError, lockFile } from "../system/files.ts";
import type { BundleFacts } from "./facts.ts";
import type { Span } from "./spans.ts";
import { BlockPipe } from "./text/pipe.ts";
import { RowWriter } from "./text/row-writer.ts";

export type OtelSource = "runtime.trace_span" | "runtime.coordination_audit";

/** What a line says: a span, and whose it is. */
export class OtelLines {
  readonly #resource: JsonObject;
  readonly #correlation: JsonObject;

  constructor(run: RunRow, facts: BundleFacts) {
    const { scope, runId, runtimeRunId } = run.context;
    this.#correlation = {
      "akc.tenant_id": scope.tenantId,
      "akc.repo_id": scope.repoId,
      "akc.run_id": runId,
      "akc.runtime_run_id": runtimeRunId,
      ...(facts.stableIntentSha256 === undefined
        ? {}
        : { "akc.stable_intent_sha256": facts.stableIntentSha256 }),
      ...(facts.otelQueryStubs.length === 0
        ? {}
        : { "akc.intent.otel_query_stubs": facts.otelQueryStubs.join(",") }),
      ...(facts.traceTags.length === 0 ? {} : { "akc.intent.trace_tags": facts.traceTags.join(",") }),
    };
    this.#resource = { attributes: { "service.name": "akc", ...this.#correlation } };
  }

  line(source: OtelSource, span: Span): JsonObject {
    return {
      akc_trace_export_version: 1,
      resource: this.#resource,
      source,
      // Correlation wins over a span's own attribute of the same name.
      span: { ...span, attributes: { ...span.attributes, ...this.#correlation } },
    };
  }
}

/** The end of the shared file, held by one exporter at a time. */
export interface OtelFile {
  /** Adds a line, COMPACT, unless an earlier export already did. */
  add(line: JsonObject): void;
  /** Call it now and then: what was added waits in memory. @throws AkcError DISK_FULL */
  flush(): Promise<void>;
  close(): Promise<void>;
  /** Takes back what this export added. Never fails. */
  undo(): Promise<void>;
}

/** @throws AkcError STORE_BUSY when another export holds the file for too long, DISK_FULL */
export async function openOtelFile(path: string, runtimeRunId: string): Promise<OtelFile> {
  await mkdir(dirname(path), { recursive: true });
  // A link in the place of the file would lead the lines elsewhere.
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
  let already: number;
  let end: number;
  try {
    await lockFile(file.fd, path);
    ({ lines: already, end } = await linesOf(file, runtimeRunId));
    // A process that died while it wrote may have left half a line.
    await file.truncate(end);
  } catch (cause) {
    await file.close();
    throw cause;
  }
  const begin = end;
  const rows = new RowWriter({ form: "compact", depth: 0 });
  const pipe = new BlockPipe(async (bytes) => {
    try {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, at, bytes.length - at, end);
        at += bytesWritten;
        end += bytesWritten;
      }
    } catch (cause) {
      throw asDiskError(cause, path);
    }
  });
  return {
    add(line) {
      already -= 1;
      if (already >= 0) return;
      rows.write(pipe.block, line);
      pipe.block.text("\n");
    },
    flush: () => pipe.flush(),
    async close() {
      await pipe.end();
      await file.sync();
      await file.close();
    },
    async undo() {
      await pipe.settled();
      await file.truncate(begin).catch(() => undefined);
      await file.close().catch(() => undefined);
    },
  };
}

/** How many whole lines of the run the file has, and where its last whole line ends. */
async function linesOf(file: FileHandle, runtimeRunId: string): Promise<{ lines: number; end: number }> {
  const needle = Buffer.from(`"akc.runtime_run_id":${JSON.stringify(runtimeRunId)}`);
  const { size } = await file.stat();
  // All runs before this one stand in the file: it is read in one place, whatever there is of it.
  let block = Buffer.allocUnsafe(Math.min(readBytes, size + 1));
  let kept = 0;
  let position = 0;
  let end = 0;
  let lines = 0;
  for (;;) {
    if (kept === block.length) block = Buffer.concat([block], 2 * kept);
    const { bytesRead } = await file.read(block, kept, block.length - kept, position);
    if (bytesRead === 0) return { lines, end };
    position += bytesRead;
    const filled = kept + bytesRead;
    const whole = block.lastIndexOf(0x0a, filled - 1) + 1;
    end += whole;
    lines += linesWith(block.subarray(0, whole), needle);
    block.copyWithin(0, whole, filled);
    kept = filled - whole;
  }
}

const readBytes = 64 * 1024;

function linesWith(text: Buffer, needle: Buffer): number {
  let lines = 0;
  for (let at = text.indexOf(needle); at >= 0; lines += 1) {
    // The id stands in a line twice: look on from the next one.
    at = text.indexOf(needle, text.indexOf(0x0a, at));
  }
  return lines;
}
