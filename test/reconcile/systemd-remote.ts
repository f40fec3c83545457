/** A systemd provider that works inside the tests' systemd and is used from out here. */
import { join } from "node:path";
import { fingerprint } from "../../src/json/fingerprint.ts";
import type { JsonObject } from "../../src/json/value.ts";
import type {
  Change,
  Deletion,
  DesiredResource,
  Observation,
  OwnedResource,
  Resolution,
  Revision,
  Standing,
} from "../../src/providers/contract.ts";
import type { SystemdHost } from "../env/systemd.ts";

export const scope = "acme/shop";
const insidePath = "/opt/akc-test/inside.js";

/** With the failpoints of test builds, so that it can be made to die at a named place. */
export async function installInside(host: SystemdHost): Promise<void> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, "systemd-inside.ts")],
    target: "bun",
    define: { AKC_FAILPOINTS: "true" },
  });
  host.write(insidePath, await (built.outputs[0]?.text() ?? ""));
  engineInside = host.bring(process.execPath);
}

/** The Bun that runs the tests, as it is called inside. */
let engineInside = "";

export class Refused extends Error {
  readonly code: string;
  readonly details: JsonObject;
  constructor(code: string, message: string, details: JsonObject) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

export interface RemoteOptions {
  readonly settings?: JsonObject;
  readonly env?: Readonly<Record<string, string>>;
  readonly repoRoot?: string;
  readonly scope?: string;
}

export class RemoteProvider {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #waiting = new Map<number, (reply: { result?: never; error?: never } | undefined) => void>();
  readonly #said: Promise<string>;
  #asked = 0;

  constructor(
    host: SystemdHost,
    { settings = {}, env = {}, repoRoot = "/", scope: own = scope }: RemoteOptions = {},
  ) {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const json = JSON.stringify({ kind: "systemd", ...settings });
    this.#child = Bun.spawn(host.argv("env", ...variables, engineInside, insidePath, json, own, repoRoot), {
      env: { ...host.env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#said = new Response(this.#child.stderr).text();
    void this.#read();
  }

  resolve(resources: readonly DesiredResource[]): Promise<readonly Resolution[]> {
    return this.#ask("resolve", resources);
  }
  observe(
    revisions: readonly Revision[],
    owned: readonly OwnedResource[] = [],
  ): Promise<readonly Observation[]> {
    return this.#ask("observe", revisions, owned);
  }
  apply(change: Change): Promise<void> {
    return this.#ask("apply", change);
  }
  delete(deletion: Deletion): Promise<void> {
    return this.#ask("delete", deletion);
  }
  async close(): Promise<void> {
    await this.#child.stdin.end();
    await this.#child.exited;
  }

  async revision(resource: DesiredResource): Promise<Revision> {
    const [one] = await this.resolve([resource]);
    if (one?.kind !== "resolved") throw new Error(one?.message);
    return one.revision;
  }

  /** How one resource stands. */
  async standing(revision: Revision): Promise<Standing> {
    const seen = await this.observe([revision]);
    const one = seen.find(({ resourceId }) => resourceId === revision.resourceId);
    if (one === undefined) throw new Error("not observed");
    return one.standing;
  }

  async #ask<Answer>(method: string, ...args: readonly unknown[]): Promise<Answer> {
    this.#asked += 1;
    const id = this.#asked;
    const { promise, resolve } = Promise.withResolvers<{ result?: Answer; error?: never } | undefined>();
    this.#waiting.set(id, resolve);
    this.#child.stdin.write(`${JSON.stringify({ id, method, args })}\n`);
    await this.#child.stdin.flush();
    const reply = await promise;
    if (reply === undefined) throw new Refused("DIED", await this.#said, {});
    if (reply.error !== undefined) {
      const { code, message, details } = reply.error;
      throw new Refused(code, message, details ?? {});
    }
    return reply.result as Answer;
  }

  async #read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const part of this.#child.stdout) {
      const lines = (rest + decoder.decode(part, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const reply = JSON.parse(line);
        this.#waiting.get(reply.id)?.(reply);
        this.#waiting.delete(reply.id);
      }
    }
    for (const give of this.#waiting.values()) give(undefined);
  }
}

export function resource(resourceId: string, systemd: JsonObject, more: JsonObject = {}): DesiredResource {
  const intent = { node_id: resourceId, runtime_deployment: { systemd, ...more } };
  return {
    resourceId,
    resourceClass: "service",
    name: resourceId,
    desiredHash: fingerprint(intent),
    intent,
    settings: intent.runtime_deployment,
    dependsOn: [],
  };
}

let keys = 0;
export function changeTo(revision: Revision, standing: Standing, more: Partial<Change> = {}): Change {
  keys += 1;
  const { resourceId, desiredHash } = revision;
  return {
    kind: standing.kind === "present" ? "update" : "create",
    revision,
    mark: { scope, resourceId, desiredHash },
    idempotencyKey: `key-${keys}`,
    expectedVersion: standing.kind === "present" ? standing.version : null,
    adopt: false,
    ...more,
  };
}

export function ownedOf(revision: Revision, standing: Standing): OwnedResource {
  const { resourceId, resourceClass, desiredHash, dependsOn } = revision;
  const handle = standing.kind === "present" ? standing.handle : {};
  return { providerId: "systemd", resourceId, resourceClass, desiredHash, dependsOn, handle };
}

/** Paths at which what stands is not what is wanted. */
export function differences(wanted: unknown, found: unknown, at = ""): readonly string[] {
  if (isMap(wanted) && isMap(found)) {
    const keys = [...new Set([...Object.keys(wanted), ...Object.keys(found)])].sort();
    return keys.flatMap((key) => differences(wanted[key], found[key], `${at}/${key}`));
  }
  return Bun.deepEquals(wanted, found) ? [] : [at];
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
