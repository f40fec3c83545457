/**
 * All commands by their words, with what a list of them shows. A command's module is loaded when it is called.
 * The imports are literal: the bundler must see each of them.
 */
import type { Command, Example } from "./command.ts";

export interface Leaf {
  readonly kind: "leaf";
  readonly summary: string;
  load(): Promise<Command>;
}

export interface Group {
  readonly kind: "group";
  readonly summary: string;
  readonly examples?: readonly Example[];
  readonly nodes: Readonly<Record<string, Leaf | Group>>;
}

export const tree: Group = {
  kind: "group",
  summary: "runs compiled plans on real hosts, with hard bounds and a history that can be proved",
  examples: [
    { command: "akc bundle inspect release.json", says: "What would this bundle be allowed to do?" },
    { command: "akc runtime start --bundle release.json --mode enforce", says: "Run it." },
    { command: "akc runtime list", says: "What ran, and how did it end?" },
  ],
  nodes: {
    version: {
      kind: "leaf",
      summary: "Say which akc this is, and what it is made of.",
      load: async () => (await import("./version.ts")).version,
    },
  },
};
