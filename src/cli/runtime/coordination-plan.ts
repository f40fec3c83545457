/**
 * `akc runtime coordination-plan`: the order of a bundle's steps, as JSON to the byte or as a drawing. Runs nothing and
 * judges nothing but the coordination.
 *
 * Source: spec kernel §11.7; spec cli §5.1.
 */
import { loadCoordinationOnly } from "../../bundle/coordination-handoff.ts";
import type { CoordinationPlan } from "../../coordination/model.ts";
import { planJson } from "../../coordination/plan-json.ts";
import { readBundleSource } from "../../run/bundle-files.ts";
import { bundlePath } from "../bundle/bundle-path.ts";
import { command } from "../command.ts";
import { encode } from "../render/output.ts";

/** What a bundle without coordination is drawn as: still a drawing, for whatever reads it. */
const emptyPlan: CoordinationPlan = {
  layers: [],
  stepOrder: [],
  precedence: [],
  loweredPrecedenceSha256: "",
};

const drawings = ["mermaid", "dot", "tree"] as const;

export const coordinationPlan = command({
  path: "runtime coordination-plan",
  summary: "Print the order in which a bundle's steps run.",
  notes: [
    "The JSON is the same to the byte wherever and whenever it is printed, so it can be compared and kept. A bundle without coordination prints `null` for it.",
  ],
  examples: [
    { command: "akc runtime coordination-plan --bundle release.json", says: "Layers, order and precedence." },
    { command: "akc runtime coordination-plan --bundle release.json --format tree", says: "To read it." },
    {
      command: "akc runtime coordination-plan --bundle release.json --format dot | dot -Tsvg >plan.svg",
      says: "To draw it.",
    },
  ],
  exits: [0, 2],
  args: {
    bundle: { type: "string", required: true, valueHint: "FILE", description: "The bundle." },
    format: {
      type: "enum",
      options: ["json", ...drawings],
      valueHint: "FORMAT",
      description: "json (the plan to the byte), mermaid, dot or tree.",
    },
  },
  async run(args, session) {
    const { coordination } = await loadCoordinationOnly(await readBundleSource(bundlePath(args.bundle)));
    const drawing = drawings.find((known) => known === args.format);
    if (drawing !== undefined) {
      const { drawPlan } = await import("../../coordination/draw.ts");
      if (coordination === null)
        session.io.words("the bundle has no coordination; there is nothing to draw\n");
      await session.io.out(drawPlan(coordination?.plan ?? emptyPlan, drawing));
      return 0;
    }
    const json =
      coordination === null
        ? '{\n  "coordination": null\n}\n'
        : planJson(coordination.plan, coordination.sha256);
    await session.io.out(session.format === "yaml" ? await encode("yaml", JSON.parse(json)) : json);
    return 0;
  },
});
