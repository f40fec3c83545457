/** The flag of every command that looks for plugins, and the environment that it reads. */
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
