/**
 * The promotion gate, with a real manifest and a real packet on disk: every point of it alone keeps a deployment from happening.
 */
import { describe, expect, test } from "bun:test";
import { rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "../../src/json/value.ts";
import { derivePolicy } from "../../src/policy/derive.ts";
import { refuseClosedGates } from "../../src/run/deployment/gates.ts";
import {
  applied,
  attestationOf,
  foreign,
  inPromotedScope,
  nowMs,
  type Promotion,
  packetPath,
  place,
  promotedBundle,
  refusal,
} from "./promoted.ts";

const env = { AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER: "1" };

function ask(scopeRoot: string, metadata: JsonObject = {}, kind = "kubernetes_apply", mutating = true) {
  const bundle = promotedBundle(metadata);
  const policy = derivePolicy(bundle, "enforce");
  return refuseClosedGates({ bundle, policy, env, kind, scopeRoot, mutating, nowMs });
}

async function unmet(promotion: Promotion): Promise<readonly string[]> {
  return inPromotedScope(promotion, async (scopeRoot) => {
    const error = await refusal(ask(scopeRoot, promotion.metadata));
    expect(error).toMatchObject({ code: "PROMOTION_REFUSED", exitCode: 2 });
    return error.issues.map(({ path }) => path);
  });
}

const ref = "manifest:/control_plane/promotion_packet_ref";
const attestation = "packet:/compile_apply_attestation";
const provider = { kind: "kubernetes_apply", apply_manifest_sha256: applied };

describe("a promoted bundle may be deployed", () => {
  test.each<[string, Promotion]>([
    ["as it was compiled", {}],
    ["from a manifest that names no digest of the packet", { ref: { sha256: null } }],
    ["from a manifest without the attestation", { controlPlane: { compile_apply_attestation: null } }],
    ["with the words in another case", { packet: { promotion_mode: " Live_Apply " } }],
    [
      "by a packet that is bound to it and still holds",
      {
        packet: {
          expires_at_ms: nowMs + 1,
          manifest_sha256: applied.toUpperCase(),
          bundle_sha256: "0".repeat(64),
        },
      },
    ],
    ["by a packet that names no kind of provider", { packet: { apply_target_metadata: {} } }],
    [
      "by an attestation without a mode, when it was applied",
      { attestation: { compile_realization_mode: null } },
    ],
    [
      "by an attestation of artifacts alone, which need not be applied",
      {
        attestation: {
          compile_realization_mode: "artifact_only",
          applied: false,
          policy_allow_decision: { allowed: false },
        },
      },
    ],
    [
      "as a whole layer, with a manifest to go back to",
      {
        metadata: {
          layer_replacement_mode: "full",
          deployment_provider: {
            ...provider,
            rollback_apply_manifest_by_desired_hash: {
              [foreign]: { apply_manifest_path: "old.yaml", apply_manifest_sha256: foreign },
            },
          },
        },
      },
    ],
  ])("%s", async (_, promotion) => {
    await inPromotedScope(promotion, (scopeRoot) => ask(scopeRoot, promotion.metadata));
  });
});

describe("what was not promoted is not deployed:", () => {
  test.each<[string, Promotion, readonly string[]]>([
    ["no compile manifest", { without: "manifest" }, ["manifest:"]],
    ["no packet", { without: "packet" }, [`${ref}/path`]],
    ["a manifest that names no packet", { controlPlane: { promotion_packet_ref: null } }, [ref]],
    ["a blank path of the packet", { ref: { path: " " } }, [`${ref}/path`]],
    ["a manifest of another tenant", { manifest: { tenant_id: "evil" } }, ["manifest:/tenant_id"]],
    ["a manifest of another repository", { manifest: { repo_id: "evil" } }, ["manifest:/repo_id"]],
    ["a manifest of another run", { manifest: { run_id: "run-2" } }, ["manifest:/run_id"]],
    ["a packet that is no JSON", { packetText: "{" }, [`${ref}/path`]],
    ["a packet that is a list", { packetText: "[]", ref: { sha256: null } }, ["packet:"]],
    ["another packet than the manifest's", { ref: { sha256: foreign } }, [`${ref}/sha256`]],
    [
      "a packet changed after it was sealed",
      { tampered: { issued_at_ms: 1 }, ref: { sha256: null } },
      ["packet:/packet_signature_sha256"],
    ],
    [
      "a packet without its own hash",
      { tampered: { packet_signature_sha256: null }, ref: { sha256: null } },
      ["packet:/packet_signature_sha256"],
    ],
    ["a staged promotion", { packet: { promotion_mode: "staged_apply" } }, ["packet:/promotion_mode"]],
    ["no mode of promotion", { packet: { promotion_mode: null } }, ["packet:/promotion_mode"]],
    [
      "a promotion that the policy did not allow",
      { packet: { policy_allow_decision: { allowed: false } } },
      ["packet:/policy_allow_decision/allowed"],
    ],
    [
      "a promotion that is only truthy",
      { packet: { policy_allow_decision: { allowed: 1 } } },
      ["packet:/policy_allow_decision/allowed"],
    ],
    ["no attestation", { packet: { compile_apply_attestation: null } }, [attestation]],
    [
      "a patch whose fingerprint is none",
      { attestation: { patch_fingerprint_sha256: "abc" } },
      [`${attestation}/patch_fingerprint_sha256`],
    ],
    [
      "an attestation of another patch",
      { attestation: { patch_fingerprint_sha256: foreign } },
      [`${attestation}/patch_fingerprint_sha256`],
    ],
    [
      "an unknown way of realisation",
      { attestation: { compile_realization_mode: "anything" } },
      [`${attestation}/compile_realization_mode`],
    ],
    ["a patch that was not applied", { attestation: { applied: false } }, [`${attestation}/applied`]],
    [
      "no mode and not applied",
      { attestation: { compile_realization_mode: null, applied: false } },
      [`${attestation}/applied`],
    ],
    [
      "a patch that the policy did not allow",
      { attestation: { policy_allow_decision: { allowed: false } } },
      [`${attestation}/policy_allow_decision/allowed`],
    ],
    [
      "another attestation than the manifest records",
      { controlPlane: { compile_apply_attestation: attestationOf({ scope_root: "/elsewhere" }) } },
      [attestation],
    ],
    ["a word recorded in its place", { controlPlane: { compile_apply_attestation: "yes" } }, [attestation]],
    [
      "a promotion for another provider",
      { packet: { apply_target_metadata: { deployment_provider: { kind: "docker_compose_apply" } } } },
      ["packet:/apply_target_metadata/deployment_provider/kind"],
    ],
    [
      "a whole layer without a manifest to go back to",
      { metadata: { layer_replacement_mode: "FULL" } },
      ["/deployment_provider/rollback_apply_manifest_by_desired_hash"],
    ],
    [
      "a whole layer with an empty list of manifests to go back to",
      {
        metadata: {
          deployment_provider_contract: { mutation_mode: "full" },
          deployment_provider: { ...provider, rollback_apply_manifest_by_desired_hash: {} },
        },
      },
      ["/deployment_provider/rollback_apply_manifest_by_desired_hash"],
    ],
    ["a packet that has expired", { packet: { expires_at_ms: nowMs } }, ["packet:/expires_at_ms"]],
    ["an expiry that is no number", { packet: { expires_at_ms: "never" } }, ["packet:/expires_at_ms"]],
    [
      "a packet of another manifest to apply",
      { packet: { manifest_sha256: foreign } },
      ["packet:/manifest_sha256"],
    ],
    [
      "a packet bound to a manifest, and a bundle that names none",
      {
        packet: { manifest_sha256: applied },
        metadata: { deployment_provider: { kind: "kubernetes_apply" } },
      },
      ["packet:/manifest_sha256"],
    ],
    ["a packet of another bundle", { packet: { bundle_sha256: foreign } }, ["packet:/bundle_sha256"]],
    ["a binding that is no digest", { packet: { bundle_sha256: "latest" } }, ["packet:/bundle_sha256"]],
    [
      "a packet of another tenant",
      { packet: { run_ref: { tenant_id: "evil", repo_id: "shop", run_id: "run-1" } } },
      ["packet:/run_ref/tenant_id"],
    ],
    [
      "a packet of no run",
      { packet: { run_ref: null } },
      ["packet:/run_ref/tenant_id", "packet:/run_ref/repo_id", "packet:/run_ref/run_id"],
    ],
    [
      "a packet of another intent",
      { packet: { intent_ref: { stable_intent_sha256: foreign } } },
      ["packet:/intent_ref/stable_intent_sha256"],
    ],
  ])("%s", async (_, promotion, paths) => {
    expect(await unmet(promotion)).toEqual([...paths]);
  });
});

test("every unmet point is told at once, and the ids of other scopes are not", async () => {
  const promotion = {
    metadata: { layer_replacement_mode: "full" },
    manifest: { tenant_id: "secret-tenant" },
    packet: {
      promotion_mode: "artifact_only",
      policy_allow_decision: { allowed: false },
      run_ref: { tenant_id: "secret-tenant", repo_id: "shop", run_id: "run-1" },
      expires_at_ms: 1,
    },
    attestation: { applied: false },
  };
  expect([...(await unmet(promotion))].sort()).toEqual([
    "/deployment_provider/rollback_apply_manifest_by_desired_hash",
    "manifest:/tenant_id",
    "packet:/compile_apply_attestation/applied",
    "packet:/expires_at_ms",
    "packet:/policy_allow_decision/allowed",
    "packet:/promotion_mode",
    "packet:/run_ref/tenant_id",
  ]);
  const error = await inPromotedScope(promotion, (scopeRoot) => refusal(ask(scopeRoot)));
  expect(JSON.stringify([error.message, error.details, error.issues])).not.toContain("secret-tenant");
});

test.each(["/etc/hostname", "../outside.json", ".akc/promotion/link.json"])(
  "a packet outside the scope's folder is not read: %s",
  async (path) => {
    const { issues } = await inPromotedScope({}, (other) =>
      inPromotedScope({ ref: { path } }, async (scopeRoot) => {
        if (path.endsWith("link.json")) await symlink(join(other, packetPath), join(scopeRoot, path));
        return refusal(ask(scopeRoot));
      }),
    );
    const why = "a path leads outside the place it must stay in";
    expect(issues).toEqual([{ path: `${ref}/path`, message: `names a packet that cannot be read: ${why}` }]);
  },
);

test("a manifest behind a link that leads outside is not read", async () => {
  await inPromotedScope({}, (other) =>
    inPromotedScope({ without: "manifest" }, async (scopeRoot) => {
      await symlink(join(other, ".akc/run"), join(scopeRoot, ".akc/run"));
      expect((await refusal(ask(scopeRoot))).issues.map(({ path }) => path)).toEqual(["manifest:"]);
    }),
  );
});

test("a scope that has no folder yet has nothing promoted", async () => {
  const error = await refusal(ask(join(tmpdir(), `akc-none-${crypto.randomUUID()}`)));
  const message = ".akc/run/run-1.manifest.json cannot be read: the scope's folder does not exist";
  expect(error.issues).toEqual([{ path: "manifest:", message }]);
});

test("a packet larger than its bound is not read", async () => {
  await inPromotedScope({}, async (scopeRoot) => {
    await place(scopeRoot, packetPath, " ".repeat(16 * 1024 * 1024 + 1));
    const { issues } = await refusal(ask(scopeRoot));
    const message = "names a packet that cannot be read: the file is too large";
    expect(issues).toEqual([{ path: `${ref}/path`, message }]);
  });
});

test("both kinds that apply a compiled manifest need a packet, and only to change", async () => {
  await inPromotedScope({ without: "manifest" }, async (scopeRoot) => {
    for (const kind of ["docker_compose_apply", "kubernetes_apply"]) {
      expect(await refusal(ask(scopeRoot, {}, kind))).toMatchObject({ code: "PROMOTION_REFUSED" });
      await ask(scopeRoot, {}, kind, false);
    }
    for (const kind of ["process", "systemd", "acme/fleet", "in_memory"]) {
      await ask(scopeRoot, { deployment_provider: { kind } }, kind);
    }
  });
});

test("the digests of the packet are those of its JSON, not of its bytes", async () => {
  await inPromotedScope({}, async (scopeRoot) => {
    const file = Bun.file(join(scopeRoot, packetPath));
    const packet: unknown = await file.json();
    await rm(join(scopeRoot, packetPath));
    await place(scopeRoot, packetPath, JSON.stringify(packet));
    await ask(scopeRoot);
  });
});
