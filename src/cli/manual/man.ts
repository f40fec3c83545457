/** `akc man`: shows a manual page, or writes all of them into a folder. The pages are made from the command table when they are asked for. */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { findExecutable } from "../../system/executable.ts";
import { asDiskError, errnoOf, writeFileAtomic } from "../../system/files.ts";
import { AKC_VERSION } from "../../version.ts";
import { command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { resolveCommand } from "../resolve.ts";
import { valuesOf } from "../strict.ts";
import { tree } from "../tree.ts";
import { allPages, type ManualPage, pageNamed } from "./page.ts";
import { plainOf } from "./plain.ts";
import { roffOf } from "./roff.ts";

export const man = command({
  path: "man",
  summary: "Show a manual page, or write all of them into a folder.",
  notes: [
    "On a terminal the page is opened with `man`, where the host has one; else it is printed as plain text. --roff prints it as troff.",
    "Pages are made from the same table as the help, so they always belong to the akc that writes them; write them again after an update.",
  ],
  examples: [
    { command: "akc man runtime start", says: "The page of one command." },
    { command: "akc man --out ~/.local/share/man/man1", says: "All of them, where `man akc` finds them." },
    { command: "akc man runtime start --roff | man -l -", says: "The same, by hand." },
  ],
  exits: [0, 2],
  args: {
    command: {
      type: "positional",
      required: false,
      repeatable: true,
      valueHint: "COMMAND",
      description: "The command or the group, as it is typed; else akc itself.",
    },
    out: {
      type: "string",
      alias: ["install-to"],
      valueHint: "DIR",
      description: "Write all pages into this folder, which is made where it is missing.",
    },
    roff: { type: "boolean", description: "Print the page as troff." },
  },
  async run(args, session) {
    const words = valuesOf(args.command).flatMap((word) => word.split(" "));
    if (args.out === undefined) return show(session, await pageOf(words), args.roff === true);
    if (words.length > 0 || args.roff === true) {
      throw new AkcError("USAGE", {
        message: "--out writes all pages",
        hint: "Name a command, or a folder for all of them.",
      });
    }
    return writeAll(session, resolve(args.out));
  },
});

/** @throws AkcError USAGE for a command that is not there */
async function pageOf(words: readonly string[]): Promise<ManualPage> {
  const named = words[0] === "akc" ? words.slice(1) : words;
  const page = await pageNamed(tree, named);
  if (page !== undefined) return page;
  // Says what was meant.
  resolveCommand(tree, ["help", ...named]);
  throw new AkcError("USAGE", {
    message: `there is no manual page for "${words.join(" ")}"`,
    hint: "`akc --help` lists the commands.",
  });
}

async function show({ io, print, format }: Session, page: ManualPage, asRoff: boolean): Promise<ExitCode> {
  const roff = roffOf(page, AKC_VERSION);
  if (format !== undefined && format !== "text") {
    await print({ data: { kind: "ManualPage", name: page.name, section: 1, roff }, text: () => roff });
    return 0;
  }
  if (asRoff) {
    await io.out(roff);
    return 0;
  }
  if (io.stdout.isTerminal && (await openedByMan(roff))) return 0;
  await io.out(plainOf(page, io.stdout.columns()));
  return 0;
}

/** Whether the host's own `man` has shown it. */
async function openedByMan(roff: string): Promise<boolean> {
  const place = findExecutable("man");
  if (place.kind !== "found") return false;
  try {
    const child = Bun.spawn([place.real, "-l", "-"], {
      stdin: new TextEncoder().encode(roff),
      stdout: "inherit",
      stderr: "ignore",
    });
    return (await child.exited) === 0;
  } catch {
    return false;
  }
}

/** @throws AkcError USAGE where nothing may be written, DISK_FULL */
async function writeAll({ print }: Session, folder: string): Promise<ExitCode> {
  const pages = await allPages(tree);
  try {
    await mkdir(folder, { recursive: true });
    for (const page of pages) {
      await writeFileAtomic(
        join(folder, `${page.name}.1`),
        new TextEncoder().encode(roffOf(page, AKC_VERSION)),
      );
    }
  } catch (cause) {
    const failure = asDiskError(cause, folder);
    if (failure instanceof AkcError) throw failure;
    throw new AkcError("USAGE", {
      message: "the manual pages cannot be written there",
      hint: "Name a folder that you may write in.",
      details: { path: folder, errno: errnoOf(cause) ?? "unknown" },
      cause,
    });
  }
  const files = pages.map(({ name }) => `${name}.1`);
  await print({
    data: { kind: "ManualPages", folder, files },
    text: () => `${files.length} pages written to ${folder}`,
  });
  return 0;
}
