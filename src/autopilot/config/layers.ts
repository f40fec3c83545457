/**
 * Takes each setting from the first place that says something of it: flag, variable, file, project file, default. Remembers where every
 * value came from and every fault on the way; it never stops at the first one.
 */
import * as v from "valibot";
import type { Issue } from "../../errors.ts";
import type { JsonValue } from "../../json/value.ts";
import { namesOf } from "./names.ts";

/** Of a setting: the kind of place, and its name in it (`--mode`, `AKC_TENANT_ID`, `autopilot.yaml:12:3`). */
export interface Source {
  readonly kind: "flag" | "environment" | "file" | "project" | "profile" | "default";
  readonly name: string;
}

export interface EffectiveValue {
  /** Dotted, as in the file; `scopes.overrides.TENANT/REPO.` before what differs in one scope. */
  readonly key: string;
  /** As the file would say it. */
  readonly value: JsonValue;
  readonly source: Source;
}

/** By the flag as it is typed, `--max-mutations-per-day`; a switch that is on is `true`. */
export type Flags = Readonly<Record<string, readonly string[] | undefined>>;
export type Variables = Readonly<Record<string, string | undefined>>;

/** What all settings are read from, and what comes of it. */
export interface Ground {
  readonly flags: Flags;
  readonly env: Variables;
  readonly issues: Issue[];
  /** Keys without which it cannot begin and that nobody says anything of. */
  readonly missing: string[];
  /** What is no fault and yet not what somebody may think. */
  readonly notes: string[];
  readonly rows: EffectiveValue[];
}

export interface FileLayer<File> {
  readonly content: File;
  /** Keys from the top of the file to where `content` stands. */
  readonly at: readonly string[];
  /** `path:line:column` of a value. */
  placeOf(path: readonly string[]): string;
}

export interface Ways<File, Value> {
  /** How the text of a flag or a variable is read. */
  readonly text?: v.GenericSchema<string, Value>;
  /** Likewise, of a variable and the project file, where old set-ups may say more than a flag may. */
  readonly lenient?: v.GenericSchema<string, Value>;
  /** Likewise, of a flag that can be given several times. */
  readonly texts?: v.GenericSchema<readonly string[], Value>;
  of?(file: File): Value | undefined;
  /** As the project file says it, read as a flag's text is. */
  readonly project?: string | undefined;
  /** As the file would write the value; the value itself unless said. */
  show?(value: Value): JsonValue;
}

export interface Fallback<Value> {
  readonly value: Value;
  readonly source?: Source;
}

export const byDefault: Source = { kind: "default", name: "" };

export class Layers<File> {
  readonly ground: Ground;
  readonly #files: readonly FileLayer<File>[];
  readonly #prefix: string;

  /** @param prefix before the keys of the rows that are remembered */
  constructor(ground: Ground, files: readonly FileLayer<File>[], prefix = "") {
    this.ground = ground;
    this.#files = files;
    this.#prefix = prefix;
  }

  /** What is said of it, or else the fallback. */
  value<Value extends Shown | object>(
    key: string,
    ways: Ways<File, Value>,
    fallback: Fallback<Value>,
  ): Value {
    const said = this.#said(key, ways) ?? { value: fallback.value, source: fallback.source ?? byDefault };
    this.#remember(key, ways, said);
    return said.value;
  }

  /** What is said of it, if anything is. */
  maybe<Value extends Shown | object>(key: string, ways: Ways<File, Value>): Value | undefined {
    const said = this.#said(key, ways);
    if (said !== undefined) this.#remember(key, ways, said);
    return said?.value;
  }

  /** What is said of it, or the fallback where somebody asked for it (`source`); else it is missing, and the fallback means nothing. */
  wanted<Value extends Shown | object>(
    key: string,
    ways: Ways<File, Value>,
    { value, source }: { readonly value: Value; readonly source: Source | undefined },
  ): Value {
    if (source !== undefined || this.placeOf(key, ways) !== undefined) {
      return this.value(key, ways, { value, ...(source === undefined ? {} : { source }) });
    }
    if (!this.ground.missing.includes(key)) this.ground.missing.push(key);
    return value;
  }

  /** Where the setting is said, without reading it. */
  placeOf(key: string, ways: Pick<Ways<File, unknown>, "of" | "project">): Source | undefined {
    const { flag, env } = namesOf(key);
    if (flag !== undefined && this.ground.flags[flag] !== undefined) return { kind: "flag", name: flag };
    const variable = env?.find((name) => !blank(this.ground.env[name]));
    if (variable !== undefined) return { kind: "environment", name: variable };
    for (const { content, at, placeOf } of this.#files) {
      if (ways.of?.(content) !== undefined)
        return { kind: "file", name: placeOf([...at, ...key.split(".")]) };
    }
    return blank(ways.project) ? undefined : { kind: "project", name: namesOf(key).project ?? key };
  }

  fault(path: string, message: string): void {
    const known = this.ground.issues.some((issue) => issue.path === path && issue.message === message);
    if (!known) this.ground.issues.push({ path, message });
  }

  note(text: string): void {
    if (!this.ground.notes.includes(text)) this.ground.notes.push(text);
  }

  #said<Value>(key: string, ways: Ways<File, Value>): (Fallback<Value> & { source: Source }) | undefined {
    const source = this.placeOf(key, ways);
    if (source === undefined) return undefined;
    switch (source.kind) {
      case "flag": {
        const values = this.ground.flags[source.name] ?? [];
        return ways.texts === undefined
          ? this.#read(ways.text, values.at(-1) ?? "", source)
          : this.#read(ways.texts, values, source);
      }
      case "environment":
        return this.#read(ways.lenient ?? ways.text, this.ground.env[source.name]?.trim() ?? "", source);
      case "project":
        return this.#read(ways.lenient ?? ways.text, ways.project?.trim() ?? "", source);
      default: {
        for (const { content } of this.#files) {
          const value = ways.of?.(content);
          if (value !== undefined) return { value, source };
        }
        return undefined;
      }
    }
  }

  #read<Input, Value>(
    schema: v.GenericSchema<Input, Value> | undefined,
    text: Input,
    source: Source,
  ): (Fallback<Value> & { source: Source }) | undefined {
    if (schema === undefined) return undefined;
    const read = v.safeParse(schema, text);
    if (read.success) return { value: read.output, source };
    const where = source.kind === "project" ? `project file, ${source.name}` : source.name;
    for (const { message } of read.issues.slice(0, 1)) this.fault(where, message);
    return undefined;
  }

  #remember<Value extends Shown | object>(
    key: string,
    ways: Ways<File, Value>,
    { value, source }: Fallback<Value> & { readonly source: Source },
  ): void {
    const shown = ways.show?.(value) ?? (isShown(value) ? value : JSON.stringify(value));
    this.ground.rows.push({ key: this.#prefix + key, value: shown, source });
  }
}

type Shown = string | number | boolean | readonly string[];

function isShown(value: Shown | object): value is Shown {
  return (
    typeof value !== "object" || (Array.isArray(value) && value.every((item) => typeof item === "string"))
  );
}

export function blank(text: string | undefined): text is undefined | "" {
  return text === undefined || text.trim() === "";
}
