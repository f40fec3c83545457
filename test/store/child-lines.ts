/** Talks to a child in lines: one order a line to it, one answer a line back. */

export interface LineChild {
  send(line: string): Promise<void>;
  answer(): Promise<string>;
  kill(): Promise<void>;
  end(): Promise<void>;
}

/** @param script path of a TypeScript file. */
export function lineChild(script: string, ...args: string[]): LineChild {
  const child = Bun.spawn([process.execPath, script, ...args], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = linesOf(child.stdout);
  return {
    async send(line) {
      child.stdin.write(`${line}\n`);
      await child.stdin.flush();
    },
    answer: async () => String((await lines.next()).value),
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
    async end() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n")) {
      yield text.slice(0, at);
      text = text.slice(at + 1);
    }
  }
}
