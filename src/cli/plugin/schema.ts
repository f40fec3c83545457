/** `akc plugin schema`: the JSON schema of plugin.yaml, for editors and for checks elsewhere. */
import { pluginSchemaText } from "../../plugin-host/manifest-schema.ts";
import { command } from "../command.ts";

export const schema = command({
  path: "plugin schema",
  summary: "Print the JSON schema of plugin.yaml.",
  examples: [
    {
      command: "akc plugin schema > plugin.schema.json",
      says: "For an editor: begin plugin.yaml with `# yaml-language-server: $schema=plugin.schema.json`.",
    },
  ],
  exits: [0],
  args: {},
  async run(_args, session) {
    const text = pluginSchemaText();
    await session.print({ data: JSON.parse(text), text: () => text });
    return 0;
  },
});
