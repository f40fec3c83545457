/** A copy of examples/validation with its server running, for commands of the documentation that are run as they stand there. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { binary, root, shell } from "../e2e/akc.ts";

export interface Told {
  readonly line: string;
  readonly printed: string;
  readonly exit: number;
}

/** The blocks of a language, in their order. */
export function blocksOf(page: string, language: string): readonly string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    ([, text]) => text ?? "",
  );
}

export class Shop {
  readonly #folder: string;
  readonly #server: Bun.Server<undefined>;

  private constructor(folder: string, server: Bun.Server<undefined>) {
    this.#folder = folder;
    this.#server = server;
  }

  /** On another port than the example's: that one may be somebody's. */
  static async open(): Promise<Shop> {
    const folder = await mkdtemp(join(tmpdir(), "akc-docs-shop-"));
    await cp(join(root, "examples/validation"), folder, { recursive: true });
    const health = await Bun.file(join(folder, "shop.json")).text();
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(health) });
    const bindings = join(folder, "shop.bindings.yaml");
    const text = await Bun.file(bindings).text();
    await Bun.write(bindings, text.replaceAll("8765", String(server.port)));
    return new Shop(folder, server);
  }

  /** Line by line in one shell. */
  async run(commands: string): Promise<readonly Told[]> {
    const lines = commands.split("\n").filter((line) => line !== "");
    const marked = lines.map((line) => `${line}\necho "exit $?"\n`).join("");
    const start = `export PATH=${dirname(binary)}:$PATH AKC_OUTPUTS_ROOT="$PWD/out"\n`;
    const { stdout } = await shell(`${start}${marked}`, { cwd: this.#folder });
    const parts = stdout.split(/^exit (\d+)\n/m);
    return lines.map((line, index) => ({
      line,
      printed: parts[2 * index] ?? "",
      exit: Number(parts[2 * index + 1]),
    }));
  }

  async close(): Promise<void> {
    await this.#server.stop(true);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
