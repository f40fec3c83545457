/**
 * A repository with a Compose manifest, a project of its own on the real engine, and a provider for it. Leaves no container, no
 * volume and no folder behind.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fingerprint, sha256Hex } from "../../src/json/fingerprint.ts";
import type { JsonObject } from "../../src/json/value.ts";
import { type ComposeProvider, createComposeProvider } from "../../src/providers/compose/provider.ts";
import type {
  Change,
  DesiredResource,
  DocumentedDeps,
  Observation,
  OwnedResource,
  Revision,
  Standing,
} from "../../src/providers/contract.ts";
import { diffFields } from "../../src/reconciler/diff.ts";
import { systemClock } from "../../src/system/clock.ts";
import type { DockerEngine } from "../env/docker.ts";

export const scope = "acme/shop";
export const call = { signal: new AbortController().signal };

export type Present = Extract<Standing, { kind: "present" }>;

/** A service that runs until it is told otherwise, and ends at once then. */
export function service(more: JsonObject = {}): JsonObject {
  return {
    image: "local/busybox:1",
    network_mode: "none",
    pull_policy: "never",
    stop_grace_period: "0s",
    command: ["sleep", "1000"],
    ...more,
  };
}

export function desired(resourceId: string, version = 1, settings: JsonObject = {}): DesiredResource {
  const intent = { node_id: resourceId, version };
  return {
    resourceId,
    resourceClass: "service",
    name: resourceId,
    desiredHash: fingerprint(intent),
    intent,
    settings,
    dependsOn: [],
  };
}

export class ComposeStage {
  readonly repo = mkdtempSync(join(tmpdir(), "akc-compose-test-"));
  readonly project = `akc-${crypto.randomUUID().slice(0, 8)}`;
  readonly #engine: DockerEngine;
  readonly #log: string;
  readonly #docker: string;
  readonly #socket: string;
  #changes = 0;

