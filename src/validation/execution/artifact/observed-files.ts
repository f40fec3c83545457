/**
 * The files that a judgement leaves: what was answered, what was made, what passed the door, each content once. It names them and
 * holds their bytes; it writes none.
 *
 * Source: spec reconcile §6.4, §6.5.
 */
import { sha256Hex } from "../../../json/fingerprint.ts";
import type { JsonObject } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";
import type { Content, Exchange } from "../../../validators/contract.ts";
import { type Judgement, lastAttempt } from "../judgement.ts";
import type { ArtifactKind, ObservedFile } from "../model.ts";
import { attachmentSuffix, type FileNames } from "./names.ts";

export interface ObservedFiles {
  readonly files: readonly ObservedFile[];
  /** Where content stands; undefined for what is empty and for what was one file too many. */
  pathOf(sha256: string): string | undefined;
  /** The file of the attachment of this name. */
  attachment(name: string): ObservedFile | undefined;
  /** Contents that were left out, since a binding may leave only so many files. */
  readonly leftOut: number;
}

/** @param folder where artifacts stand below the scope, e.g. `.akc/verification/validators/run-1`; empty for the scope itself */
export function observedFiles(
  judgement: Judgement,
  {
    folder,
    names,
    artifactKind,
  }: { readonly folder: string; readonly names: FileNames; readonly artifactKind: ArtifactKind },
): ObservedFiles {
  const { answer, exchanges } = lastAttempt(judgement);
  const { id } = judgement.binding;
  const byPath = new Map<string, ObservedFile>();
  const byDigest = new Map<string, ObservedFile>();
  const byAttachment = new Map<string, ObservedFile>();
  let leftOut = 0;

  function keep(suffix: string, mediaType: string, content: Content): ObservedFile | undefined {
    const known = byDigest.get(content.sha256);
    if (known !== undefined || content.sizeBytes === 0) return known;
    if (byPath.size >= limits.bindingFilesMax) {
      leftOut += 1;
      return undefined;
    }
    const path = freePath(suffix);
    const file = { path, mediaType, sha256: content.sha256, bytes: content.bytes };
    byPath.set(path.toLowerCase(), file);
    byDigest.set(content.sha256, file);
    return file;
  }

  function freePath(suffix: string): string {
    const prefix = folder === "" ? "attachments" : `${folder}/attachments`;
    const name = names.fileName(id, suffix);
    let path = `${prefix}/${name}`;
    for (let n = 2; byPath.has(path.toLowerCase()); n += 1) {
      path = `${prefix}/${names.fileName(id, `${n}.${suffix}`)}`;
    }
    return path;
  }

  if (artifactKind === "observability_query_result") {
    const main = mainResponse(exchanges);
    if (main !== undefined) {
      const isJson = essence(main.mediaType) === "application/json";
      keep(isJson ? "response.json" : "response.txt", mediaTypeOr(main.mediaType, "text/plain"), main.body);
    }
    if (answer.verdict === "error") {
      keep("error.txt", "text/plain", contentOf(`${answer.message ?? answer.reason ?? "error"}\n`));
    }
  }
  for (const { name, mediaType, bytes } of answer.attachments) {
    const file = keep(
      attachmentSuffix(name),
      mediaTypeOr(mediaType, "application/octet-stream"),
      contentOf(bytes),
    );
    if (file !== undefined) byAttachment.set(name, file);
  }
  for (const [index, exchange] of exchanges.entries()) {
    for (const { end, mediaType, content } of contentsOf(exchange)) {
      keep(`exchange-${index + 1}${end}`, mediaType, content);
    }
  }
  return {
    files: [...byPath.values()],
    pathOf: (sha256) => byDigest.get(sha256)?.path,
    attachment: (name) => byAttachment.get(name),
    leftOut,
  };
}

/** As what is recorded of an answer lists them: by name and digest, without their bytes. */
export function listedFiles(files: readonly ObservedFile[]): readonly JsonObject[] {
  return files.map(({ path, mediaType, sha256, bytes }) => ({
    path,
    media_type: mediaType,
    sha256,
    size_bytes: bytes.length,
  }));
}

/** What the system said first: the answer that the artifact's summary is decoded from. */
export function mainResponse(
  exchanges: readonly Exchange[],
): { readonly mediaType: string; readonly truncated: boolean; readonly body: Content } | undefined {
  for (const exchange of exchanges) {
    if (exchange.kind === "http" && exchange.answer.kind === "response") return exchange.answer;
  }
  return undefined;
}

interface NamedContent {
  readonly end: string;
  readonly mediaType: string;
  readonly content: Content;
}

function contentsOf({ kind, answer }: Exchange): readonly NamedContent[] {
  switch (answer.kind) {
    case "error":
      return [];
    case "response": {
      const mediaType = mediaTypeOr(answer.mediaType, "application/octet-stream");
      return [{ end: extensionOf(mediaType), mediaType, content: answer.body }];
    }
    case "ended":
      return [named("", answer.stdout), named(".stderr", answer.stderr)];
    case "read":
      return [named(kind === "file" ? ".file" : "", answer.content)];
  }
}

function named(stream: string, content: Content): NamedContent {
  const isText = isUtf8Text(content.bytes);
  return {
    end: `${stream}${isText ? ".txt" : ".bin"}`,
    mediaType: isText ? "text/plain" : "application/octet-stream",
    content,
  };
}

function extensionOf(mediaType: string): ".json" | ".txt" | ".bin" {
  const plain = essence(mediaType);
  if (plain === "application/json" || plain.endsWith("+json")) return ".json";
  return plain.startsWith("text/") ? ".txt" : ".bin";
}

function essence(mediaType: string): string {
  return (mediaType.split(";")[0] ?? "").trim().toLowerCase();
}

/** What a server or a plugin says is data; a media type in an artifact is only ever a type. */
function mediaTypeOr(mediaType: string, otherwise: string): string {
  const plain = essence(mediaType);
  return /^[a-z0-9!#$&^_.+-]{1,63}\/[a-z0-9!#$&^_.+-]{1,63}$/.test(plain) ? plain : otherwise;
}

function isUtf8Text(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function contentOf(data: string | Uint8Array): Content {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return { sha256: sha256Hex(bytes), sizeBytes: bytes.length, bytes };
}
