/** Runs a command of akc in this process, and takes what it prints. */
import * as v from "valibot";
import type { Io, Place } from "../../../src/cli/io.ts";
import { execute } from "../../../src/cli/run.ts";

export interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly words: string;
}

export async function akc(
  argv: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly columns?: number } = {},
): Promise<Ran> {
  let out = "";
  let words = "";
  const { columns } = options;
  const place: Place = {
    isTerminal: columns !== undefined,
    color: false,
    canRedraw: false,
    columns: () => columns ?? 80,
    rows: () => 24,
  };
  const io: Io = {
    stdout: place,
    stderr: place,
    env: { PATH: process.env["PATH"], ...options.env },
    out: async (text) => {
      out += text;
    },
    words: (text) => {
      words += text;
    },
  };
  const exitCode = await execute(argv, io);
  return { exitCode, out, words };
}

const Data = v.record(v.string(), v.unknown());
const Listed = v.looseObject({ kind: v.string(), items: v.array(Data) });

/** The one value on stdout. */
export function dataOf({ out }: Ran): v.InferOutput<typeof Data> {
  const parsed: unknown = JSON.parse(out);
  return v.parse(Data, parsed);
}

export function itemsOf({ out }: Ran): readonly v.InferOutput<typeof Data>[] {
  const parsed: unknown = JSON.parse(out);
  return v.parse(Listed, parsed).items;
}
