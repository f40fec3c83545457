/** A difference as people read it, what is wider first, and as programs get it: the shape `BundleDifference`. */
import type { BundleDifference, MemberChange, SubjectChange } from "../../authoring/diff/model.ts";
import { canonicalJson } from "../../json/canonical.ts";
import type { JsonValue } from "../../json/value.ts";
import type { Place } from "../io.ts";
import { type Plain, plainOf } from "../render/output.ts";
import { type Style, styleOf } from "../render/style.ts";
import { counted, fit, printable, width } from "../render/text.ts";

interface Names {
  readonly before: string;
  readonly after: string;
}

/** Subjects shown as text; JSON has all of them. */
const subjectsShownMax = 200;

export function differenceData(
  { same, changes }: BundleDifference,
  names: Names,
  beforeSha256: string,
  afterSha256: string,
): Plain {
  const rights = (wanted: readonly string[]) =>
    changes.flatMap((change) =>
      change.members
        .filter(({ direction }) => wanted.includes(direction))
        .map((member) => ({ section: change.section, id: change.id, ...memberData(member) })),
    );
  return {
    kind: "BundleDifference",
    before: { path: names.before, sha256: beforeSha256 },
    after: { path: names.after, sha256: afterSha256 },
    same,
    wider: rights(["wider", "both"]),
    narrower: rights(["narrower", "both"]),
    changes: changes.map(({ section, id, kind, members }) => ({
      section,
      id,
      change: kind,
      members: members.map(memberData),
    })),
  };
}

function memberData({ member, before, after, direction, added, removed }: MemberChange) {
  return {
    member,
    direction,
    before: before === undefined ? null : plainOf(before),
    after: after === undefined ? null : plainOf(after),
    ...(added === undefined ? {} : { added }),
    ...(removed === undefined ? {} : { removed }),
  };
}

export function differenceText(difference: BundleDifference, names: Names, place: Place): string {
  const style = styleOf(place.color);
  if (difference.same) return "They mean the same.";
  const fitted = (line: string) => (place.isTerminal ? fit(line, place.columns()) : line);
  const { changes } = difference;
  const moved = changes.flatMap((change) => change.members.map((member) => ({ change, member })));
  const wide = moved.filter(({ member }) => member.direction === "wider" || member.direction === "both");
  const shown = changes.slice(0, subjectsShownMax);
  return [
    style.strong(fitted(`--- ${printable(names.before)}`)),
    style.strong(fitted(`+++ ${printable(names.after)}`)),
    ...(wide.length === 0
      ? []
      : [
          "",
          style.bad(fitted(`WIDER: ${counted(wide.length, "right")} that it did not have before`)),
          ...wide.map(({ change, member }) =>
            style.bad(fitted(`  ! ${nameOf(change)}: ${rightText(member)}`)),
          ),
        ]),
    "",
    ...shown.flatMap((change) => subjectLines(change, style, fitted)),
    ...(changes.length > shown.length
      ? [`… and ${changes.length - shown.length} more; -o json has all`]
      : []),
    "",
    summary(difference),
  ].join("\n");
}

function nameOf({ section, id }: SubjectChange): string {
  return id === "" ? section : `${section} ${printable(id)}`;
}

function rightText({ member, added = [], before, after }: MemberChange): string {
  if (added.length > 0) return `${member} + ${printable(added.join(", "))}`;
  return `${member}: ${value(before)} → ${value(after)}`;
}

function subjectLines(
  change: SubjectChange,
  style: Style,
  fitted: (line: string) => string,
): readonly string[] {
  const { kind, members } = change;
  if (kind === "removed") return [style.bad(fitted(`- ${nameOf(change)}`))];
  const head =
    kind === "added"
      ? style.good(fitted(`+ ${nameOf(change)}`))
      : style.strong(fitted(`~ ${nameOf(change)}`));
  const wide = Math.min(24, Math.max(...members.map(({ member }) => width(member)), 0));
  return [
    head,
    ...members.flatMap((member) => memberLines(member, kind === "added", wide, style).map(painter(fitted))),
  ];
}

/** A painted line is measured without its colours, and cut before it is painted; short ones stay as they are. */
function painter(
  fitted: (line: string) => string,
): (line: readonly [string, (text: string) => string]) => string {
  return ([line, paint]) => paint(fitted(line));
}

type Painted = readonly [line: string, paint: (text: string) => string];

function memberLines(change: MemberChange, isNew: boolean, wide: number, style: Style): readonly Painted[] {
  const { member, before, after, added, removed, direction } = change;
  const name = printable(member).padEnd(wide);
  const plain = (text: string) => text;
  const mark =
    isNew || direction === "changed" ? "" : `  (${direction === "both" ? "wider and narrower" : direction})`;
  if (isNew) return [[`    ${name}  ${value(after)}`, plain]];
  if (added !== undefined && removed !== undefined && (added.length > 0 || removed.length > 0)) {
    const moves = [
      ...added.map((item) => `+${printable(item)}`),
      ...removed.map((item) => `-${printable(item)}`),
    ];
    return [[`    ${name}  ${moves.join(" ")}${mark}`, direction === "changed" ? plain : style.warn]];
  }
  if (before === undefined) return [[`    ${name}  + ${value(after)}${mark}`, style.good]];
  if (after === undefined) return [[`    ${name}  - ${value(before)}${mark}`, style.bad]];
  const both = `${value(before)} → ${value(after)}`;
  if (both.length <= 60) return [[`    ${name}  ${both}${mark}`, plain]];
  return [
    [`    ${name}  - ${value(before)}`, style.bad],
    [`    ${" ".repeat(name.length)}  + ${value(after)}${mark}`, style.good],
  ];
}

function value(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value) && value.length === 0) return "none";
  return printable(canonicalJson(value));
}

function summary({ changes }: BundleDifference): string {
  const count = (kind: SubjectChange["kind"]) => changes.filter((change) => change.kind === kind).length;
  const directions = changes.flatMap(({ members }) => members.map(({ direction }) => direction));
  const wider = directions.filter((direction) => direction === "wider" || direction === "both").length;
  const narrower = directions.filter((direction) => direction === "narrower" || direction === "both").length;
  const rights = wider + narrower === 0 ? "no right changes" : `${wider} wider, ${narrower} narrower`;
  return `${count("added")} added, ${count("removed")} removed, ${count("changed")} changed; ${rights}`;
}
