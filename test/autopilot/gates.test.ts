/** The gates before an attempt, with bundles, manifests, packets and keys on disk: each says why, and what would open it. */
import { describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { ScopeConfig } from "../../src/autopilot/config/model.ts";
import type { GateQuestion } from "../../src/autopilot/contract.ts";
import { createGates } from "../../src/autopilot/gates/gates.ts";
import { type GateAnswer, type GateName, gateNames, isShut } from "../../src/autopilot/gates/model.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../src/json/value.ts";
import { without } from "../../src/policy/deployment/packet-signature.ts";
import { changing, deploying, standing } from "../e2e/services.ts";
import { newSigner, packetPath, promote, promoting, sealed, unsealed } from "./packets.ts";
import { inScope, never, type Placed, quietState, type ScopeWorld } from "./scope-world.ts";

const nowMs = 1_795_000_000_000;
const gates = createGates({
  env: changing,
  kpi: () => Promise.reject(new Error("there is no history")),
});
const powerless = createGates({
  env: { PATH: changing.PATH },
  kpi: () => Promise.reject(new Error("asked")),
});

type Promotion = Partial<ScopeConfig["gates"]["promotion"]>;

function question(
  world: ScopeWorld,
  offer: Placed,
  {
    promotion = {},
    gates: more = {},
    ...rest
  }: Partial<GateQuestion> & {
    promotion?: Promotion;
    gates?: Partial<ScopeConfig["gates"]>;
    config?: Partial<ScopeConfig>;
  } = {},
): GateQuestion {
  const plain = world.config();
  const config = {
    ...plain,
    ...rest.config,
    gates: { ...plain.gates, promotion: { ...plain.gates.promotion, ...promotion }, ...more },
  };
  return { kind: "rollout", offer, state: quietState, nowMs, openAttempts: 0, ...rest, scope: config };
}

async function answerOf(asked: GateQuestion, gate: GateName, by = gates): Promise<GateAnswer> {
  const { answers } = await by.ask(asked, never);
  expect(answers.map((answer) => answer.gate)).toEqual([...gateNames]);
  const answer = answers.find((one) => one.gate === gate);
  if (answer === undefined) throw new Error(`${gate} did not answer`);
  if (answer.verdict === "closed" || answer.verdict === "error") expect(answer.opens).toBeTruthy();
  return answer;
}

test("a key or a compile manifest that cannot be read is named", async () => {
  await inScope(async (world) => {
    const offer = await world.place("run-1", promoting());
    await promote(world, offer, sealed(unsealed(offer, nowMs)));
    const gone = join(world.scopeRoot, "gone.pub");
    const signed = question(world, offer, { promotion: { require: "signed", publicKeys: [gone] } });
    expect(await answerOf(signed, "promotion")).toMatchObject({
      verdict: "error",
      message: `the file does not exist: ${gone}`,
    });
    rmSync(offer.manifestPath);
    expect(await answerOf(question(world, offer), "promotion")).toMatchObject({
      reason: "compile_manifest_unreadable",
      message: "manifest: .akc/run/run-1.manifest.json cannot be read: the file does not exist",
    });
  });
});

test("a rollout on this host that nothing speaks against finds every gate open", async () => {
  await inScope(async (world) => {
    const offer = await world.place("run-1", deploying([standing("web", 1)]));
    const { answers, compileApply } = await gates.ask(question(world, offer), never);
    expect(answers.map(({ gate, verdict }) => `${gate} ${verdict}`)).toEqual([
      "policy open",
      "promotion skipped",
      "slo skipped",
      "budget open",
      "window skipped",
      "freeze skipped",
      "approval skipped",
    ]);
    expect(answers.some(isShut)).toBe(false);
    expect(compileApply).toBeUndefined();
  });
});

test("a repair is not asked what a rollout is asked, but for policy, budget, freeze and approval", async () => {
  await inScope(async (world) => {
    const offer = await world.place("run-1", promoting());
    const { answers } = await gates.ask(
      question(world, offer, {
        kind: "repair",
        gates: {
          approval: "rollouts",
          freezes: [{ fromMs: 0, toMs: nowMs + 1, reason: "", repairs: true }],
          windows: [{ days: [], fromMinute: 0, toMinute: 1, timeZone: "UTC" }],
        },
      }),
      never,
    );
    expect(answers.map(({ gate, verdict }) => `${gate} ${verdict}`)).toEqual([
      "policy open",
      "promotion skipped",
      "slo skipped",
      "budget open",
      "window skipped",
      "freeze closed",
      "approval skipped",
    ]);
  });
});

describe("the policy gate", () => {
  test("is closed where the operator permits no changes, and says which variable would", async () => {
    await inScope(async (world) => {
      const offer = await world.place("run-1", deploying([standing("web", 1)]));
      expect(await answerOf(question(world, offer), "policy", powerless)).toMatchObject({
        verdict: "closed",
        reason: "provider_gated",
        opens: expect.stringContaining("AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER"),
      });
      const policyPath = await world.write("policy.yaml", "schema: akc.policy/v1\nproviders: [in_memory]\n");
      const asked = question(world, offer, { config: { policyPath } });
      expect(await answerOf(asked, "policy")).toMatchObject({ verdict: "closed", reason: "policy_denied" });
    });
  });

  test("is closed where the bundle's own envelope denies the deployment", async () => {
    await inScope(async (world) => {
      const denying = deploying([standing("web", 1)], {
        runtime_policy_envelope: { deny_actions: ["service.reconcile.apply"] },
      });
      const offer = await world.place("run-1", denying);
      expect(await answerOf(question(world, offer), "policy")).toMatchObject({
        verdict: "closed",
        reason: "policy_denied",
      });
    });
  });

  test("does not let pass what it cannot read, what is another bundle, and what is another scope's", async () => {
    await inScope(async (world) => {
      const offer = await world.place("run-1", deploying([standing("web", 1)]));
      const other = question(world, { ...offer, bundleSha256: "0".repeat(64) });
      expect(await answerOf(other, "policy")).toMatchObject({
        verdict: "closed",
        reason: "bundle_hash_mismatch",
      });
      const gone = question(world, { ...offer, bundlePath: `${offer.bundlePath}.gone` });
      expect(await answerOf(gone, "policy")).toMatchObject({ verdict: "error", reason: "file_not_found" });
      const foreign = question(world, offer, { config: { scope: { tenantId: "acme", repoId: "bank" } } });
      expect(await answerOf(foreign, "policy")).toMatchObject({
        verdict: "closed",
        reason: "bundle_scope_mismatch",
      });
    });
  });
});

describe("the promotion gate", () => {
  test("is open for a packet of this very bundle, and sums up its attestation", async () => {
    await inScope(async (world) => {
      const offer = await world.place("run-1", promoting());
      await promote(world, offer, sealed(unsealed(offer, nowMs)));
      const { answers, compileApply } = await gates.ask(question(world, offer), never);
      expect(answers[1]).toMatchObject({ verdict: "open", reason: "promoted" });
      expect(compileApply).toEqual({
        realizationMode: "scoped_apply",
        applied: true,
        policyAllowed: true,
        denialReason: null,
      });
    });
  });

  test.each<[string, JsonObject, JsonObject]>([
    ["promotion_mode_not_live_apply:staged_apply", { promotion_mode: "staged_apply" }, {}],
    ["promotion_mode_not_live_apply:unknown", { promotion_mode: "rm -rf /" }, {}],
    ["promotion_mode_not_live_apply:artifact_only", {}, { promotion_mode: "artifact_only" }],
    ["compile_apply_denied:CAA_MISSING", { compile_apply_attestation: null }, {}],
    ["compile_apply_denied:CAA_NOT_APPLIED", attested({ applied: false }), {}],
    ["compile_apply_denied:CAA_POLICY_DENIED", attested({ policy_allow_decision: { allowed: false } }), {}],
    ["compile_apply_denied:CAA_MODE_INVALID", attested({ compile_realization_mode: "other" }), {}],
    ["compile_apply_denied:CAA_PATCH_FP_INVALID", attested({ patch_fingerprint_sha256: "x" }), {}],
    ["compile_apply_denied:CAA_PATCH_MISMATCH", attested({ patch_fingerprint_sha256: "d".repeat(64) }), {}],
    [
      "compile_apply_denied:CAA_MANIFEST_MISMATCH",
      {},
      { compile_apply_attestation: { compile_realization_mode: "scoped_apply", applied: false } },
    ],
    ["promotion_policy_not_allowed", { policy_allow_decision: { allowed: false } }, {}],
    ["promotion_policy_not_allowed", {}, { promotion_policy_allow: false }],
    ["promotion_packet_expired", { expires_at_ms: nowMs }, {}],
    ["promotion_packet_expired", { issued_at_ms: nowMs - 3_600_001 }, {}],
    ["promotion_packet_expired", { issued_at_ms: nowMs + 3_600_000 }, {}],
    ["promotion_packet_expired", { issued_at_ms: null }, {}],
    [
      "promotion_packet_of_another_run",
      { run_ref: { tenant_id: "acme", repo_id: "shop", run_id: "run-2" } },
      {},
    ],
    [
      "promotion_packet_of_another_run",
      { run_ref: { tenant_id: "evil", repo_id: "shop", run_id: "run-1" } },
      {},
    ],
    ["promotion_packet_of_another_run", { run_ref: null }, {}],
    ["promotion_packet_of_another_run", { intent_ref: { intent_id: "intent-2" } }, {}],
    ["promotion_packet_of_another_run", { intent_ref: null }, {}],
    ["promotion_packet_of_another_run", { bundle_sha256: "d".repeat(64) }, {}],
    [
      "promotion_provider_kind_mismatch",
      { apply_target_metadata: { deployment_provider: { kind: "docker_compose_apply" } } },
      {},
    ],
    ["missing_promotion_packet_ref", {}, { promotion_packet_ref: null }],
    ["empty_promotion_packet_ref.path", {}, { promotion_packet_ref: { path: " " } }],
    ["promotion_packet_unreadable", {}, { promotion_packet_ref: { path: "nowhere.json" } }],
    ["promotion_packet_unreadable", {}, { promotion_packet_ref: { path: "../../../etc/passwd" } }],
    [
      "promotion_packet_hash_mismatch",
      {},
      { promotion_packet_ref: { path: packetPath, sha256: "d".repeat(64) } },
    ],
  ])("is closed: %s", async (reason, packet, plane) => {
    await inScope(async (world) => {
      const offer = await world.place("run-1", promoting());
      await promote(world, offer, sealed({ ...unsealed(offer, nowMs), ...packet }), plane);
      const asked = question(world, offer, { promotion: { maxAgeMs: 3_600_000 } });
      expect(await answerOf(asked, "promotion")).toMatchObject({ verdict: "closed", reason });
    });
  });

  function attested(members: JsonObject): JsonObject {
    const attestation = unsealed({ ...placedNowhere }, nowMs)["compile_apply_attestation"];
    if (!isJsonObject(attestation ?? null) || !isJsonObject(attestation)) throw new Error("there is one");
    return { compile_apply_attestation: { ...attestation, ...members } };
  }

  test("asks for a packet where it is told to, also of what a run itself would not ask for one", async () => {
    await inScope(async (world) => {
      const offer = await world.place("run-1", deploying([standing("web", 1)]));
      expect(await answerOf(question(world, offer), "promotion")).toMatchObject({ verdict: "skipped" });
      expect(
        await answerOf(question(world, offer, { promotion: { require: "packet" } }), "promotion"),
      ).toMatchObject({
        verdict: "closed",
        reason: "missing_promotion_packet_ref",
      });
    });
  });
});

describe("a signature", () => {
  test("of one of the keys opens, of another or of none does not", async () => {
    await inScope(async (world) => {
      const [ours, stranger] = await Promise.all([newSigner(), newSigner()]);
      const offer = await world.place("run-1", promoting());
      const key = await world.write("release.pub", `${ours.publicKey}\n`);
      const signed = (publicKeys: readonly string[]) =>
        question(world, offer, { promotion: { require: "signed", publicKeys } });
      const packet = sealed(unsealed(offer, nowMs));
      await promote(world, offer, packet);
      expect(await answerOf(signed([key]), "promotion")).toMatchObject({
        reason: "promotion_packet_unsigned",
      });
      await world.write(packetPath, JSON.stringify(stranger.sign(packet)));
      expect(await answerOf(signed([key]), "promotion")).toMatchObject({
        reason: "promotion_signature_invalid",
      });
      // Signed after the manifest has named it.
      await world.write(packetPath, JSON.stringify(ours.sign(stranger.sign(packet))));
      expect(await answerOf(signed([key]), "promotion")).toMatchObject({ verdict: "open" });
      expect(await answerOf(signed([]), "promotion")).toMatchObject({ verdict: "closed" });
      expect(await answerOf(signed([`${key}.gone`]), "promotion")).toMatchObject({ verdict: "error" });
      const secret = await world.write("release.key", ours.privateKey);
      expect(await answerOf(signed([key, secret]), "promotion")).toMatchObject({ verdict: "error" });
    });
  });

  test("that openssl made counts, with a key in PEM", async () => {
    await inScope(async (world) => {
      const offer = await world.place("run-1", promoting());
      const key = `${world.scopeRoot}/k.pem`;
      const openssl = (...args: readonly string[]) => {
        const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { stderr: "pipe" });
        if (exitCode !== 0) throw new Error(stderr.toString());
      };
      openssl("genpkey", "-algorithm", "ed25519", "-out", key);
      openssl("pkey", "-in", key, "-pubout", "-out", `${key}.pub`);
      openssl("pkey", "-in", key, "-pubout", "-outform", "DER", "-out", `${key}.der`);
      const raw = new Uint8Array(await Bun.file(`${key}.der`).arrayBuffer()).slice(-32);
      const packet = unsealed(offer, nowMs);
      const { canonicalJson } = await import("../../src/json/canonical.ts");
      await world.write("signed.bin", canonicalJson(packet));
      openssl(
        "pkeyutl",
        "-sign",
        "-rawin",
        "-inkey",
        key,
        "-in",
        `${world.scopeRoot}/signed.bin`,
        "-out",
        `${key}.sig`,
      );
      const signature = new Uint8Array(await Bun.file(`${key}.sig`).arrayBuffer()).toBase64();
      const key_id = Bun.SHA256.hash(raw, "hex").slice(0, 16);
      await promote(world, offer, {
        ...sealed(packet),
        signatures: [{ key_id, algorithm: "ed25519", signature }],
      });
      const promotion: Promotion = { require: "signed", publicKeys: [`${key}.pub`] };
      expect(await answerOf(question(world, offer, { promotion }), "promotion")).toMatchObject({
        verdict: "open",
      });
    });
  });

  test("binds every field: what somebody changes is refused, however well it is sealed anew", async () => {
    await inScope(async (world) => {
      const signer = await newSigner();
      const offer = await world.place("run-1", promoting());
      const key = await world.write("release.pub", signer.publicKey);
      const packet = signer.sign(sealed(unsealed(offer, nowMs)));
      const asked = question(world, offer, { promotion: { require: "signed", publicKeys: [key] } });
      await promote(world, offer, packet);
      expect(await answerOf(asked, "promotion")).toMatchObject({ verdict: "open" });
      const content = without(packet, ["packet_signature_sha256", "signatures"]);
      const places = placesIn(content);
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...places), fc.boolean(), async (place, remove) => {
          const changed = changedAt(content, place, remove);
          if (!isJsonObject(changed)) throw new Error("it is still an object");
          await promote(world, offer, { ...sealed(changed), signatures: packet["signatures"] ?? [] });
          expect((await answerOf(asked, "promotion")).verdict).toBe("closed");
        }),
        { numRuns: 80 },
      );
    });
  });

  test("and the seals bind every byte: a changed one changes nothing of the packet, or closes the gate", async () => {
    await inScope(async (world) => {
      const signer = await newSigner();
      const offer = await world.place("run-1", promoting());
      const key = await world.write("release.pub", signer.publicKey);
      const packet = signer.sign(sealed(unsealed(offer, nowMs)));
      await promote(world, offer, packet);
      const bytes = new TextEncoder().encode(JSON.stringify(packet));
      const asked = question(world, offer, { promotion: { require: "signed", publicKeys: [key] } });
      const same = fingerprint(packet);
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 0, max: bytes.length - 1 }),
          fc.integer({ min: 1, max: 255 }),
          async (index, change) => {
            const changed = bytes.slice();
            changed[index] = (changed[index] ?? 0) ^ change;
            await Bun.write(`${world.scopeRoot}/${packetPath}`, changed);
            if (fingerprintOrNone(changed) !== same) {
              expect((await answerOf(asked, "promotion")).verdict).toBe("closed");
            }
          },
        ),
        { numRuns: 120 },
      );
    });
  });
});

