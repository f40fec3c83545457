/** Doors on real servers and real programs: a folder of their own, a policy, and nothing left behind. */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../../src/errors.ts";
import { fromPlain } from "../../src/json/plain.ts";
import { isJsonObject, type JsonObject } from "../../src/json/value.ts";
import type { OperatorPolicy } from "../../src/policy/model.ts";
import { systemClock } from "../../src/system/clock.ts";
import type { Content, Exchange, RecordingDoor } from "../../src/validators/contract.ts";
import { type DoorParts, openDoor } from "../../src/validators/door.ts";
import { openRecordedDoor, type RecordedDoor } from "../../src/validators/recorded-door.ts";

export const never = new AbortController().signal;

export class DoorWorld {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "akc-test-door-")));
  readonly #servers: { stop(force: boolean): Promise<void> }[] = [];
  #doors = 0;

  /** A server of this host; its origin. */
  serve(respond: (request: Request) => Response | Promise<Response>): string {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 30, fetch: respond });
    this.#servers.push(server);
    return `http://127.0.0.1:${server.port}`;
  }

  door(settings: object, more: Partial<DoorParts & { kind: string; timeoutMs: number }> = {}) {
    this.#doors += 1;
    const { kind = "http_json", timeoutMs = 20_000, ...parts } = more;
    return openDoor({
      binding: { kind, timeoutMs, settings: jsonMap(settings) },
      operator: undefined,
      env: {},
      clock: systemClock,
      workdir: join(this.folder, `work-${this.#doors}`),
      ...parts,
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop(true)));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function operator(more: Partial<OperatorPolicy>): OperatorPolicy {
  return { path: "/etc/akc/policy.yaml", ...more };
}

export function get(door: RecordingDoor, url: string, headers: Readonly<Record<string, string>> = {}) {
  return door.fetch({ url, method: "GET", headers }, never);
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The error of akc's that it was refused with. */
export async function refusal(use: Promise<unknown>): Promise<AkcError> {
  try {
    await use;
  } catch (cause) {
    if (cause instanceof AkcError) return cause;
    throw cause;
  }
  throw new Error("it was not refused");
}

export function jsonMap(value: object): JsonObject {
  const json = fromPlain(value);
  return isJsonObject(json) ? json : {};
}

/** A door made of what passed this one. */
export function recordedAgain({ exchanges }: RecordingDoor): RecordedDoor {
  const contents = new Map(exchanges.flatMap(contentsOf).map(({ sha256, bytes }) => [sha256, bytes]));
  return openRecordedDoor(exchanges, async (sha256) => contents.get(sha256) ?? new Uint8Array());
}

export function contentsOf({ answer }: Exchange): readonly Content[] {
  switch (answer.kind) {
    case "response":
      return [answer.body];
    case "ended":
      return [answer.stdout, answer.stderr];
    case "read":
      return [answer.content];
    case "error":
      return [];
  }
}
