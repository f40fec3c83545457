/**
 * In which order bindings are carried out: the documented groups one after the other, and in each what may go side by side. Pure.
 *
 * Source: spec reconcile §6.3.
 */
import { textAt } from "../../bundle/member.ts";
import { compareCodePoints } from "../../json/order.ts";
import { type Binding, preparations } from "../bindings/model.ts";

/** 0 prepares devices, 1 walks through an app, 2 captures what is to be seen, 3 asks all others. */
export function groupOf({ kind, settings }: Binding): 0 | 1 | 2 | 3 {
  switch (kind) {
    case "maestro_flow":
      return 1;
    case "android_helper":
    case "ios_simulator_helper":
      return preparations.has(textAt(settings, "operation") ?? "") ? 0 : 2;
    default:
      return 3;
  }
}

/** By group, then by id. */
export function inOrder(bindings: Iterable<Binding>): Binding[] {
  return [...bindings].sort(
    (left, right) => groupOf(left) - groupOf(right) || compareCodePoints(left.id, right.id),
  );
}

/** Bindings of one lane are carried out one after the other, lanes side by side; what is in none of the same group's waits for it. */
export type Lane = readonly Binding[];

/** Groups in order, each as its lanes. Whatever uses the same device, or may, is in one lane, by id. */
export function groupsOfLanes(bindings: Iterable<Binding>): readonly (readonly Lane[])[] {
  const groups = Map.groupBy(inOrder(bindings), groupOf);
  return [...groups.keys()].sort().map((group) => lanesOf(groups.get(group) ?? []));
}

function lanesOf(bindings: readonly Binding[]): Lane[] {
  // A device that is not named may be any of its platform.
  const vague = new Set(
    bindings
      .map(deviceOf)
      .filter((device) => device !== undefined && device.name === undefined)
      .map((device) => device?.platform),
  );
  const laneOf = (binding: Binding) => {
    const device = deviceOf(binding);
    if (device === undefined) return `binding ${binding.id}`;
    return vague.has(device.platform)
      ? `platform ${device.platform}`
      : `device ${device.platform} ${device.name}`;
  };
  return [...Map.groupBy(bindings, laneOf).values()];
}

interface Device {
  readonly platform: string;
  /** Absent: whichever there is. */
  readonly name?: string;
}

function deviceOf({ kind, settings }: Binding): Device | undefined {
  const named = textAt(settings, "device_id");
  const name = named === "booted" || named === "default" ? undefined : named;
  const platform = platformOf(kind, textAt(settings, "platform"));
  if (platform === undefined && named === undefined) return undefined;
  return { platform: platform ?? "other", ...(name === undefined ? {} : { name }) };
}

function platformOf(kind: string, platform: string | undefined): string | undefined {
  switch (kind) {
    case "android_helper":
      return "android";
    case "ios_simulator_helper":
      return "ios";
    case "maestro_flow":
      return platform ?? "android";
    default:
      return undefined;
  }
}
