/**
 * `akc runtime checkpoint`: where a run stood at any of its events, in the shape that tools of the old runtime know. Made from
 * the events, not read from the file.
 *
 * Source: spec cli §5.5, spec kernel §4.8; cli:W-53.
 */
import { parseJson } from "../../json/read.ts";
import { checkpointText } from "../../replay/checkpoint-at.ts";
import { runAt } from "../../replay/reader-at.ts";
import { writeFileAtomic } from "../../system/files.ts";
import { command } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { encode, plainOf } from "../render/output.ts";
import { wholeNumber } from "../values.ts";
import { locatingEnvironment } from "./locate.ts";
import { readRunArgs, withRun } from "./read-run.ts";

export const checkpoint = command({
  path: "runtime checkpoint",
  summary: "Print where a run stands, or stood at one of its events.",
  notes: ["As text it is byte for byte what checkpoint.json of that moment holds."],
  examples: [
    { command: "akc runtime checkpoint 0193f2c1", says: "Where it stands now." },
    {
      command: "akc runtime checkpoint 0193f2c1 --at 12",
      says: "Where it stood when event 12 had happened.",
    },
    { command: "akc runtime checkpoint 0193f2c1 --export then.json --at 12", says: "The same, into a file." },
  ],
  exits: [0, 2],
  environment: locatingEnvironment,
  args: {
    ...readRunArgs,
    at: {
      type: "string",
      valueHint: "SEQ",
      description: "As of this event; `akc runtime events` shows their order.",
    },
    export: {
      type: "string",
      valueHint: "FILE",
      description: "Write it to this file instead, whole or not at all.",
    },
  },
  async run(args, { io, format }) {
    const seq =
      args.at === undefined
        ? undefined
        : wholeNumber("--at", args.at, { min: 0, max: Number.MAX_SAFE_INTEGER });
    return withRun(io, args, async ({ reader }): Promise<ExitCode> => {
      const text = checkpointText(await runAt(reader, seq));
      if (args.export !== undefined) await writeFileAtomic(args.export, text);
      else if (format === undefined || format === "text") {
        for await (const part of text) await io.out(part);
        if (io.stdout.isTerminal) await io.out("\n");
      } else {
        const whole = (await Array.fromAsync(text)).join("");
        await io.out(await encode(format, plainOf(parseJson(whole))));
      }
      return 0;
    });
  },
});
