/**
 * What two bundles are compared by, and what came of it. Data only: nothing here reads a bundle.
 */
import type { JsonValue } from "../../json/value.ts";

/** The parts of a bundle in the order in which people ask for them. */
export const sections = ["plan", "policy", "role", "step", "service", "check", "limit", "other"] as const;
export type Section = (typeof sections)[number];

/** One thing of a bundle: a step, a role, the policy. What it says, by names that people know. */
export interface Subject {
  readonly section: Section;
  readonly id: string;
  /** Values that may be secrets stand here by their size and digest. */
  readonly facts: ReadonlyMap<string, JsonValue>;
}

/** Whether more may happen than before, or less; `changed` where that is no question of more or less. */
export type Direction = "wider" | "narrower" | "both" | "changed";

export interface MemberChange {
  readonly member: string;
  /** Absent where the first has none. */
  readonly before?: JsonValue;
  readonly after?: JsonValue;
  readonly direction: Direction;
  /** Of lists, by their items. */
  readonly added?: readonly string[];
  readonly removed?: readonly string[];
}

export interface SubjectChange {
  readonly section: Section;
  readonly id: string;
  readonly kind: "added" | "removed" | "changed";
  readonly members: readonly MemberChange[];
}

export interface BundleDifference {
  readonly same: boolean;
  readonly changes: readonly SubjectChange[];
}
