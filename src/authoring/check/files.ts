/**
 * The files that a plan names, and their texts as they were handed in. Reads no disk.
 */
import { limits } from "../../limits.ts";
import type { Faults, Path } from "../form/faults.ts";
import type { WrittenStep } from "../matrix.ts";
import type { NamedFile } from "../model.ts";

export interface FileNaming {
  readonly file: string;
  readonly path: Path;
}

/** Files of one step: those of its standard input in their order, and that of its request's body. */
export function filesOfStep({ form, path }: WrittenStep): {
  readonly stdin: readonly FileNaming[];
  readonly body: readonly FileNaming[];
} {
  const stdin = form.run?.stdin;
  const at = [...path, "run", "stdin", "file"];
  const files = typeof stdin === "object" ? stdin.file : [];
  const body = form.http?.body_file;
  return {
    stdin:
      typeof files === "string"
        ? [{ file: files, path: at }]
        : files.map((file, index) => ({ file, path: [...at, String(index)] })),
    body: body === undefined ? [] : [{ file: body, path: [...path, "http", "body_file"] }],
  };
}

/** Texts by path; asking for one that is not there is a fault of the plan. */
export class FileTexts {
  readonly #texts: ReadonlyMap<string, string>;
  readonly #faults: Faults;

  constructor(files: readonly NamedFile[], faults: Faults) {
    this.#texts = new Map(files.map(({ path, text }) => [path, text]));
    this.#faults = faults;
  }

  text({ file, path }: FileNaming): string | undefined {
    const text = this.#texts.get(file);
    if (text === undefined)
      this.#faults.add("file-missing", path, `there is no file \`${file}\` beside the plan`);
    return text;
  }

  /** All of them one after the other; undefined where one is missing or they are too long. */
  joined(
    namings: readonly FileNaming[],
    bytesMax: number = limits.subprocessStdinBytesMax,
  ): string | undefined {
    const texts = namings.map((naming) => this.text(naming));
    if (namings.length === 0 || texts.includes(undefined)) return undefined;
    const whole = texts.join("");
    if (Buffer.byteLength(whole) <= bytesMax) return whole;
    this.#faults.add("too-large", namings[0]?.path ?? [], `the text is longer than ${bytesMax} bytes`);
    return undefined;
  }
}
