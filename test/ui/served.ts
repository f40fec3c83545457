/** `akc ui` of the built binary as a process of its own, with the link that it printed; and requests to it as no browser makes them. */
import { binary, plainEnv } from "../e2e/akc.ts";

export interface Served {
  /** Opens once. */
  readonly link: string;
  /** `http://127.0.0.1:40123` */
  readonly origin: string;
  /** Below which everything is. */
  readonly base: string;
  /** What it has said on stderr. */
  words(): string;
  /** The link that opens next. */
  nextLink(): Promise<string>;
  /** Lets somebody in who is no browser. Returns the cookie. */
  enter(): Promise<string>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  post(
    path: string,
    form: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
  close(): Promise<number>;
}

export async function serveUi(root: string, ...flags: readonly string[]): Promise<Served> {
  const child = Bun.spawn([binary, "ui", "--outputs-root", root, ...flags], {
    cwd: root,
    env: plainEnv,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let said = "";
  const listening = (async () => {
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) said += chunk;
  })();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let link = "";
  while (!link.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) {
      await listening;
      throw new Error(`akc ui has ended: ${said}`);
    }
    link += value;
  }
  link = link.trim();
  const { origin, pathname } = new URL(link);
  const base = pathname.replace(/open$/, "");
  const fetched = (path: string, init: RequestInit) =>
    fetch(path.startsWith("/") ? origin + path : `${origin}${base}${path}`, {
      redirect: "manual",
      keepalive: false,
      proxy: false,
      ...init,
    });
  const newest = () => said.match(/http:\S+open\?token=\S+/g)?.at(-1) ?? link;
  return {
    link,
    origin,
    base,
    words: () => said,
    async nextLink() {
      for (let tries = 0; tries < 100 && newest() === link; tries += 1) await Bun.sleep(20);
      return newest();
    },
    async enter() {
      const answer = await fetched(new URL(newest()).href.slice(origin.length), {});
      return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    },
    get: (path, headers = {}) => fetched(path, { headers }),
    post: (path, form, headers = {}) =>
      fetched(path, { method: "POST", headers, body: new URLSearchParams(form) }),
    async close() {
      child.kill("SIGTERM");
      const exit = await child.exited;
      await listening;
      return exit;
    },
  };
}

/** Serves for the length of `work`, and ends as it is asked to. */
export async function serving(
  root: string,
  flags: readonly string[],
  work: (ui: Served) => Promise<void>,
): Promise<void> {
  const ui = await serveUi(root, ...flags);
  try {
    await work(ui);
  } catch (cause) {
    await ui.close();
    throw cause;
  }
  const exit = await ui.close();
  if (exit !== 143) throw new Error(`akc ui has ended with ${exit}: ${ui.words()}`);
}
