/**
 * Which bindings are asked: those that the signals of criteria name, each once. It says which of them the registry has, and asks
 * nobody itself.
 *
 * Source: spec reconcile §6.3, §6.6.
 */
import { compareCodePoints, sortedByCodePoint } from "../../json/order.ts";
import type { Binding, BindingRegistry } from "../bindings/model.ts";
import type { ArtifactKind } from "./model.ts";
import { inOrder } from "./order.ts";

/** A signal of a criterion that wants a binding to be asked. */
export interface AskedStub {
  /** `validator_stub`, or `otel_query_stub` of old: the id of a binding. */
  readonly stub: string;
  /** Of the signal, e.g. `akc_mobile_journey_result`. */
  readonly evidenceType: string;
  readonly criterionId: string;
}

export interface MissingBinding {
  readonly bindingId: string;
  /** What its evidence would have been, as far as the signal tells. */
  readonly artifactKind: ArtifactKind;
}

export interface Selection {
  /** By group, then by id. */
  readonly bindings: readonly Binding[];
  /** By id. */
  readonly missing: readonly MissingBinding[];
  /** Of every stub: the criteria that name it, sorted. */
  readonly criterionIds: ReadonlyMap<string, readonly string[]>;
}

export function selectBindings(asked: Iterable<AskedStub>, registry: BindingRegistry): Selection {
  const bindings: Binding[] = [];
  const missing: MissingBinding[] = [];
  const criterionIds = new Map<string, readonly string[]>();
  const byStub = Map.groupBy(asked, ({ stub }) => stub);
  for (const [stub, signals] of [...byStub].sort(([left], [right]) => compareCodePoints(left, right))) {
    criterionIds.set(stub, sortedByCodePoint([...new Set(signals.map(({ criterionId }) => criterionId))]));
    const binding = registry.bindings.get(stub);
    if (binding !== undefined) bindings.push(binding);
    else missing.push({ bindingId: stub, artifactKind: wantedKind(signals) });
  }
  return { bindings: inOrder(bindings), missing, criterionIds };
}

/** What a device must show cannot be shown by a query: where signals differ, the more special kind is meant. */
function wantedKind(signals: readonly AskedStub[]): ArtifactKind {
  const wants = (kind: ArtifactKind) =>
    signals.some(({ evidenceType }) => evidenceType === evidenceTypeOf(kind));
  if (wants("device_capture_result")) return "device_capture_result";
  return wants("mobile_journey_result") ? "mobile_journey_result" : "observability_query_result";
}

/** The type of the evidence row of an artifact: `akc_mobile_journey_result`. */
export function evidenceTypeOf(kind: ArtifactKind): string {
  return `akc_${kind}`;
}

/** What is made of a binding of this kind. Whatever is no device and no journey is a query of some system. */
export function artifactKindOf(bindingKind: string): ArtifactKind {
  switch (bindingKind) {
    case "maestro_flow":
      return "mobile_journey_result";
    case "android_helper":
    case "ios_simulator_helper":
      return "device_capture_result";
    default:
      return "observability_query_result";
  }
}