test("a gate that breaks lets nothing pass, and keeps no other from answering", async () => {
  await inScope(async (world) => {
    const offer = await world.place("run-1", deploying([standing("web", 1)]));
    const slo = { ...world.config().gates.slo, enabled: true };
    const asked = question(world, offer, { gates: { slo } });
    expect(await answerOf(asked, "slo")).toMatchObject({
      verdict: "error",
      reason: "slo_gate_evaluation_error",
      details: { gate_status: "error" },
    });
    expect(await answerOf(asked, "budget")).toMatchObject({ verdict: "open" });
    const zone = { days: [1], fromMinute: 0, toMinute: 1, timeZone: "Nowhere/Land" };
    expect(await answerOf(question(world, offer, { gates: { windows: [zone] } }), "window")).toMatchObject({
      verdict: "error",
    });
  });
});

test("an approval counts for the bundle that was shown, and for no other", async () => {
  await inScope(async (world) => {
    const offer = await world.place("run-1", deploying([standing("web", 1)]));
    const asked = (approved: string | undefined) =>
      question(world, offer, {
        gates: { approval: "always" },
        state: {
          ...quietState,
          ...(approved === undefined
            ? {}
            : { approval: { bundleSha256: approved, by: "ann@host", atMs: 1 } }),
        },
      });
    expect(await answerOf(asked(undefined), "approval")).toMatchObject({ reason: "approval_required" });
    expect(await answerOf(asked("0".repeat(64)), "approval")).toMatchObject({ verdict: "closed" });
    expect(await answerOf(asked(offer.bundleSha256), "approval")).toMatchObject({ verdict: "open" });
  });
});

