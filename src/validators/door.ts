/**
 * The door of one try of a binding: the only way of its validator to the world, open to the binding's own origin and to tools, within
 * the binding's time. Everything that passes is recorded, and no secret passes inwards.
 */
import { X509Certificate } from "node:crypto";
import { AkcError } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { HandedOver, readSecret } from "../plugin-host/secrets.ts";
import type { OperatorPolicy } from "../policy/model.ts";
import type { Clock } from "../system/clock.ts";
import { readFileBounded } from "../system/files.ts";
import type { Resolver } from "../system/http.ts";
import type { DoorResponse, DoorRunEnd, RecordingDoor } from "./contract.ts";
import { fetchThrough, maySend, type SecretHeader } from "./door-http.ts";
import { readMadeFile, runTool } from "./door-tools.ts";
import {
  contentOf,
  type FileExchange,
  type HttpExchange,
  Recording,
  recordedUrl,
  type Seen,
  type ToolExchange,
} from "./recording.ts";

export interface DoorParts {
  /** As `Binding` of the registry. */
  readonly binding: { readonly kind: string; readonly timeoutMs: number; readonly settings: JsonObject };
  readonly operator: OperatorPolicy | undefined;
  /** Where secrets of `plugins.secrets` and what tools need are looked up; nobody else sees it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Absolute; where tools work and leave their files. Private, empty, and of this door alone. */
  readonly workdir: string;
  /** The system's unless given. */
  readonly resolve?: Resolver;
}

/**
 * Its time begins now.
 * @throws AkcError PLUGIN_SECRET_UNAVAILABLE, FILE_NOT_FOUND, FILE_UNREADABLE where a secret or `tls_ca_file` cannot be had
 */
export async function openDoor(parts: DoorParts): Promise<RecordingDoor> {
  const { binding, operator, env, clock, workdir } = parts;
  const { settings } = binding;
  const deadlineMs = clock.monotonicMs() + binding.timeoutMs;
  const leftMs = () => deadlineMs - clock.monotonicMs();
  const secrets = new HandedOver();
  const http = {
    origin: originOf(settings["url"]),
    http: operator?.http,
    secretHeaders: await secretHeadersOf(parts, secrets),
    secrets,
    leftMs,
    ...(parts.resolve === undefined ? {} : { resolve: parts.resolve }),
    ...(await tlsOf(settings["tls_ca_file"])),
  };
  const { workdir: folder } = settings;
  const cwd = binding.kind === "command" && typeof folder === "string" ? folder : workdir;
  const tools = { subprocess: operator?.subprocess, env, workdir, cwd, leftMs };
  const recording = new Recording(clock, (text) => secrets.text(text));
  return {
    get exchanges() {
      return recording.exchanges;
    },
    async fetch(request, signal) {
      const { method, url, body } = request;
      refuseLong([method, url]);
      const asked = {
        kind: "http",
        method: method.toUpperCase(),
        url: secrets.text(recordedUrl(url)),
        ...(body === undefined || body.length === 0 ? {} : { requestSha256: sha256Hex(body) }),
      } as const;
      return recording.use<HttpExchange["answer"], DoorResponse>(
        (answer, times) => ({ ...asked, ...times, answer }),
        async () => responseSeen(await fetchThrough(request, http, signal)),
      );
    },
    async run(request, signal) {
      refuseLong(request.argv);
      const asked = { kind: "tool", argv: request.argv } as const;
      return recording.use<ToolExchange["answer"], DoorRunEnd>(
        (answer, times) => ({ ...asked, ...times, answer }),
        async () => endSeen(await runTool(request, tools, signal)),
      );
    },
    async readMade(name, signal) {
      refuseLong([name]);
      const asked = { kind: "file", name } as const;
      return recording.use<FileExchange["answer"], Uint8Array>(
        (answer, times) => ({ ...asked, ...times, answer }),
        async () => {
          if (signal.aborted) throw new AkcError("CANCELLED");
          const bytes = await readMadeFile(workdir, name);
          return { answer: { kind: "read", content: contentOf(bytes) }, value: bytes };
        },
      );
    },
  };
}

