/**
 * The door: the command line in, an exit code out. Answers `--version` before anything else is loaded.
 * Never decides anything about a run, and never lets an error leave without going through the one printer.
 */
import { AKC_VERSION } from "./version.ts";

const argv = process.argv.slice(2);
// The shortest way out: scripts ask for the version often, and loading streams alone takes longer than all of this.
if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
  console.log(AKC_VERSION);
} else if (argv[0] === "__complete") {
  // Asked at every press of a key, by a shell in the middle of a line: nothing may be said there but words to go on with.
  const { completeCli } = await import("./cli/completion/complete.ts");
  await completeCli(argv.slice(1));
} else {
  const { runCli } = await import("./cli/run.ts");
  process.exitCode = await runCli(argv);
}
