/**
 * Releases of a scope that a real provider deploys: the bundle, what it deploys, and the packet that promotes it, each where a compiler
 * leaves it. Knows no provider, and takes nothing away again.
 */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { fingerprint, sha256Hex } from "../../src/json/fingerprint.ts";
import { fromPlain } from "../../src/json/plain.ts";
import { plainEnv } from "./akc.ts";
import { bundle, type Json, sh } from "./bundle.ts";
import { expectError, jsonObject, type Ran, type Started, type World } from "./world.ts";

export type Env = Readonly<Record<string, string>>;

/** A machine with an outputs root, and the binary on it. */
export interface Site {
  readonly root: string;
  /** Writes a file below the scope. */
  write(path: string, text: string): Promise<void>;
  akc(args: readonly string[], env: Env): Promise<Ran>;
}

/** This machine. */
export function siteIn(world: World): Site {
  return {
    root: world.root,
    write: async (path, text) => void (await world.write(path, text)),
    akc: (args, env) => world.akc(args, { env }),
  };
}

/** One version of everything that is to stand. */
export interface Release {
  /** `run_id` of the bundle. */
  readonly id: string;
  readonly intents: readonly Json[];
  /** What the provider applies, where it takes a manifest. */
  readonly manifest?: string;
  /** Members over those of the bundle. */
  readonly members?: Json;
}

/** What stands is believed soon; what does not is seen to fail, and not waited for. */
export const soon = { strategy: "all_at_once", health: { min_healthy_ms: 300, healthy_deadline_ms: 30_000 } };

export function intent(
  id: string,
  version: number,
  runtimeDeployment: Json = {},
  needs: readonly string[] = [],
): Json {
  return {
    node_id: id,
    kind: "service",
    name: id,
    version,
    depends_on: needs,
    runtime_deployment: runtimeDeployment,
  };
}

export class Releases {
  readonly site: Site;
  /** Of the provider. */
  readonly kind: string;
  readonly #provider: Json;
  readonly #env: Env;
  #last = "";

  /** @param env of the tool that the provider uses; the gate is opened beside it */
  constructor(site: Site, provider: Json & { readonly kind: string }, env: Env = {}) {
    this.site = site;
    this.#provider = provider;
    this.kind = provider.kind;
    this.#env = { ...plainEnv, ...env };
  }

  /** Writes it with all that belongs to it. Returns the bundle's path. */
  async place({ id, intents, manifest, members }: Release, without?: "packet"): Promise<string> {
    const pinned = manifest === undefined ? {} : pinnedAt(`deploy/${id}.yaml`, manifest);
    if (manifest !== undefined) await this.site.write(`deploy/${id}.yaml`, manifest);
    const document = bundle()
      .started("work", sh("echo worked >worked"))
      .with({
        run_id: id,
        deployment_provider: { ...this.#provider, ...pinned },
        deployment_intents: intents,
        runtime_rollout: soon,
        ...members,
      })
      .document();
    const path = `.akc/runtime/${id}.runtime_bundle.json`;
    await this.site.write(path, JSON.stringify(document));
    if (without === undefined) await this.#promote(id, pinned);
    return `${this.site.root}/acme/shop/${path}`;
  }

  async #promote(id: string, pinned: Json): Promise<void> {
    const attestation = {
      compile_realization_mode: "artifact_only",
      patch_fingerprint_sha256: "a".repeat(64),
    };
    const unsealed = {
      packet_version: 1,
      run_ref: { tenant_id: "acme", repo_id: "shop", run_id: id, step_id: "step-1" },
      promotion_mode: "live_apply",
      patch_hash_sha256: "a".repeat(64),
      policy_allow_decision: { allowed: true },
      compile_apply_attestation: attestation,
      apply_target_metadata: { deployment_provider: { kind: this.kind } },
      ...("apply_manifest_sha256" in pinned ? { manifest_sha256: pinned["apply_manifest_sha256"] } : {}),
    };
    const packet = { ...unsealed, packet_signature_sha256: fingerprint(fromPlain(unsealed)) };
    const path = `.akc/promotion/${id}_step-1.packet.json`;
    const manifest = {
      schema_kind: "run_manifest",
      manifest_version: 1,
      ...{ tenant_id: "acme", repo_id: "shop", run_id: id },
      control_plane: { promotion_packet_ref: { path, sha256: fingerprint(fromPlain(packet)) } },
    };
    await this.site.write(path, JSON.stringify(packet));
    await this.site.write(`.akc/run/${id}.manifest.json`, JSON.stringify(manifest));
  }

