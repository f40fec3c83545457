/**
 * Reads an argv against a command's flags and refuses what citty would accept in silence: unknown and repeated flags,
 * missing and wrong values, too many words. What it returns is unambiguous: `--name=value`, `--no-name`, words after `--`.
 * It never fills in a default and never looks at what a value means.
 */
import type { ArgDef, ArgsDef } from "citty";
import { AkcError } from "../errors.ts";
import { nearestWord } from "../spelling.ts";

/** Between the values of a flag that may be given several times; no argument can hold it. */
const between = "\0";

/** The values of a flag, or of the last word, with `repeatable: true`, in the order given. */
export function valuesOf(joined: string | undefined): readonly string[] {
  return joined === undefined ? [] : joined.split(between);
}

/** What a command line is read against. */
export interface Wanted {
  /** The words that call the command. */
  readonly path: string;
  readonly args: ArgsDef;
  /** Flags that are nearly always needed, as they are typed. */
  readonly usage?: string | undefined;
}

/** @throws AkcError USAGE */
export function strictArgv(argv: readonly string[], wanted: Wanted): string[] {
  const reader = new ArgvReader(wanted);
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    if (word === "--") {
      for (const rest of argv.slice(index + 1)) reader.positional(rest);
      break;
    }
    if (word === "-" || !word.startsWith("-")) reader.positional(word);
    else if (reader.flag(word, argv[index + 1])) index++;
  }
  return reader.finish();
}

/** `maxInFlight` as it is typed: `--max-in-flight`. */
export function flagName(name: string): string {
  return name.length === 1 ? `-${name}` : `--${kebab(name)}`;
}

/** The command as it is typed, with what it cannot do without. */
export function usageLine({ path, args, usage }: Wanted): string {
  const words = [`akc ${path}`];
  for (const [name, def] of Object.entries(args)) {
    if (def.type === "positional") {
      const word = def.valueHint ?? name.toUpperCase();
      words.push(def.required === false && !isNeeded(def) ? `[${word}]` : word);
    } else if (def.required === true) words.push(`${flagName(name)} ${hintOf(def)}`);
  }
  if (usage !== undefined) words.push(usage);
  return [...words, "[flags]"].join(" ");
}

/** With `orFlag: true` a word may be said by a flag instead; one of the two must. */
function isNeeded(def: ArgDef): boolean {
  return "orFlag" in def && def.orFlag === true;
}

