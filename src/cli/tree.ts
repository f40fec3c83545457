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
    runtime: {
      kind: "group",
      summary: "Runs",
      nodes: {
        start: {
          kind: "leaf",
          summary: "Run a bundle.",
          load: async () => (await import("./runtime/start.ts")).start,
        },
        status: {
          kind: "leaf",
          summary: "Show how a run stands.",
          load: async () => (await import("./runtime/status.ts")).status,
        },
        events: {
          kind: "leaf",
          summary: "Print what happened in a run; with --follow, as it happens.",
          load: async () => (await import("./runtime/events.ts")).events,
        },
        "coordination-plan": {
          kind: "leaf",
          summary: "Print the order in which a bundle's steps run.",
          load: async () => (await import("./runtime/coordination-plan.ts")).coordinationPlan,
        },
        list: {
          kind: "leaf",
          summary: "List runs, newest first, and how they ended.",
          load: async () => (await import("./runtime/list.ts")).list,
        },
        stop: {
          kind: "leaf",
          summary: "Stop a run: running actions are cancelled, then it ends `stopped`.",
          load: async () => (await import("./runtime/stop.ts")).stop,
        },
      },
    },
    bundle: {
      kind: "group",
      summary: "Bundles",
      nodes: {
        validate: {
          kind: "leaf",
          summary: "Say everything that is wrong with a bundle.",
          load: async () => (await import("./bundle/validate.ts")).validate,
        },
        inspect: {
          kind: "leaf",
          summary: "Show what a bundle would be allowed to do, what would run, and where.",
          load: async () => (await import("./bundle/inspect.ts")).inspect,
        },
        hash: {
          kind: "leaf",
          summary: "Print the fingerprint of a JSON file.",
          load: async () => (await import("./bundle/hash.ts")).hash,
        },
      },
    },
    policy: {
      kind: "group",
      summary: "Policy",
      nodes: {
        explain: {
          kind: "leaf",
          summary: "Say what the policy would answer for an action, and by which rule.",
          load: async () => (await import("./policy/explain.ts")).explain,
        },
      },
    },
    plugin: {
      kind: "group",
      summary: "Plugins",
      nodes: {
        list: {
          kind: "leaf",
          summary: "List the plugins that are found, and whether each may run.",
          load: async () => (await import("./plugin/list.ts")).list,
        },
        inspect: {
          kind: "leaf",
          summary: "Show what a plugin asks for, what it is granted, and how that is enforced here.",
          load: async () => (await import("./plugin/inspect.ts")).inspect,
        },
        install: {
          kind: "leaf",
          summary: "Install a plugin from a folder or a .tar.gz, and lock it.",
          load: async () => (await import("./plugin/install.ts")).install,
        },
        remove: {
          kind: "leaf",
          summary: "Remove a plugin from the directory that it is in.",
          load: async () => (await import("./plugin/remove.ts")).remove,
        },
        enable: {
          kind: "leaf",
          summary: "Switch a plugin on again.",
          load: async () => (await import("./plugin/enable.ts")).enable,
        },
        disable: {
          kind: "leaf",
          summary: "Switch a plugin off, wherever it is.",
          load: async () => (await import("./plugin/disable.ts")).disable,
        },
        lock: {
          kind: "leaf",
          summary: "Accept a plugin as it is now: write its digests into plugins.lock.",
          load: async () => (await import("./plugin/lock.ts")).lock,
        },
        verify: {
          kind: "leaf",
          summary: "Say whether plugins are as they were locked and signed, file by file.",
          load: async () => (await import("./plugin/verify.ts")).verify,
        },
        check: {
          kind: "leaf",
          summary: "Say everything that is wrong with a plugin's folder.",
          load: async () => (await import("./plugin/check.ts")).check,
        },
        keygen: {
          kind: "leaf",
          summary: "Make a key to sign plugins with.",
          load: async () => (await import("./plugin/keygen.ts")).keygen,
        },
        sign: {
          kind: "leaf",
          summary: "Sign a plugin: its manifest, and through digests every file.",
          load: async () => (await import("./plugin/sign.ts")).sign,
        },
        schema: {
          kind: "leaf",
          summary: "Print the JSON schema of plugin.yaml.",
          load: async () => (await import("./plugin/schema.ts")).schema,
        },
        new: {
          kind: "leaf",
          summary: "Begin a plugin: a folder that works, with its test.",
          load: async () => (await import("./plugin/new.ts")).newPlugin,
        },
        dev: {
          kind: "leaf",
          summary: "Run a plugin while you write it: start it again at every change, show its log.",
          load: async () => (await import("./plugin/dev.ts")).dev,
        },
        test: {
          kind: "leaf",
          summary: "Try whether a plugin keeps to the protocol and does what its cases say.",
          load: async () => (await import("./plugin/test.ts")).test,
        },
      },
    },
    version: {
      kind: "leaf",
      summary: "Say which akc this is, and what it is made of.",
      load: async () => (await import("./version.ts")).version,
    },
  },
};
