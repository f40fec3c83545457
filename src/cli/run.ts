/**
 * From an argv to an exit code: find the command, run it, print what it throws. The only place that catches everything.
 * Never lets a promise go unwatched, and never leaves before both streams are written.
 */
import type { ExitCode } from "./exit-codes.ts";
import { type Io, processIo, ReaderGone } from "./io.ts";
import { asAkcError, printError } from "./render/error.ts";
import { type Format, formats } from "./render/output.ts";
import { resolveCommand } from "./resolve.ts";
import { refuseSteeredRuntime } from "./runtime-environment.ts";
import { tree } from "./tree.ts";

/** Runs one command line in this process and ends the process. */
export async function runCli(argv: readonly string[]): Promise<never> {
  const io = processIo(process.env, { color: !argv.includes("--no-color") });
  const last = (thrown: unknown) => void fail(io, argv, thrown).then(leave);
  process.on("uncaughtException", last);
  process.on("unhandledRejection", last);
  return leave(await execute(argv, io));
}

/** Without touching the process, for tests and for embedding. */
export async function execute(argv: readonly string[], io: Io): Promise<number> {
  try {
    refuseSteeredRuntime(io.env);
    return await call(argv, io);
  } catch (thrown) {
    return fail(io, argv, thrown);
  }
}

async function call(argv: readonly string[], io: Io): Promise<ExitCode> {
  const called = resolveCommand(tree, argv);
  switch (called.kind) {
    case "version": {
      const { AKC_VERSION } = await import("../version.ts");
      await io.out(`${AKC_VERSION}\n`);
      return 0;
    }
    case "help": {
      const { commandHelp, groupHelp } = await import("./help.ts");
      const { node, path } = called;
      const text =
        node.kind === "group" ? groupHelp(node, path, io.stdout) : commandHelp(await node.load(), io.stdout);
      await io.out(text);
      return 0;
    }
    case "run":
      return (await called.leaf.load()).execute(called.argv, io);
  }
}

async function fail(io: Io, argv: readonly string[], thrown: unknown): Promise<number> {
  if (thrown instanceof ReaderGone) return 0;
  try {
    const verbose = argv.includes("--verbose") || (io.env["AKC_DEBUG"] ?? "") !== "";
    await printError(io, thrown, { format: formatAskedFor(argv), verbose });
  } catch (second) {
    if (second instanceof ReaderGone) return 0;
    io.words(`error: ${asAkcError(second).message}\n`);
  }
  return asAkcError(thrown).exitCode;
}

/** The format for errors, also of a command line that could not be read to its end. */
function formatAskedFor(argv: readonly string[]): Format {
  for (const [index, word] of argv.entries()) {
    if (word === "--") break;
    const [, attached] = /^(?:--output=|--format=|-o=?)(.+)$/.exec(word) ?? [];
    const value = attached ?? (["-o", "--output", "--format"].includes(word) ? argv[index + 1] : undefined);
    const format = formats.find((known) => known === value);
    if (format !== undefined) return format;
  }
  return "text";
}

/** Ends the process once both streams are written: a handle that something forgot must not keep it alive. */
async function leave(exitCode: number): Promise<never> {
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(exitCode);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => stream.write("", () => resolve()));
}