/** What stands for a flag's value. */
export function hintOf(def: ArgDef): string {
  return def.type === "enum" && def.options !== undefined && def.valueHint === undefined
    ? def.options.join("|")
    : (def.valueHint ?? "VALUE");
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

class ArgvReader {
  readonly #wanted: Wanted;
  readonly #args: ArgsDef;
  /** Every spelling, with the argument it means and whether it turns it off. */
  readonly #spellings = new Map<string, { name: string; def: ArgDef; off: boolean }>();
  readonly #given = new Map<string, string>();
  readonly #words: string[] = [];

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
    this.#args = wanted.args;
    for (const [name, def] of Object.entries(wanted.args)) {
      if (def.type === "positional") continue;
      for (const spelling of [name, ...aliasesOf(def)]) {
        this.#spellings.set(flagName(spelling), { name, def, off: false });
      }
      if (def.type === "boolean" && def.default === true) {
        this.#spellings.set(`--no-${kebab(name)}`, { name, def, off: true });
      }
    }
  }

  positional(word: string): void {
    const places = this.#positionals();
    const last = places.at(-1)?.[1];
    const goesOn = last !== undefined && isRepeatable(last) && this.#words.length === places.length;
    if (this.#words.length >= places.length && !goesOn) {
      throw this.#usage(
        places.length === 0 ? `unexpected word "${word}"` : `one word too many: "${word}"`,
        (word.startsWith("-") ? undefined : this.#flagMeant(word)) ?? this.#written(),
      );
    }
    if (word.trim() === "")
      throw this.#usage(`${this.#placeName(Math.min(this.#words.length, places.length - 1))} is empty`);
    if (goesOn) this.#words.push(`${this.#words.pop()}${between}${word}`);
    else this.#words.push(word);
  }

  /** Reads one flag; returns whether it took the next word as its value. */
  flag(word: string, next: string | undefined): boolean {
    const { spelling, value: attached } = this.#split(word);
    const known = this.#spellings.get(spelling);
    if (known === undefined) throw this.#unknown(spelling);
    const before = this.#given.get(known.name);
    if (before !== undefined && !isRepeatable(known.def)) throw this.#usage(`${spelling} is given twice`);
    if (known.def.type === "boolean") {
      if (attached !== undefined) throw this.#usage(`${spelling} takes no value`);
      this.#given.set(known.name, known.off ? `--no-${known.name}` : `--${known.name}`);
      return false;
    }
    const value = attached ?? (next !== undefined && !looksLikeFlag(next) ? next : undefined);
    if (value === undefined || value.trim() === "") {
      throw this.#usage(
        `${spelling} needs a value`,
        `Write ${spelling}=${known.def.valueHint ?? "VALUE"}${next !== undefined && looksLikeFlag(next) ? `; a value that begins with a dash needs the equals sign` : ""}.`,
      );
    }
    this.#checkChoice(spelling, known.def, value);
    this.#given.set(
      known.name,
      before === undefined ? `--${known.name}=${value}` : `${before}${between}${value}`,
    );
    return attached === undefined;
  }

  finish(): string[] {
    const missing = Object.entries(this.#args)
      .filter(([name, def]) => def.type !== "positional" && def.required === true && !this.#given.has(name))
      .map(([name]) => flagName(name));
    for (let place = this.#words.length; place < this.#positionals().length; place++) {
      if (this.#positionals()[place]?.[1].required !== false) missing.push(this.#placeName(place));
    }
    if (missing.length > 0)
      throw this.#usage(
        `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} missing`,
        this.#written(),
      );
    return [...this.#given.values(), "--", ...this.#words];
  }

  #positionals(): [string, ArgDef][] {
    return Object.entries(this.#args).filter(([, def]) => def.type === "positional");
  }

  #placeName(place: number): string {
    const [name, def] = this.#positionals()[place] ?? ["argument", undefined];
    return def?.valueHint ?? name.toUpperCase();
  }

  /** `--name=value`, `-n=value` and `-nvalue` into spelling and value. */
  #split(word: string): { spelling: string; value: string | undefined } {
    const equals = word.indexOf("=");
    if (!word.startsWith("--") && word.length > 2 && this.#spellings.has(word.slice(0, 2))) {
      return { spelling: word.slice(0, 2), value: word.slice(word[2] === "=" ? 3 : 2) };
    }
    if (equals < 0) return { spelling: word, value: undefined };
    return { spelling: word.slice(0, equals), value: word.slice(equals + 1) };
  }

  #checkChoice(spelling: string, def: ArgDef, value: string): void {
    if (def.type !== "enum" || def.options === undefined || def.options.includes(value)) return;
    const meant = nearestWord(value, def.options);
    throw this.#usage(
      `${spelling} cannot be "${value}"`,
      `${meant === undefined ? "" : `Did you mean ${meant}? `}It is one of ${def.options.join(", ")}.`,
    );
  }

  #unknown(spelling: string): AkcError {
    // Other commands have a flag for it: here the word alone says it.
    const asWord = this.#positionals().some(([name]) => flagName(name) === spelling);
    const meant = asWord ? undefined : nearestWord(spelling, [...this.#spellings.keys()]);
    return this.#usage(
      `unknown flag ${spelling}`,
      meant === undefined ? this.#written() : `Did you mean ${meant}?`,
    );
  }

  #written(): string {
    return `Write \`${usageLine(this.#wanted)}\`.`;
  }

  /** A flag without its dashes: `akc runtime list verbose`. */
  #flagMeant(word: string): string | undefined {
    return this.#spellings.has(`--${word}`) ? `Did you mean --${word}?` : undefined;
  }

  #usage(message: string, hint?: string): AkcError {
    const help = `\`akc ${this.#wanted.path} --help\` shows how it is used.`;
    return new AkcError("USAGE", { message, hint: hint === undefined ? help : `${hint} ${help}` });
  }
}

/** The other names of a flag. */
export function aliasesOf(def: ArgDef): readonly string[] {
  return "alias" in def && def.alias !== undefined ? [def.alias].flat() : [];
}

/** citty has no word for it. */
function isRepeatable(def: ArgDef): boolean {
  return "repeatable" in def && def.repeatable === true;
}

/** `-5` is a number, `-` is stdin; both are values. */
function looksLikeFlag(word: string): boolean {
  return /^-[^\d.]/.test(word);
}