  /** Places it and starts its run, which brings it about. */
  async start(release: Release): Promise<Started> {
    const path = await this.place(release);
    const started = await this.ask(...start, path);
    this.#last = String(started.report["runtime_run_id"]);
    return started;
  }

  /** Of the run that was started last. */
  reconcile(...flags: readonly string[]): Promise<Started> {
    return this.ask("runtime", "reconcile", this.#last, ...flags);
  }

  /** The same in another environment than that of the gate being open. */
  reconcileIn(env: Env, ...flags: readonly string[]): Promise<Started> {
    return this.askWith(env, "runtime", "reconcile", this.#last, ...flags);
  }

  verify(): Promise<Started> {
    return this.ask("runtime", "verify", this.#last);
  }

  /** Any command about this outputs root, with the gate open. */
  ask(...args: readonly string[]): Promise<Started> {
    return this.askWith({ [gate]: "1" }, ...args);
  }

  /** @param env over the tool's */
  async askWith(env: Env, ...args: readonly string[]): Promise<Started> {
    const place = ["--outputs-root", this.site.root, "-o", "json"];
    const ran = await this.site.akc([...args, ...place], { ...this.#env, ...env });
    return { ...ran, report: jsonObject(ran.stdout) };
  }
}

const start = ["runtime", "start", "--mode", "enforce", "--bundle"] as const;
const gate = "AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER";

/** Fails unless a start is refused before anything of its run exists while the gate is closed. */
export async function expectGated(releases: Releases, release: Release): Promise<void> {
  const gated = await releases.askWith({}, ...start, await releases.place(release));
  const { details } = expectError(gated, "PROVIDER_GATED", 2);
  expect(details).toMatchObject({ provider: releases.kind, gate });
  expect((await releases.ask("runtime", "list")).report["items"]).toEqual([]);
}

/** As `expectGated`; and unless it is refused with the gate open where its manifest is not promoted as it is. Both of this machine. */
export async function expectGatedAndPromoted(releases: Releases, release: Release): Promise<void> {
  await expectGated(releases, release);
  const unpromoted = await releases.ask(
    ...start,
    await releases.place({ ...release, id: "unpromoted" }, "packet"),
  );
  expect(expectError(unpromoted, "PROMOTION_REFUSED", 2)["issues"]).toMatchObject([{ path: "manifest:" }]);
  // Promoted, and not what was promoted by now.
  const changed = await releases.place({ ...release, id: "changed" });
  await releases.site.write("deploy/changed.yaml", "{}");
  expectError(await releases.ask(...start, changed), "DESIRED_STATE_INVALID", 2);
  expect((await releases.ask("runtime", "list")).report["items"]).toEqual([]);
  for (const id of [release.id, "unpromoted", "changed"])
    expect(existsSync(`${releases.site.root}/acme/shop/.akc/runtime/${id}`)).toBe(false);
}

/** What a plan would change, a line each: `web update /image /restart`. */
export function planned({ report }: Started): readonly string[] {
  return rowsOf(jsonObject(JSON.stringify(report["plan"]))["changes"]).flatMap((change) => {
    const { resource_id: id, operation_type: type, diff, blocked } = change;
    const why =
      typeof blocked === "object" && blocked !== null
        ? [`(${jsonObject(JSON.stringify(blocked))["reason"]})`]
        : [];
    if (type === "noop" && why.length === 0) return [];
    return [[id, type, ...rowsOf(diff).map(({ path }) => path), ...why].join(" ")];
  });
}

/** How each resource stands, a line each: `web rolled_back unhealthy`. */
export function outcomes({ report }: Started): readonly string[] {
  return rowsOf(report["statuses"]).map(({ resource_id: id, outcome, reason_code: reason }) =>
    [id, outcome, ...(reason === undefined ? [] : [reason])].join(" "),
  );
}

function rowsOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map((row) => jsonObject(JSON.stringify(row))) : [];
}

function pinnedAt(path: string, text: string): Json {
  return { apply_manifest_path: path, apply_manifest_sha256: sha256Hex(text) };
}