test("the budgets are asked with what is under way elsewhere", async () => {
  await inScope(async (world) => {
    const offer = await world.place("run-1", deploying([standing("web", 1)]));
    expect(await answerOf(question(world, offer, { openAttempts: 1 }), "budget")).toMatchObject({
      verdict: "closed",
      reason: "max_concurrent_rollouts_exceeded",
    });
    const mutationsAtMs = Array.from({ length: 10 }, (_, index) => nowMs - 1_000 + index);
    const spent = question(world, offer, { state: { ...quietState, mutationsAtMs } });
    expect(await answerOf(spent, "budget")).toMatchObject({
      reason: "max_mutations_per_day_exceeded",
      opensAtMs: nowMs - 1_000 + 86_400_000,
    });
  });
});

const placedNowhere: Placed = {
  bundlePath: "",
  bundleSha256: "",
  runId: "run-1",
  manifestPath: "",
  source: "manifest",
};

/** Every member and item, by the way to it. */
function placesIn(value: JsonValue, way: readonly string[] = []): readonly (readonly string[])[] {
  const members = isJsonObject(value)
    ? Object.entries(value)
    : isJsonArray(value)
      ? value.map((item, index): [string, JsonValue] => [String(index), item])
      : [];
  return members.flatMap(([key, item]) => [[...way, key], ...placesIn(item, [...way, key])]);
}

/** Another value there, or none. */
function changedAt(value: JsonValue, [key, ...rest]: readonly string[], remove: boolean): JsonValue {
  if (key === undefined) return other(value);
  if (isJsonArray(value)) {
    return value.flatMap((item, index) => {
      if (String(index) !== key) return [item];
      return remove && rest.length === 0 ? [] : [changedAt(item, rest, remove)];
    });
  }
  if (!isJsonObject(value)) throw new Error("there is no such place");
  const entries = Object.entries(value).flatMap(([name, item]): [string, JsonValue][] => {
    if (name !== key) return [[name, item]];
    return remove && rest.length === 0 ? [] : [[name, changedAt(item, rest, remove)]];
  });
  return Object.fromEntries(entries);
}

function other(value: JsonValue): JsonValue {
  if (typeof value === "string") return `${value}x`;
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  return "another";
}

function fingerprintOrNone(bytes: Uint8Array): string | undefined {
  try {
    return fingerprint(parseJson(bytes));
  } catch {
    return undefined;
  }
}
