/** Every environment variable that some command reads, from the command table. Loads all commands: for those who list, not for those who run. */
import { type Group, type Leaf, tree } from "./tree.ts";

/** By name, with what it does; the first command that tells of one counts. */
export async function variablesOf(root: Group = tree): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const visit = async (node: Group | Leaf): Promise<void> => {
    if (node.kind === "group") {
      for (const next of Object.values(node.nodes)) await visit(next);
      return;
    }
    const { environment = {} } = await node.load();
    for (const [name, says] of Object.entries(environment)) if (!found.has(name)) found.set(name, says);
  };
  await visit(root);
  return found;
}
