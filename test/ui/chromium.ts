/**
 * A real headless Chromium, driven over the DevTools protocol by a plain WebSocket. Each one has a profile of its own, which is gone with it.
 *
 * Source: https://chromedevtools.github.io/devtools-protocol/
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Answer {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** Undefined where there is none: it is never installed by a test. */
export function chromiumPath(): string | undefined {
  const named = process.env["AKC_CHROMIUM"];
  return (
    named ?? Bun.which("chromium") ?? Bun.which("chromium-browser") ?? Bun.which("google-chrome") ?? undefined
  );
}

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--no-proxy-server",
  "--remote-debugging-port=0",
];

export class Chromium {
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #tabs = new Map<string, Tab>();
  #last = 0;

  private constructor(child: Bun.Subprocess<"ignore", "ignore", "pipe">, folder: string, socket: WebSocket) {
    this.#child = child;
    this.#folder = folder;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#heard(JSON.parse(String(data))));
  }

  static async start(): Promise<Chromium> {
    const program = chromiumPath();
    if (program === undefined) throw new Error("no Chromium");
    const folder = mkdtempSync(join(tmpdir(), "akc-chromium-"));
    const child = Bun.spawn([program, ...flags, `--user-data-dir=${folder}`, "about:blank"], {
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, LANG: "C.UTF-8" },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const socket = new WebSocket(await addressIn(child.stderr));
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    return new Chromium(child, folder, socket);
  }

  /** A tab of a browser context of its own: no cookie is there. */
  async tab(
    options: {
      readonly width?: number;
      readonly height?: number;
      readonly scheme?: "light" | "dark";
      readonly script?: boolean;
    } = {},
  ): Promise<Tab> {
    const { browserContextId } = await this.send("Target.createBrowserContext", {});
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const tab = new Tab(this, String(sessionId));
    this.#tabs.set(String(sessionId), tab);
    await tab.send("Page.enable");
    await tab.send("Runtime.enable");
    await tab.send("Log.enable");
    await tab.send("Network.enable");
    const { width = 1280, height = 900, scheme = "light", script = true } = options;
    await tab.send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await tab.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
    if (!script) await tab.send("Emulation.setScriptExecutionDisabled", { value: true });
    return tab;
  }

  send(
    method: string,
    params: Record<string, unknown>,
    sessionId?: string,
  ): Promise<Record<string, unknown>> {
    this.#last += 1;
    const id = this.#last;
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ error, result }) => {
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
    });
  }

  async close(): Promise<void> {
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#child.exited;
    clearTimeout(late);
    this.#socket.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #heard(answer: Answer): void {
    if (answer.id !== undefined) {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    } else if (answer.sessionId !== undefined && answer.method !== undefined) {
      this.#tabs.get(answer.sessionId)?.heard(answer.method, answer.params ?? {});
    }
  }
}

export class Tab {
  /** Faults of scripts and refusals of the page's policy, as the console says them. */
  readonly complaints: string[] = [];
  /** HTTP status of each document that was loaded. */
  readonly statuses: number[] = [];
  /** Whether a page has opened a dialogue: what was hostile has run. */
  dialogues = 0;
  readonly #browser: Chromium;
  readonly #session: string;
  #loaded: (() => void) | undefined;

  constructor(browser: Chromium, session: string) {
    this.#browser = browser;
    this.#session = session;
  }

  send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    return this.#browser.send(method, params, this.#session);
  }

  /** Opens the address and waits until it is loaded. */
  async open(url: string): Promise<void> {
    const loaded = this.#nextLoad();
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  /** Does what makes the page go elsewhere, and waits until it is there. */
  async leave(work: () => Promise<unknown>): Promise<void> {
    const loaded = this.#nextLoad();
    await work();
    await loaded;
  }

  /** The value of an expression, as JSON has it. */
  async value<T>(expression: string, is: (found: unknown) => found is T): Promise<T> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
      userGesture: true,
    });
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    const found =
      typeof result === "object" && result !== null && "value" in result ? result.value : undefined;
    if (is(found)) return found;
    throw new Error(`${expression} is ${JSON.stringify(found)}`);
  }

  text(expression: string): Promise<string> {
    return this.value(expression, (found) => typeof found === "string");
  }

  number(expression: string): Promise<number> {
    return this.value(expression, (found) => typeof found === "number");
  }

  isTrue(expression: string): Promise<boolean> {
    return this.value(`Boolean(${expression})`, (found) => typeof found === "boolean");
  }

  /** Waits until the expression holds. */
  async until(expression: string, patienceMs = 20_000): Promise<void> {
    const end = performance.now() + patienceMs;
    while (performance.now() < end) {
      if (await this.isTrue(expression).catch(() => false)) return;
      await Bun.sleep(50);
    }
    throw new Error(`never: ${expression}\n${await this.text("document.body.innerText")}`);
  }

  /** What the page shows, also of a tab in which no script runs. */
  async shown(): Promise<string> {
    const { root } = await this.send("DOM.getDocument", { depth: 0 });
    const nodeId = typeof root === "object" && root !== null && "nodeId" in root ? root.nodeId : 0;
    const { outerHTML } = await this.send("DOM.getOuterHTML", { nodeId });
    return String(outerHTML);
  }

  async press(key: string, code = key, more: Record<string, unknown> = {}): Promise<void> {
    const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
    const keyCode = { Tab: 9, Enter: 13 }[key];
    const about = { key, code, windowsVirtualKeyCode: keyCode, text, ...more };
    await this.send("Input.dispatchKeyEvent", {
      type: text === undefined ? "rawKeyDown" : "keyDown",
      ...about,
    });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...about });
  }

  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  async picture(path: string, isWhole = false): Promise<void> {
    const { data } = await this.send("Page.captureScreenshot", {
      format: "png",
      captureBeyondViewport: isWhole,
    });
    await Bun.write(path, Buffer.from(String(data), "base64"));
  }

  heard(method: string, params: Record<string, unknown>): void {
    if (method === "Page.loadEventFired") this.#loaded?.();
    if (method === "Page.javascriptDialogOpening") {
      this.dialogues += 1;
      void this.send("Page.handleJavaScriptDialog", { accept: false });
    }
    if (method === "Runtime.exceptionThrown" || method === "Log.entryAdded") {
      const said = JSON.stringify(params);
      // A status that is no success is told as a fault of the network; tests ask for it themselves.
      if (!said.includes('"source":"network"')) this.complaints.push(said);
    }
    if (method === "Network.responseReceived" && params["type"] === "Document") {
      const { response } = params;
      if (typeof response === "object" && response !== null && "status" in response) {
        this.statuses.push(Number(response.status));
      }
    }
  }

  #nextLoad(): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("the page was never loaded")), 30_000);
      this.#loaded = () => {
        clearTimeout(late);
        this.#loaded = undefined;
        resolve();
      };
    });
  }
}

/** Where it listens, which it says on stderr. */
async function addressIn(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stderr) {
    text += decoder.decode(chunk, { stream: true });
    const [, address] = /DevTools listening on (ws:\S+)/.exec(text) ?? [];
    if (address !== undefined) return address;
  }
  throw new Error(`Chromium does not start: ${text}`);
}