/** It is not recorded: the record would be as long. @throws AkcError DOOR_LIMIT */
function refuseLong(asked: readonly string[]): void {
  const chars = asked.reduce((sum, text) => sum + text.length, 0);
  if (chars > limits.validatorAskedCharsMax) throw new AkcError("DOOR_LIMIT");
}

function responseSeen(response: DoorResponse): Seen<HttpExchange["answer"], DoorResponse> {
  const { status, headers, truncated, body } = response;
  const mediaType = headers["content-type"] ?? "";
  return {
    answer: { kind: "response", status, mediaType, truncated, body: contentOf(body) },
    value: response,
  };
}

function endSeen(end: DoorRunEnd): Seen<ToolExchange["answer"], DoorRunEnd> {
  const { exitCode, signal, truncated, stdout, stderr } = end;
  const seen = { stdout: contentOf(stdout), stderr: contentOf(stderr) };
  return { answer: { kind: "ended", exitCode, signal, truncated, ...seen }, value: end };
}

function originOf(url: unknown): string | undefined {
  const parsed = typeof url === "string" ? URL.parse(url) : null;
  return parsed !== null && /^https?:$/.test(parsed.protocol) ? parsed.origin : undefined;
}

async function secretHeadersOf(
  { binding, operator, env }: DoorParts,
  secrets: HandedOver,
): Promise<readonly SecretHeader[]> {
  const named = binding.settings["secret_headers"];
  const sources = operator?.plugins?.secrets;
  const headers: SecretHeader[] = [];
  for (const [name, reference] of Object.entries(isJsonObject(named) ? named : {})) {
    const { secret, prefix } = isJsonObject(reference) ? reference : {};
    if (typeof secret !== "string") continue;
    const sendTo = sources?.get(secret)?.sendTo ?? [];
    refuseElsewhere(secret, sendTo, binding.settings["url"]);
    const value = await readSecret(secret, sources, env);
    const before = typeof prefix === "string" ? prefix : "";
    // Before it is sent: what comes back with it must be found.
    secrets.add(value);
    if (/^\s*basic\s/i.test(before)) for (const part of partsOfBasic(value)) secrets.add(part);
    headers.push({ name, value: `${before}${value}`, sendTo });
  }
  return headers;
}

/** A server reads user and password out of it, and may tell them so. Source: RFC 7617. */
function partsOfBasic(value: string): readonly string[] {
  const text = Buffer.from(value, "base64").toString();
  const [, ...password] = text.split(":");
  return password.length === 0 ? [] : [text, password.join(":")];
}

/**
 * Whoever writes a registry need not be the operator: a secret goes only where he lets it go.
 * @throws AkcError SECRET_DENIED
 */
function refuseElsewhere(secret: string, sendTo: readonly string[], url: unknown): void {
  if (typeof url === "string" && maySend({ sendTo }, url)) return;
  const to = originOf(url) ?? "nowhere";
  throw new AkcError("SECRET_DENIED", {
    message: `the operator's policy does not let the secret ${secret} be sent to ${to}`,
    details: { secret, to },
  });
}

async function tlsOf(path: unknown): Promise<{ readonly tls?: { readonly ca: string } }> {
  if (typeof path !== "string") return {};
  const bytes = await readFileBounded(path, limits.certificatesBytesMax);
  // Left to the connection, it would look like a server that is not there.
  if (!holdsCertificate(bytes)) {
    throw new AkcError("FILE_UNREADABLE", { message: "`tls_ca_file` holds no certificate" });
  }
  return { tls: { ca: new TextDecoder().decode(bytes) } };
}

function holdsCertificate(bytes: Uint8Array): boolean {
  try {
    return new X509Certificate(bytes).raw.length > 0;
  } catch {
    return false;
  }
}
