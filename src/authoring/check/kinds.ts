/** What of a step belongs together: exactly one kind of work, and only members that this kind has use for. */
import { objectAt, textAt } from "../../bundle/member.ts";
import { type Faults, namesOf } from "../form/faults.ts";
import type { WrittenStep } from "../matrix.ts";

const kinds = ["run", "http", "wait", "agent"] as const;

/** @param written the step as it stands in the file: a member counts though its value is faulty */
export function checkKind({ form, path }: WrittenStep, written: object, faults: Faults): void {
  const own = kinds.filter((kind) => Object.hasOwn(written, kind));
  const routed =
    textAt(objectAt(objectAt(form.node ?? {}, "properties"), "runtime_execution"), "route") !== undefined;
  if (own.length === 0 && !routed)
    faults.add("contradiction", path, `the step does nothing: it needs one of ${namesOf(kinds)}`, "key");
  if (own.length > 1)
    faults.add("contradiction", path, `the step has ${namesOf(own)}; it can have one of them only`, "key");
  const [kind] = own;
  const onlyOf = {
    env: ["run"],
    inputs: ["run"],
    outputs: ["run"],
    timeout: ["run", "http", "agent"],
    retries: ["run", "http", "agent"],
  };
  for (const [member, of] of Object.entries(onlyOf)) {
    if (kind === undefined || own.length > 1 || !Object.hasOwn(written, member) || of.includes(kind))
      continue;
    const instead = member === "timeout" ? "; write it into `wait`" : "";
    faults.add(
      "contradiction",
      [...path, member],
      `\`${member}\` belongs to ${namesOf(of)} and not to \`${kind}\`${instead}`,
      "key",
    );
  }
  const twice = (form.outputs ?? []).findIndex((file, index, all) => all.indexOf(file) !== index);
  if (twice >= 0)
    faults.add(
      "output-twice",
      [...path, "outputs", String(twice)],
      `\`${form.outputs?.[twice]}\` is put out twice`,
    );
  if (form.wait !== undefined) checkWait(form.wait, writtenWait(written), [...path, "wait"], faults);
  if (form.http?.body !== undefined && form.http.body_file !== undefined)
    faults.add(
      "contradiction",
      [...path, "http", "body_file"],
      "`body` and `body_file` cannot stand together",
      "key",
    );
}

function writtenWait(written: object): object {
  const wait: unknown = Reflect.get(written, "wait");
  return typeof wait === "object" && wait !== null ? wait : {};
}

function checkWait(
  wait: NonNullable<WrittenStep["form"]["wait"]>,
  written: object,
  path: readonly string[],
  faults: Faults,
): void {
  const ways = ["approval", "signal", "for", "until"] as const;
  const own = ways.filter((way) => Object.hasOwn(written, way));
  if (own.length !== 1) faults.add("contradiction", path, `a wait has exactly one of ${namesOf(ways)}`);
  if (wait.timeout !== undefined && (wait.for !== undefined || wait.until !== undefined))
    faults.add("contradiction", [...path, "timeout"], "a wait for a time needs no `timeout`", "key");
}
