/**
 * Compares two bundles by what they mean: what came, went or changed, and what of it lets more happen than before.
 * Never calls two bundles the same that are not: a difference without a name of its own is shown by its place.
 */
import type { Bundle } from "../../bundle/model.ts";
import { canonicalJson } from "../../json/canonical.ts";
import { isJsonArray, type JsonValue } from "../../json/value.ts";
import type { RunPolicy } from "../../policy/model.ts";
import {
  type BundleDifference,
  type Direction,
  type MemberChange,
  type Section,
  type Subject,
  type SubjectChange,
  sections,
} from "./model.ts";
import { rights } from "./rights.ts";
import { leavesOf, subjectsOf } from "./subjects.ts";

/** A bundle with the policy that is derived from it without an operator: what it asks for, not what a host grants. */
export interface Compared {
  readonly bundle: Bundle;
  readonly policy: RunPolicy;
}

export function compareBundles(before: Compared, after: Compared): BundleDifference {
  const changes = compareSubjects(
    subjectsOf(before.bundle, before.policy),
    subjectsOf(after.bundle, after.policy),
  );
  const all = changes.length > 0 ? changes : documentChanges(before.bundle, after.bundle);
  return { same: all.length === 0, changes: all };
}

/** In the order of the sections, then as they stand in the second, those that went last. */
function compareSubjects(before: readonly Subject[], after: readonly Subject[]): readonly SubjectChange[] {
  const keyOf = ({ section, id }: Subject) => `${section} ${id}`;
  const first = new Map(before.map((subject) => [keyOf(subject), subject]));
  const second = new Map(after.map((subject) => [keyOf(subject), subject]));
  const changes = [
    ...after.map((subject) => changeOf(first.get(keyOf(subject)), subject)),
    ...before.filter((subject) => !second.has(keyOf(subject))).map((subject) => changeOf(subject, undefined)),
  ].filter((change) => change !== undefined);
  return sections.flatMap((section) => changes.filter((change) => change.section === section));
}

function changeOf(before: Subject | undefined, after: Subject | undefined): SubjectChange | undefined {
  const subject = after ?? before;
  if (subject === undefined) return undefined;
  const { section, id } = subject;
  const members = membersOf(section, before?.facts ?? new Map(), after?.facts ?? new Map());
  if (before === undefined) return { section, id, kind: "added", members };
  if (after === undefined) return { section, id, kind: "removed", members };
  return members.length === 0 ? undefined : { section, id, kind: "changed", members };
}

function membersOf(
  section: Section,
  before: Subject["facts"],
  after: Subject["facts"],
): readonly MemberChange[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap((member) => {
    const one = before.get(member);
    const other = after.get(member);
    if (
      one === other ||
      (one !== undefined && other !== undefined && canonicalJson(one) === canonicalJson(other))
    )
      return [];
    return [memberChange(section, member, one, other)];
  });
}

function memberChange(
  section: Section,
  member: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): MemberChange {
  const lists = itemsOf(before, after);
  return {
    member,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    direction: directionOf(rights[`${section} ${member}`], before, after, lists),
    // The order of an argv matters: it is shown whole.
    ...(lists === undefined || member === "argv" ? {} : lists),
  };
}

interface Items {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** What one list has that the other has not; undefined where one is no list of texts. */
function itemsOf(before: JsonValue | undefined, after: JsonValue | undefined): Items | undefined {
  const one = textsOf(before);
  const other = textsOf(after);
  if (one === undefined || other === undefined) return undefined;
  const had = new Set(one);
  const has = new Set(other);
  return {
    added: other.filter((item) => !had.has(item)),
    removed: one.filter((item) => !has.has(item)),
  };
}

function textsOf(value: JsonValue | undefined): readonly string[] | undefined {
  if (value === undefined) return [];
  if (!isJsonArray(value)) return undefined;
  const texts = value.filter((item) => typeof item === "string");
  return texts.length === value.length ? texts : undefined;
}

function directionOf(
  right: "more" | "less" | undefined,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  lists: Items | undefined,
): Direction {
  if (right === undefined) return "changed";
  const wide = right === "more" ? "wider" : "narrower";
  const narrow = right === "more" ? "narrower" : "wider";
  if (isJsonArray(before) || isJsonArray(after)) {
    const { added, removed } = lists ?? { added: ["?"], removed: ["?"] };
    if (added.length > 0 && removed.length > 0) return "both";
    if (added.length > 0) return wide;
    return removed.length > 0 ? narrow : "changed";
  }
  const one = Number(before ?? 0);
  const other = Number(after ?? 0);
  if (one === other) return "changed";
  return other > one ? wide : narrow;
}

/** What the sections do not show: place by place. */
function documentChanges(before: Bundle, after: Bundle): readonly SubjectChange[] {
  if (before.sha256 === after.sha256) return [];
  const members = membersOf("other", leavesOf(before.document), leavesOf(after.document));
  return members.length === 0 ? [] : [{ section: "other", id: "document", kind: "changed", members }];
}
