/**
 * One look at units: their files and what systemd says of them, put together to what stands of each resource.
 * Changes nothing; what could not be seen is unobservable, never absent.
 */
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import type { JsonObject } from "../../json/value.ts";
import type { Clock } from "../../system/clock.ts";
import type { OwnedResource, ProviderCall, Revision, Standing } from "../contract.ts";
import { healthOf } from "./health.ts";
import { markSection } from "./mark.ts";
import { type WantedUnit, wantedOf } from "./revision.ts";
import type { SystemdSettings } from "./settings.ts";
import type { Systemctl } from "./systemctl.ts";
import { type FoundFile, readUnitAt, scanUnitFiles, type UnitFile } from "./unit-files.ts";
import { unitTypeOf } from "./unit-name.ts";
import { isEnabled, isUp, type UnitState } from "./unit-state.ts";
import { type UnitText, unitFields } from "./unit-text.ts";

/** What is looked for. */
export interface Subject {
  readonly resourceId: string;
  readonly resourceClass: string;
  readonly dir: string;
  readonly name: string;
  /** What the bundle wants of it; undefined: nothing any more. */
  readonly wanted?: WantedUnit;
  /** Whether akc has applied it. */
  readonly inInventory: boolean;
}

export interface Seen {
  readonly subject: Subject;
  readonly standing: Standing;
  /** Files that bear this scope's mark of this resource; the one in the subject's place first. */
  readonly own: readonly UnitFile[];
  /** Of the unit in the subject's place. */
  readonly state?: UnitState;
}

export interface LookDeps {
  readonly settings: SystemdSettings;
  readonly systemctl: Systemctl;
  readonly scope: string;
  readonly clock: Clock;
}

export class Look {
  readonly #deps: LookDeps;
  /** Restarts counted at the look before, by unit. */
  readonly #restarts = new Map<string, number>();

  constructor(deps: LookDeps) {
    this.#deps = deps;
  }

  subjectOf(revision: Revision, inInventory: boolean): Subject {
    const { resourceId, resourceClass } = revision;
    const wanted = wantedOf(revision);
    const dir = this.#deps.settings.unitDir;
    return { resourceId, resourceClass, dir, name: wanted.unit, wanted, inInventory };
  }

