/**
 * All commands by their words, with what a list of them shows. A command's module is loaded when it is called.
 * The imports are literal: the bundler must see each of them.
 */
import type { Command, Example } from "./command.ts";

export interface Leaf {
  readonly kind: "leaf";
  readonly summary: string;
  /** The group that lists of all commands show it with, though it is no word of its path. */
  readonly listedIn?: string;
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
    { command: "akc init", says: "Begin a plan: a commented akc.yaml." },
    { command: "akc plan", says: "What would it do here, and what would be denied?" },
    { command: "akc run", says: "Do it." },
    { command: "akc runtime list", says: "What ran, and how did it end?" },
  ],
  nodes: {
    init: {
      kind: "leaf",
      summary: "Begin a plan: a commented akc.yaml that runs as it stands.",
      listedIn: "bundle",
      load: async () => (await import("./authoring/init.ts")).init,
    },
    plan: {
      kind: "leaf",
      summary: "Show what a plan would do here, and what of it would be denied.",
      listedIn: "bundle",
      load: async () => (await import("./authoring/plan.ts")).plan,
    },
    run: {
      kind: "leaf",
      summary: "Run a plan: build it, check it, start it, and watch it.",
      listedIn: "bundle",
      load: async () => (await import("./authoring/run.ts")).run,
    },
    bundle: {
      kind: "group",
      summary: "From an idea to a bundle",
      nodes: {
        build: {
          kind: "leaf",
          summary: "Compile a plan (akc.yaml) to a bundle.",
          load: async () => (await import("./bundle/build.ts")).build,
        },
        schema: {
          kind: "leaf",
          summary: "Print the JSON schema of akc.yaml.",
          load: async () => (await import("./bundle/schema.ts")).schema,
        },
        explain: {
          kind: "leaf",
          summary: "Say in plain sentences what a plan or a bundle would do, and who may do what.",
          load: async () => (await import("./bundle/explain.ts")).explain,
        },
        diff: {
          kind: "leaf",
          summary: "Say what two plans or bundles do otherwise, and what becomes allowed.",
          load: async () => (await import("./bundle/diff.ts")).diff,
        },
        fmt: {
          kind: "leaf",
          summary: "Bring plans and bundles into their one form.",
          load: async () => (await import("./bundle/fmt.ts")).fmt,
        },
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
        "sign-packet": {
          kind: "leaf",
          summary: "Sign a promotion packet.",
          load: async () => (await import("./bundle/sign-packet.ts")).signPacket,
        },
      },
    },
    runtime: {
      kind: "group",
      summary: "Runs",
      nodes: {
        start: {
          kind: "leaf",
          summary: "Run a bundle.",
          load: async () => (await import("./runtime/start.ts")).start,
        },
        resume: {
          kind: "leaf",
          summary: "Go on with a run that was cut off or stopped, or run a part of it again.",
          load: async () => (await import("./runtime/resume.ts")).resume,
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
        signal: {
          kind: "leaf",
          summary: "Send a run what one of its steps waits for, such as an approval.",
          load: async () => (await import("./runtime/signal.ts")).signal,
        },
        export: {
          kind: "leaf",
          summary: "Write a run as one archive, or take the files out of one.",
          load: async () => (await import("./runtime/export.ts")).exportRun,
        },
        prune: {
          kind: "leaf",
          summary: "Remove old runs with their evidence; never one that is under way.",
          load: async () => (await import("./runtime/prune.ts")).prune,
        },
        reconcile: {
          kind: "leaf",
          summary: "Make what stands what the run's bundle wants, or show the difference.",
          load: async () => (await import("./runtime/reconcile.ts")).reconcile,
        },
        replay: {
          kind: "leaf",
          summary: "Show what happened in a run, and whether its records still say so.",
          load: async () => (await import("./runtime/replay.ts")).replay,
        },
        verify: {
          kind: "leaf",
          summary: "Check that everything kept of a run is what its events say.",
          load: async () => (await import("./runtime/verify.ts")).verify,
        },
        report: {
          kind: "leaf",
          summary:
            "Write a run as one HTML page: graph, time line, decisions, outputs, and whether its history is whole.",
          load: async () => (await import("./runtime/report-page.ts")).report,
        },
        graph: {
          kind: "leaf",
          summary: "Draw the graph of a run with what became of each step.",
          load: async () => (await import("./runtime/graph.ts")).graph,
        },
        checkpoint: {
          kind: "leaf",
          summary: "Print where a run stands, or stood at one of its events.",
          load: async () => (await import("./runtime/checkpoint.ts")).checkpoint,
        },
        stop: {
          kind: "leaf",
          summary: "Stop a run: running actions are cancelled, then it ends `stopped`.",
          load: async () => (await import("./runtime/stop.ts")).stop,
        },
        autopilot: {
          kind: "leaf",
          summary: "Keep scopes as they should be, for as long as it runs.",
          load: async () => (await import("./runtime/autopilot.ts")).autopilot,
        },
      },
    },
    verify: {
      kind: "leaf",
      summary: "Judge a run again by what it left, and say whether its report and its manifest are true.",
      listedIn: "validate",
      load: async () => (await import("./verify.ts")).verify,
    },
    rollout: {
      kind: "group",
      summary: "Rollouts: how what should stand gets there",
      nodes: {
        list: {
          kind: "leaf",
          summary: "List rollouts, newest first, and where they stand.",
          load: async () => (await import("./rollout/list.ts")).list,
        },
        status: {
          kind: "leaf",
          summary: "Show where a rollout stands and why; with --watch, until it ends.",
          load: async () => (await import("./rollout/status.ts")).status,
        },
        pause: {
          kind: "leaf",
          summary: "Hold a rollout where it is.",
          load: async () => (await import("./rollout/words.ts")).pause,
        },
        resume: {
          kind: "leaf",
          summary: "Let a paused rollout go on.",
          load: async () => (await import("./rollout/words.ts")).resume,
        },
        promote: {
          kind: "leaf",
          summary: "Let a rollout go on to its next step, or approve its last one.",
          load: async () => (await import("./rollout/words.ts")).promote,
        },
        abort: {
          kind: "leaf",
          summary: "End a rollout and bring everything back.",
          load: async () => (await import("./rollout/words.ts")).abort,
        },
        retry: {
          kind: "leaf",
          summary: "Begin a rollout anew that failed or was brought back.",
          load: async () => (await import("./rollout/words.ts")).retry,
        },
        undo: {
          kind: "leaf",
          summary: "Bring back what a completed rollout has changed.",
          load: async () => (await import("./rollout/words.ts")).undo,
        },
      },
    },
    lease: {
      kind: "group",
      summary: "Who may write in a run",
      nodes: {
        list: {
          kind: "leaf",
          summary: "List who may write in which run, and whether they are still there.",
          load: async () => (await import("./lease/list.ts")).list,
        },
        show: {
          kind: "leaf",
          summary: "Show who may write in a run, until when, and under which token.",
          load: async () => (await import("./lease/show.ts")).show,
        },
        break: {
          kind: "leaf",
          summary: "Take a run away from its holder.",
          load: async () => (await import("./lease/break.ts")).breakLease,
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
    state: {
      kind: "group",
      summary: "States: what is kept of runs",
      nodes: {
        backup: {
          kind: "leaf",
          summary: "Copy the state of a scope into one file, also while runs go on.",
          load: async () => (await import("./state/backup.ts")).backup,
        },
        restore: {
          kind: "leaf",
          summary: "Put a backup back as the state of its scope.",
          load: async () => (await import("./state/restore.ts")).restore,
        },
        check: {
          kind: "leaf",
          summary: "Look whether states are whole, and how large their runs are.",
          load: async () => (await import("./state/check.ts")).check,
        },
        salvage: {
          kind: "leaf",
          summary: "Save what can still be read of a damaged state into a fresh one.",
          load: async () => (await import("./state/salvage.ts")).salvage,
        },
      },
    },
    validate: {
      kind: "group",
      summary: "Outside evidence: what runs are judged by",
      nodes: {
        bindings: {
          kind: "leaf",
          summary: "Check a registry of validator bindings, and show what each binding needs.",
          load: async () => (await import("./validate/bindings.ts")).bindings,
        },
        run: {
          kind: "leaf",
          summary: "Ask bindings now, without a run, and show what each answers.",
          load: async () => (await import("./validate/run.ts")).run,
        },
        replay: {
          kind: "leaf",
          summary: "Give recorded verdicts again from what was seen then, and say which are the same.",
          load: async () => (await import("./validate/replay.ts")).replay,
        },
        schema: {
          kind: "leaf",
          summary: "Print the JSON schema of a registry of validator bindings.",
          load: async () => (await import("./validate/schema.ts")).schema,
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
          load: async () => (await import("./plugin/switch.ts")).enable,
        },
        disable: {
          kind: "leaf",
          summary: "Switch a plugin off, wherever it is.",
          load: async () => (await import("./plugin/switch.ts")).disable,
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
    autopilot: {
      kind: "group",
      summary: "The autopilot: what it waits for, what it did, and a person's word to it",
      nodes: {
        triggers: {
          kind: "leaf",
          summary: "List what waits to be looked into; with --all, what became of the rest.",
          load: async () => (await import("./autopilot/triggers.ts")).triggers,
        },
        trigger: {
          kind: "leaf",
          summary: "Ask the autopilot to look into a scope.",
          load: async () => (await import("./autopilot/trigger.ts")).trigger,
        },
        history: {
          kind: "leaf",
          summary: "List what was decided and done, and why: attempts, gates, proposals, words.",
          load: async () => (await import("./autopilot/history.ts")).history,
        },
        scoreboard: {
          kind: "leaf",
          summary: "Show how rollouts and repairs went, and how objectives stand.",
          load: async () => (await import("./autopilot/scoreboard.ts")).scoreboard,
        },
        "slo-gate": {
          kind: "leaf",
          summary: "Check the last scoreboards of every scope against targets.",
          load: async () => (await import("./autopilot/slo-gate.ts")).sloGate,
        },
        status: {
          kind: "leaf",
          summary: "Show how scopes stand, who holds them, and what would let them go on.",
          load: async () => (await import("./autopilot/status.ts")).status,
        },
        pause: {
          kind: "leaf",
          summary: "Hold a scope: nothing is begun or gone on with until somebody says `resume`.",
          load: async () => (await import("./autopilot/words.ts")).pause,
        },
        resume: {
          kind: "leaf",
          summary: "Let a paused scope go on.",
          load: async () => (await import("./autopilot/words.ts")).resume,
        },
        ack: {
          kind: "leaf",
          summary: "End an escalation: somebody has looked at it.",
          load: async () => (await import("./autopilot/words.ts")).ack,
        },
        approve: {
          kind: "leaf",
          summary: "Let a proposed rollout or repair be done.",
          load: async () => (await import("./autopilot/words.ts")).approve,
        },
        deny: {
          kind: "leaf",
          summary: "Refuse a proposed bundle: it is not tried again until somebody says `ack`.",
          load: async () => (await import("./autopilot/words.ts")).deny,
        },
        "set-aside": {
          kind: "leaf",
          summary: "Put a scope's damaged memory into a file and let the scope begin anew, on hold.",
          load: async () => (await import("./autopilot/set-aside.ts")).setAside,
        },
      },
    },
    service: {
      kind: "group",
      summary: "The autopilot as a service of systemd",
      nodes: {
        install: {
          kind: "leaf",
          summary: "Make the autopilot a service of systemd, or bring that service up to date.",
          load: async () => (await import("./service/install.ts")).install,
        },
        uninstall: {
          kind: "leaf",
          summary: "Stop the autopilot's service and take its unit away; what it has kept stays.",
          load: async () => (await import("./service/uninstall.ts")).uninstall,
        },
        status: {
          kind: "leaf",
          summary: "Say whether the autopilot's service is installed, enabled, running and up to date.",
          load: async () => (await import("./service/status.ts")).status,
        },
      },
    },
    living: {
      kind: "group",
      summary: "The living loop: what an unattended autopilot needs",
      nodes: {
        doctor: {
          kind: "leaf",
          summary: "Say whether an unattended autopilot has all that it needs here.",
          load: async () => (await import("./living/doctor.ts")).doctor,
        },
      },
    },
    "living-doctor": {
      kind: "leaf",
      summary: "As `living doctor`.",
      listedIn: "living",
      load: async () => (await import("./living/doctor.ts")).livingDoctor,
    },
    completion: {
      kind: "leaf",
      summary: "Print the script that lets a shell complete commands, flags, runs and steps.",
      load: async () => (await import("./completion/completion.ts")).completion,
    },
    man: {
      kind: "leaf",
      summary: "Show a manual page, or write all of them into a folder.",
      load: async () => (await import("./manual/man.ts")).man,
    },
    doctor: {
      kind: "leaf",
      summary: "Look this host over: what of akc works here, what does not, and how to mend it.",
      load: async () => (await import("./doctor.ts")).doctor,
    },
    ui: {
      kind: "leaf",
      summary: "Show runs, rollouts, leases and the autopilot in a browser, live.",
      load: async () => (await import("./ui.ts")).ui,
    },
    version: {
      kind: "leaf",
      summary: "Say which akc this is, and what it is made of.",
      load: async () => (await import("./version.ts")).version,
    },
  },
};
