/**
 * `akc runtime report`: a run as one HTML file that anybody can open, with its graph, time line, tables and whether its history is
 * whole. The file is written whole or not at all; the run is only read.
 */
import { resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { reportPage } from "../../picture/html/report.ts";
import { writeFileAtomic } from "../../system/files.ts";
import { AKC_VERSION } from "../../version.ts";
import { command } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { formats } from "../render/output.ts";
import { byteSize } from "../render/size.ts";
import { counted, printable } from "../render/text.ts";
import { locatingEnvironment } from "./locate.ts";
import { withPicture } from "./pictured.ts";
import { shownRunArgs } from "./read-run.ts";

export const report = command({
  path: "runtime report",
  summary:
    "Write a run as one HTML page: graph, time line, decisions, outputs, and whether its history is whole.",
  notes: [
    "The page is one file. It loads nothing from anywhere, and its tables are readable without script. What stands where secrets stand is taken out; give it away as carefully as the run all the same.",
    "Of a run that goes on, the page shows what had happened when it was made.",
  ],
  examples: [
    { command: "akc runtime report 0193f2c1", says: "Into <run id>.html of this folder." },
    { command: "akc runtime report --runtime-run-id 0193f2c1 -o report.html", says: "Into this file." },
    {
      command: "akc runtime report --archive release.akcrun --out -",
      says: "Of a run in an archive, to stdout.",
    },
  ],
  exits: [0, 1, 2],
  environment: locatingEnvironment,
  args: {
    ...shownRunArgs,
    out: {
      type: "string",
      valueHint: "FILE",
      description: "The page to write; - is stdout. Without it, <run id>.html in the working directory.",
    },
    // With it, the common flag takes a file too.
    output: {
      type: "enum",
      alias: ["o"],
      valueHint: "FILE.html|FORMAT",
      description: "The page to write, or how to print what was written: text, json or yaml.",
    },
    verify: {
      type: "boolean",
      default: true,
      description: "Check the history and say in the page whether it is whole.",
      negativeDescription: "Leave the check out.",
    },
  },
  async run(args, { io, print }) {
    const file = fileOf(args.out, args.output);
    return withPicture(io, args, { verify: args.verify !== false }, async (picture): Promise<ExitCode> => {
      const { runtimeRunId } = picture.run;
      const page = reportPage(picture, `akc ${AKC_VERSION}`);
      const isWhole = picture.verification?.isWhole;
      if (isWhole === false)
        io.words(`warning: what is kept of the run is not what its events say; the page names it\n`);
      const exit = isWhole === false ? 1 : 0;
      if (file === "-") {
        await io.out(page);
        return exit;
      }
      const path = resolve(file ?? `${runtimeRunId}.html`);
      const bytes = new TextEncoder().encode(page);
      await writeFileAtomic(path, bytes);
      await print({
        data: {
          kind: "RunPage",
          runtime_run_id: runtimeRunId,
          path,
          size_bytes: bytes.length,
          steps: picture.steps.length,
          events: picture.lastSeq,
          verdict: isWhole === undefined ? null : isWhole ? "verified" : "diverged",
        },
        text: () =>
          `${printable(path)}  ${byteSize(bytes.length)}, ${counted(picture.steps.length, "step")}${isWhole === undefined ? "" : isWhole ? ", verified" : ", diverged"}`,
      });
      return exit;
    });
  },
});

/** @throws AkcError USAGE for a word that is neither a format nor a page */
function fileOf(out: string | undefined, output: string | undefined): string | undefined {
  const asFile = output === undefined || formats.some((known) => known === output) ? undefined : output;
  if (asFile !== undefined && asFile !== "-" && !/\.html?$/i.test(asFile)) {
    throw new AkcError("USAGE", {
      message: `-o cannot be "${asFile}"`,
      hint: `It is a file that ends with .html, or one of ${formats.join(", ")}. --out takes any name.`,
    });
  }
  if (asFile !== undefined && out !== undefined) {
    throw new AkcError("USAGE", { message: "-o and --out both name a file", hint: "Give one of them." });
  }
  return out ?? asFile;
}