  /** Undefined for a handle that names no unit in a folder of ours. */
  subjectOfOwned({ resourceId, resourceClass, handle }: OwnedResource): Subject | undefined {
    const { unit, unit_dir: dir } = handle;
    if (typeof unit !== "string" || unitTypeOf(unit) === undefined) return undefined;
    if (typeof dir !== "string" || !this.#deps.settings.unitDirs.includes(dir)) return undefined;
    return { resourceId, resourceClass, dir, name: unit, inInventory: true };
  }

  /**
   * Of each subject, and with `orphans` of everything else that bears the scope's mark.
   * Never rejects but with CANCELLED: what keeps it from looking is what each standing says.
   */
  async at(subjects: readonly Subject[], orphans: boolean, call: ProviderCall): Promise<readonly Seen[]> {
    const { settings, systemctl } = this.#deps;
    try {
      const named = new Set(subjects.map(placeOf));
      const files = await scanUnitFiles(settings.unitDirs, named);
      const marked = this.#markedFiles(files);
      const known = new Set(subjects.map(({ resourceId }) => resourceId));
      const all = orphans
        ? [
            ...subjects,
            ...[...marked].filter(([id]) => !known.has(id)).flatMap(([id, own]) => orphanOf(id, own)),
          ]
        : subjects;
      const names = new Set(
        all.flatMap((one) => [one.name, ...(marked.get(one.resourceId) ?? []).map(({ name }) => name)]),
      );
      const states = names.size === 0 ? new Map<string, UnitState>() : await systemctl.show([...names], call);
      return await Promise.all(all.map((subject) => this.#seen(subject, files, marked, states)));
    } catch (cause) {
      if (!(cause instanceof AkcError) || cause.code === "CANCELLED") throw cause;
      const standing = unobservable(cause);
      return subjects.map((subject) => ({ subject, standing, own: [] }));
    }
  }

  #markedFiles(files: ReadonlyMap<string, FoundFile>): ReadonlyMap<string, readonly UnitFile[]> {
    const marked = new Map<string, UnitFile[]>();
    for (const found of files.values()) {
      if (found.kind !== "file" || found.file.mark?.scope !== this.#deps.scope) continue;
      const { resourceId } = found.file.mark;
      marked.set(resourceId, [...(marked.get(resourceId) ?? []), found.file]);
    }
    return marked;
  }

  async #seen(
    subject: Subject,
    files: ReadonlyMap<string, FoundFile>,
    marked: ReadonlyMap<string, readonly UnitFile[]>,
    states: ReadonlyMap<string, UnitState>,
  ): Promise<Seen> {
    const here = (file: UnitFile) => file.dir === subject.dir && file.name === subject.name;
    const own = [...(marked.get(subject.resourceId) ?? [])].sort((a, b) => Number(here(b)) - Number(here(a)));
    const there = files.get(placeOf(subject));
    const state = states.get(subject.name);
    const seen = (standing: Standing): Seen => ({
      subject,
      standing,
      own,
      ...(state === undefined ? {} : { state }),
    });
    if (there?.kind === "unreadable") {
      return seen({ kind: "unobservable", reason: "denied", message: there.message });
    }
    const [main] = own;
    const foreign =
      there !== undefined && !(there.kind === "file" && here(main ?? there.file) && main === there.file);
    if (foreign) {
      const file = there.kind === "file" ? there.file : undefined;
      return seen(this.#present(subject, "other", { file, own, state }));
    }
    if (main !== undefined) {
      // Of a unit that was given another name the old one is what stands.
      const itsState = states.get(main.name);
      return seen(this.#present(subject, "akc", { file: main, own, state: itsState }));
    }
    return seen(await this.#withoutFile(subject, state));
  }

  /** Nothing is in its place, but systemd may know a unit of the name. */
  async #withoutFile(subject: Subject, state: UnitState | undefined): Promise<Standing> {
    if (state === undefined) return { kind: "absent" };
    const elsewhere = state.fragment !== "" && state.fragment !== placeOf(subject);
    if (elsewhere || state.load === "masked") {
      const text = await readUnitAt(state.fragment);
      return this.#present(subject, "other", { text, own: [], state });
    }
    // Its file was removed while it ran.
    if (isUp(state)) return this.#present(subject, subject.inInventory ? "akc" : "other", { own: [], state });
    return { kind: "absent" };
  }

  #present(
    { name, dir, resourceId, wanted }: Subject,
    owner: "akc" | "other",
    found: {
      readonly file?: UnitFile | undefined;
      readonly text?: UnitText | undefined;
      readonly own: readonly UnitFile[];
      readonly state: UnitState | undefined;
    },
  ): Standing {
    const { file, own, state } = found;
    if (state === undefined) {
      return { kind: "unobservable", reason: "malformed", message: `systemd says nothing of ${name}` };
    }
    const text = file?.unit ?? found.text;
    const dropIns = [...(file?.dropIns ?? [])].map(([one, unit]) => [one, unitFields(unit)] as const);
    const all: JsonObject & AllFields = {
      files: (owner === "akc" ? own : file === undefined ? [] : [file]).map(placeOf),
      unit: text === undefined ? {} : unitFields(text, [markSection]),
      drop_ins: Object.fromEntries(dropIns),
      enabled: isEnabled(state),
      active: isUp(state),
      in_effect: inEffect(state, file),
    };
    const restartsBefore = this.#restarts.get(name);
    this.#restarts.set(name, state.restarts);
    const health = healthOf(state, {
      nowMs: this.#deps.clock.nowMs(),
      wantsActive: wanted === undefined ? undefined : wanted.active,
      restartsBefore,
    });
    const mark = owner === "akc" ? file?.mark : undefined;
    return {
      kind: "present",
      owner,
      ...(mark === undefined ? {} : { markedHash: mark.desiredHash }),
      version: fingerprint({ resource: resourceId, owner, ...all }),
      fields: ownedFields(all, wanted),
      ...health,
      handle: { unit: file?.name ?? name, unit_dir: file?.dir ?? dir },
    };
  }
}

/** All that is seen of a unit, whatever the bundle wants of it. */
interface AllFields {
  readonly drop_ins: JsonObject;
  readonly enabled: boolean;
  readonly active: boolean;
}

/** What a bundle leaves to others is not told of as if it were its own. */
function ownedFields(all: JsonObject & AllFields, wanted: WantedUnit | undefined): JsonObject {
  if (wanted === undefined) return all;
  const states = {
    ...(wanted.enabled === undefined ? {} : { enabled: all.enabled }),
    ...(wanted.active === undefined ? {} : { active: all.active }),
  };
  if (wanted.text === undefined) return states;
  const { enabled: _enabled, active: _active, ...rest } = all;
  return { ...rest, ...states };
}

/** Whether what runs is what the files say: they were loaded, and it has started since they were written. */
function inEffect(state: UnitState, file: UnitFile | undefined): boolean {
  if (state.stale || file === undefined) return false;
  if (state.active !== "active" || state.job !== undefined) return true;
  return state.startedMs === undefined || state.startedMs >= file.changedMs;
}

export function placeOf({ dir, name }: { readonly dir: string; readonly name: string }): string {
  return join(dir, name);
}

function orphanOf(resourceId: string, own: readonly UnitFile[]): readonly Subject[] {
  const [file] = own;
  if (file?.mark === undefined) return [];
  const { dir, name, mark } = file;
  return [{ resourceId, resourceClass: mark.resourceClass, dir, name, inInventory: false }];
}

function unobservable(cause: AkcError): Standing {
  const reasons: Readonly<Record<string, string>> = {
    TOOL_MISSING: "tool_missing",
    TOOL_TIMEOUT: "timeout",
    FILE_UNREADABLE: "denied",
  };
  const reason = cause.details["reason"];
  return {
    kind: "unobservable",
    reason: reasons[cause.code] ?? (typeof reason === "string" ? reason : "failed"),
    message: cause.message,
  };
}
