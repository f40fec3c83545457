/** What the commands about plugins are told: which plugin, where to look for it, and the environment that they read. */

/** Names the one plugin that a command is about. */
export const pluginId = {
  id: { type: "positional", required: true, valueHint: "ID", description: "The plugin, e.g. acme/scanner." },
} as const;

/** The flag of every command that looks for plugins. */
export const pluginArgs = {
  pluginsDir: {
    type: "string",
    repeatable: true,
    valueHint: "DIR",
    description: "Look for plugins here first. May be given several times.",
  },
} as const;

export const pluginEnvironment = {
  AKC_PLUGINS_DIR: "Directories to look for plugins in after --plugins-dir, with colons between them.",
  XDG_CONFIG_HOME: "Where a user's own plugins are: akc/plugins below it, else below ~/.config.",
} as const;