  constructor(engine: DockerEngine) {
    this.#engine = engine;
    this.#log = join(this.repo, "docker.log");
    this.#docker = join(this.repo, "docker");
    const real = Bun.which("docker", { PATH: engine.env["PATH"] ?? "" });
    writeFileSync(this.#log, "");
    writeFileSync(this.#docker, `#!/bin/sh\necho "$1" >>'${this.#log}'\nexec '${real}' "$@"\n`);
    chmodSync(this.#docker, 0o755);
    this.#socket = join(this.repo, "engine.sock");
    this.connect();
  }

  /** From now on the provider finds no engine, while everything goes on running. */
  disconnect(): void {
    rmSync(this.#socket);
  }

  connect(): void {
    symlinkSync((this.#engine.env["DOCKER_HOST"] ?? "").replace(/^unix:\/\//, ""), this.#socket);
  }

  /** Writes the manifest and gives a provider that is pinned to it. */
  provider(
    services: JsonObject,
    more: {
      readonly top?: JsonObject;
      readonly settings?: JsonObject;
      readonly deps?: Partial<DocumentedDeps>;
    } = {},
  ): ComposeProvider {
    const settings = this.pinned("app.yaml", JSON.stringify({ services, ...more.top }));
    return this.open({ ...settings, ...more.settings }, more.deps);
  }

  pinned(path: string, text: string): JsonObject {
    writeFileSync(join(this.repo, path), text);
    return { apply_manifest_path: path, apply_manifest_sha256: sha256Hex(text) };
  }

  open(settings: JsonObject, deps: Partial<DocumentedDeps> = {}): ComposeProvider {
    return createComposeProvider(
      { kind: "docker_compose_apply", project: this.project, ...settings },
      {
        env: { ...this.#engine.env, DOCKER_HOST: `unix://${this.#socket}`, AKC_DOCKER: this.#docker },
        repoRoot: this.repo,
        scope,
        clock: systemClock,
        ...deps,
      },
    );
  }

  /** First words of the docker commands since the last question. */
  calls(): readonly string[] {
    const words = readFileSync(this.#log, "utf8")
      .split("\n")
      .filter((line) => line !== "");
    writeFileSync(this.#log, "");
    return words;
  }

  change(revision: Revision, expectedVersion: string | null, more: Partial<Change> = {}): Change {
    this.#changes += 1;
    const { resourceId, desiredHash } = revision;
    return {
      kind: expectedVersion === null ? "create" : "update",
      revision,
      mark: { scope, resourceId, desiredHash },
      idempotencyKey: `change-${this.#changes}`,
      expectedVersion,
      adopt: false,
      ...more,
    };
  }

  /** Applies what is wanted on top of whatever stands. */
  async settle(provider: ComposeProvider, wanted: readonly DesiredResource[]): Promise<readonly Revision[]> {
    const revisions = await resolved(provider, wanted);
    const observations = await provider.observe(revisions, [], call);
    for (const revision of revisions) {
      const standing = observations.find(({ resourceId }) => resourceId === revision.resourceId)?.standing;
      await provider.apply(
        this.change(revision, standing?.kind === "present" ? standing.version : null),
        call,
      );
    }
    return revisions;
  }

  owned({ resourceId, resourceClass, desiredHash }: Revision, service = resourceId): OwnedResource {
    const handle = { project: this.project, service };
    return {
      providerId: "docker_compose_apply",
      resourceId,
      resourceClass,
      desiredHash,
      dependsOn: [],
      handle,
    };
  }

  /** Name of the only container of the service, or of its copy. */
  container(service: string, copy = 1): string {
    return `${this.project}-${service}-${copy}`;
  }

  async docker(...args: readonly string[]): Promise<string> {
    return await this.#engine.docker(...args);
  }

  /** Ids by name: what was made anew has another. */
  async ids(): Promise<Readonly<Record<string, string>>> {
    const rows = await this.docker("ps", "-a", "--no-trunc", "--format", "{{.Names}} {{.ID}}", ...this.#ours);
    return Object.fromEntries(
      rows
        .split("\n")
        .filter((row) => row !== "")
        .map((row) => row.split(" ")),
    );
  }

  get #ours(): readonly string[] {
    return ["--filter", `label=com.docker.compose.project=${this.project}`];
  }

  async end(): Promise<void> {
    const ids = await this.docker("ps", "-aq", ...this.#ours).catch(() => "");
    if (ids !== "") await this.docker("rm", "-f", "-v", ...ids.split("\n")).catch(() => "");
    const volumes = await this.docker("volume", "ls", "-q", ...this.#ours).catch(() => "");
    if (volumes !== "") await this.docker("volume", "rm", ...volumes.split("\n")).catch(() => "");
    rmSync(this.repo, { recursive: true, force: true });
  }
}

export async function resolved(
  provider: ComposeProvider,
  wanted: readonly DesiredResource[],
): Promise<readonly Revision[]> {
  const resolutions = await provider.resolve(wanted, call);
  return resolutions.map((one) => {
    if (one.kind === "refused") throw new Error(`${one.resourceId}: ${one.message}`);
    return one.revision;
  });
}

/** The service as it stands. @throws when it does not */
export function present(observations: readonly Observation[], resourceId: string): Present {
  const standing = observations.find((one) => one.resourceId === resourceId)?.standing;
  if (standing?.kind !== "present") throw new Error(`${resourceId} is ${JSON.stringify(standing)}`);
  return standing;
}

/** Paths of the fields that are not as they should be, as the reconciler compares them. */
export function drift(observations: readonly Observation[], revision: Revision): readonly string[] {
  const observation = observations.find(({ resourceId }) => resourceId === revision.resourceId);
  const { fields } = present(observations, revision.resourceId);
  const { changes } = diffFields(fields, observation?.wanted ?? revision.fields);
  return changes.map(({ path }) => path);
}

/** Polls until it holds. */
export async function eventually(holds: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  const untilMs = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error("it never came to hold");
    await Bun.sleep(100);
  }
}
