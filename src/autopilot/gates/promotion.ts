/**
 * Whether somebody has promoted this bundle to be applied for real: the compile manifest and its promotion packet, by the same judge
 * that every mutating run is held to, and bound more tightly. A packet that is not there promotes nothing (bundle:W-17).
 *
 * Source: spec cli §14.7 gates 1–3, spec bundle §10.
 */
import { textAt } from "../../bundle/member.ts";
import { AkcError, messageWithPath } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { needsPromotion } from "../../policy/deployment/kinds.ts";
import type { PacketDemands } from "../../policy/deployment/packet-demands.ts";
import { type PacketKey, packetKeyOf } from "../../policy/deployment/packet-signature.ts";
import { onlyObserves } from "../../run/deployment/deployment.ts";
import { type Promotion, weighPromotion } from "../../run/deployment/promotion.ts";
import { readFileBounded } from "../../system/files.ts";
import type { GatesConfig } from "../config/model.ts";
import type { GateQuestion } from "../contract.ts";
import type { CompileApply } from "../offer/model.ts";
import { closed, open, skipped, unable } from "./answer.ts";
import { compileApplyOf } from "./compile-apply.ts";
import type { GateAnswer } from "./model.ts";
import { promotionReason } from "./promotion-reason.ts";
import type { WeighedBundle } from "./weighed-bundle.ts";

export interface PromotionAnswer {
  readonly answer: GateAnswer;
  readonly compileApply?: CompileApply;
}

export async function promotionGate(
  { scope, nowMs }: GateQuestion,
  weigh: () => Promise<WeighedBundle>,
): Promise<PromotionAnswer> {
  const { promotion } = scope.gates;
  try {
    const { bundle, kind } = await weigh();
    const demands = await demandsOf(promotion);
    const found = await weighPromotion({
      bundle,
      kind: kind ?? nothing,
      scopeRoot: scope.scopeRoot,
      nowMs,
      demands,
    });
    const compileApply = compileApplyOf(found.packet);
    const asked =
      promotion.require !== "when_mutating" ||
      (kind !== undefined && !onlyObserves(kind) && needsPromotion(kind));
    const answer = asked
      ? answerOf(found)
      : skipped("promotion", "promotion_not_required", "what is deployed needs no promotion packet here");
    return { answer, ...(compileApply === undefined ? {} : { compileApply }) };
  } catch (cause) {
    const error = cause instanceof AkcError ? cause : new AkcError("INTERNAL", { cause });
    const { code, hint } = error;
    const refusal = {
      reason: code.toLowerCase(),
      message: messageWithPath(error),
      opens: hint,
      details: { code },
    };
    return { answer: unable("promotion", refusal) };
  }
}

/** In the place of a provider's kind, for bundles that want nothing to stand. */
const nothing = "none";

function answerOf(found: Promotion): GateAnswer {
  const { issues, packet } = found;
  const [first] = issues;
  if (first === undefined) {
    const by = packet === undefined ? undefined : textAt(packet, "packet_signature_sha256");
    return open("promotion", "promoted", `the packet ${by?.slice(0, 12) ?? ""} promotes it`);
  }
  const { reason, issue } = promotionReason(found);
  const others = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return closed("promotion", {
    reason,
    message: `${issue.path} ${issue.message}${others}`,
    opens: "A new packet for this very bundle, in the place that its compile manifest names.",
    details: {
      issues: issues.slice(0, limits.issuesShownMax).map(({ path, message }) => ({ path, message })),
    },
  });
}

async function demandsOf({
  require,
  publicKeys,
  maxAgeMs,
}: GatesConfig["promotion"]): Promise<PacketDemands> {
  const aged = maxAgeMs === undefined ? {} : { maxAgeMs };
  if (require !== "signed") return aged;
  return { ...aged, signedBy: await Promise.all(publicKeys.map(readKey)) };
}

/** Read each time: a key that is taken away counts no more. */
async function readKey(path: string): Promise<PacketKey> {
  const key = packetKeyOf(new TextDecoder().decode(await readFileBounded(path, limits.packetKeyBytesMax)));
  if (key !== undefined) return key;
  throw new AkcError("PLUGIN_KEY_INVALID", {
    message: "the file holds no ed25519 public key",
    hint: "Name PEM files, or 32 bytes in base64 as `akc plugin keygen` writes them.",
    details: { path },
  });
}
