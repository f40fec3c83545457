/** A scope with real processes in it, and everything that is needed to see what became of them. Nothing is left behind. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "valibot";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { fromPlain } from "../../src/json/plain.ts";
import { isJsonObject } from "../../src/json/value.ts";
import type {
  Change,
  DesiredResource,
  Observation,
  Provider,
  Revision,
  Standing,
} from "../../src/providers/contract.ts";
import { createProcessProvider, type ProcessProviderInput } from "../../src/providers/process/provider.ts";
import { type ReplicaRecord, ReplicaRecordSchema } from "../../src/providers/process/record.ts";
import { systemClock } from "../../src/system/clock.ts";
import { membersOf, signalProcess } from "../../src/system/process-identity.ts";
import { processIds, variableOf } from "../../src/system/process-table.ts";

export const scope = "acme/shop";

export class ProcessWorld {
  readonly root = mkdtempSync(join(tmpdir(), "akc-process-"));
  readonly #open: Provider[] = [];
  readonly #watching: { readonly end: AbortController; readonly over: Promise<void> }[] = [];
  #keys = 0;

  provider(more: Partial<ProcessProviderInput> = {}): Provider {
    const provider = createProcessProvider({
      scopeRoot: this.root,
      scope,
      env: { HOME: this.root },
      clock: systemClock,
      ...more,
    });
    this.#open.push(provider);
    return provider;
  }

  /** Until the world ends or the returned function is called. */
  watch(
    provider: Provider,
    changed: (ids: readonly string[]) => void = () => undefined,
  ): () => Promise<void> {
    const end = new AbortController();
    const over = provider.watch?.(changed, { signal: end.signal }) ?? Promise.resolve();
    this.#watching.push({ end, over });
    return async () => {
      end.abort();
      await over;
    };
  }

  desired(resourceId: string, process: Readonly<Record<string, unknown>>): DesiredResource {
    const intent = fromPlain({ node_id: resourceId, runtime_deployment: { process } });
    const settings = fromPlain({ process });
    if (!isJsonObject(intent) || !isJsonObject(settings)) throw new Error("not an object");
    const desiredHash = fingerprint(intent);
    return {
      resourceId,
      resourceClass: "service",
      name: resourceId,
      desiredHash,
      intent,
      settings,
      dependsOn: [],
    };
  }

  async revision(
    provider: Provider,
    resourceId: string,
    process: Readonly<Record<string, unknown>>,
  ): Promise<Revision> {
    const [resolution] = await provider.resolve([this.desired(resourceId, process)], call());
    if (resolution?.kind !== "resolved") throw new Error(resolution?.message ?? "no answer");
    return resolution.revision;
  }

  /** As the reconciler would: looks, then changes exactly what it saw. */
  async apply(provider: Provider, revision: Revision, more: Partial<Change> = {}): Promise<Change> {
    const { resourceId, desiredHash } = revision;
    const standing = await this.standing(provider, revision);
    this.#keys += 1;
    const change: Change = {
      kind: standing.kind === "present" ? "update" : "create",
      revision,
      mark: { scope, resourceId, desiredHash },
      idempotencyKey: `key-${this.#keys}`,
      expectedVersion: standing.kind === "present" ? standing.version : null,
      adopt: false,
      ...more,
    };
    await provider.apply(change, call());
    return change;
  }

  async standing(provider: Provider, revision: Revision): Promise<Standing> {
    const seen = await provider.observe([revision], [], call());
    const found = seen.find((one: Observation) => one.resourceId === revision.resourceId);
    if (found === undefined) throw new Error("not observed");
    return found.standing;
  }

  async present(provider: Provider, revision: Revision): Promise<Extract<Standing, { kind: "present" }>> {
    const standing = await this.standing(provider, revision);
    if (standing.kind !== "present") throw new Error(`it is ${standing.kind}`);
    return standing;
  }

  folder(resourceId: string): string {
    return join(this.root, ".akc", "services", resourceId);
  }

  record(resourceId: string, slot = 0): ReplicaRecord {
    return parse(
      ReplicaRecordSchema,
      JSON.parse(readFileSync(join(this.folder(resourceId), `${slot}.json`), "utf8")),
    );
  }

  pid(resourceId: string, slot = 0): number {
    return this.record(resourceId, slot).process?.pid ?? 0;
  }

  log(resourceId: string, slot = 0): string {
    return readFileSync(join(this.folder(resourceId), "logs", `${slot}.log`), "utf8");
  }

  /** Living processes that were started for this resource of this world. */
  living(resourceId: string): readonly number[] {
    return processIds().filter(
      (pid) =>
        variableOf(pid, "AKC_RESOURCE_ID") === resourceId &&
        variableOf(pid, "TMPDIR") === join(this.folder(resourceId), "tmp") &&
        !readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z "),
    );
  }

  /** @param emptied when nothing runs any more and the folder is still there */
  async end(emptied: () => void = () => undefined): Promise<void> {
    for (const { end } of this.#watching) end.abort();
    await Promise.all(this.#watching.map(({ over }) => over));
    await Promise.all(this.#open.map((provider) => provider.close()));
    for (let round = 0; round < 50; round += 1) {
      const left = processIds().filter((pid) => variableOf(pid, "TMPDIR")?.startsWith(this.root) === true);
      if (left.length === 0) break;
      for (const pid of left) {
        const [id] = membersOf(undefined, {
          names: ["AKC_SERVICE_ID"],
          value: variableOf(pid, "AKC_SERVICE_ID") ?? "?",
        });
        if (id !== undefined) signalProcess(id, "SIGKILL");
      }
      await Bun.sleep(10);
    }
    emptied();
    rmSync(this.root, { recursive: true, force: true });
  }
}

export function call(signal: AbortSignal = new AbortController().signal) {
  return { signal };
}

export async function until(what: () => boolean | Promise<boolean>, patienceMs = 10_000): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await what())) {
    if (performance.now() > end) throw new Error("it did not come about");
    await Bun.sleep(10);
  }
}

/** Free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
