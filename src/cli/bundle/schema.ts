/** `akc bundle schema`: the JSON schema of a plan, for editors and for checks elsewhere. */
import { planSchemaText } from "../../authoring/tables/plan.ts";
import { command } from "../command.ts";

export const schema = command({
  path: "bundle schema",
  summary: "Print the JSON schema of akc.yaml.",
  notes: [
    "Names that must agree (steps, roles, programs) are not in it: `akc bundle build --check` and `akc plan` look at those.",
  ],
  examples: [
    {
      command: "akc bundle schema > .akc/akc.schema.json",
      says: "For an editor: begin the plan with `# yaml-language-server: $schema=.akc/akc.schema.json`.",
    },
  ],
  exits: [0],
  args: {},
  async run(_args, session) {
    const text = planSchemaText();
    await session.print({ data: JSON.parse(text), text: () => text });
    return 0;
  },
});
