/** An autopilot as a process of a built binary: its log as it comes, and how it ends. */
import type { Json } from "../e2e/bundle.ts";
import { jsonObject, type Ran } from "../e2e/world.ts";

export type LogLine = Json & { readonly event?: unknown };

export interface AutopilotProcess {
  readonly pid: number;
  /** Of its log so far. */
  readonly lines: readonly LogLine[];
  /** All that it wrote on stderr so far. */
  said(): string;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ran>;
}

export function startAutopilot(
  binary: string,
  flags: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): AutopilotProcess {
  const child = Bun.spawn([binary, "runtime", "autopilot", "-o", "json", ...flags], {
    cwd: options.cwd,
    env: { ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const lines: LogLine[] = [];
  let said = "";
  const reading = (async () => {
    let rest = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      said += text;
      const whole = (rest + text).split("\n");
      rest = whole.pop() ?? "";
      lines.push(...whole.filter((line) => line.startsWith("{")).map(jsonObject));
    }
  })();
  return {
    pid: child.pid,
    lines,
    said: () => said,
    kill: (signal) => child.kill(signal),
    ended: Promise.all([child.exited, new Response(child.stdout).text(), reading]).then(([code, stdout]) => ({
      code,
      stdout,
      stderr: said,
    })),
  };
}
