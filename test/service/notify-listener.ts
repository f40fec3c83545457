/** A stand-in for the service manager's end of the notify socket: what akc tells, with who told it. */
import { join } from "node:path";

export interface Datagram {
  readonly pid: number;
  readonly lines: readonly string[];
}

export class NotifyListener {
  readonly datagrams: Datagram[] = [];
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #ready = Promise.withResolvers<void>();
  #woken = Promise.withResolvers<void>();

  private constructor(place: string) {
    this.#child = Bun.spawn(["python3", join(import.meta.dir, "listener.py"), place], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    void this.#read();
  }

  /** @param place a path, or `@name` in the abstract name space */
  static async at(place: string): Promise<NotifyListener> {
    const listener = new NotifyListener(place);
    await listener.#ready.promise;
    return listener;
  }

  /** The first datagram with this line, or one that begins so; those of before count too. */
  async heard(line: string): Promise<Datagram> {
    for (;;) {
      const found = this.datagrams.find(({ lines }) => lines.some((one) => one.startsWith(line)));
      if (found !== undefined) return found;
      await this.#woken.promise;
    }
  }

  /** All lines, in the order in which they were told. */
  lines(): readonly string[] {
    return this.datagrams.flatMap(({ lines }) => lines);
  }

  /** Reads nothing any more, so that its queue fills up. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const chunk of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "listening") this.#ready.resolve();
        else this.datagrams.push(JSON.parse(line));
      }
      this.#woken.resolve();
      this.#woken = Promise.withResolvers<void>();
    }
  }
}
