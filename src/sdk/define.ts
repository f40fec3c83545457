/**
 * A plugin as a value: what it offers, by id. Finds what cannot work when the plugin is loaded, not when it is called;
 * starts nothing and speaks to nobody.
 */
import type { AdapterDefinition } from "./adapter.ts";
import type { Log } from "./call.ts";
import { createDispatch, type Dispatch } from "./dispatch.ts";
import type { AdapterCapability, JsonMap, Offers, ProviderCapability } from "./protocol.ts";
import type { ProviderDefinition } from "./provider.ts";
import type { ValidatorDefinition } from "./validator.ts";

/** `Settings` is what `config` makes of the operator's settings; without `config` they are handed on as they came. */
export interface PluginDefinition<Settings = JsonMap> {
  /** Once, before the first call. To throw is to refuse to start. */
  readonly start?: (host: HostInfo<Settings>) => void | Promise<void>;
  /** Once, when akc has told the plugin to end or has gone. */
  readonly stop?: () => void | Promise<void>;
  readonly adapters?: { readonly [id: string]: AdapterDefinition<Settings> };
  readonly providers?: { readonly [id: string]: ProviderDefinition<Settings> };
  readonly validators?: { readonly [id: string]: ValidatorDefinition<Settings> };
}

export interface PlainDefinition extends PluginDefinition {
  readonly config?: undefined;
}

export interface ConfiguredDefinition<Settings> extends PluginDefinition<Settings> {
  /**
   * Given the operator's settings, which are valid under the manifest's `config`. To throw is to refuse to start.
   * Write it first: the types of what follows come from it.
   */
  readonly config: (settings: JsonMap) => Settings;
}

export interface HostInfo<Settings = JsonMap> {
  readonly settings: Settings;
  /** Absolute path of a folder of the plugin's own: writable, private, emptied at each start. */
  readonly workdir: string;
  /** As the manifest says. */
  readonly plugin: { readonly id: string; readonly version: string };
  readonly akcVersion: string;
  readonly log: Log;
}

const brand = Symbol.for("akc.sdk.Plugin");

/** A plugin as `serve` takes it. */
export interface Plugin {
  readonly [brand]: true;
  readonly offers: Offers;
  /** Makes the settings and starts. @throws whatever `config` or `start` throws */
  open(host: Omit<HostInfo, "settings">, config: JsonMap): Promise<OpenPlugin>;
}

export interface OpenPlugin {
  readonly dispatch: Dispatch;
  stop(): Promise<void>;
}

/**
 * The plugin's entry exports this as default.
 * @throws TypeError that names what is wrong
 */
export function definePlugin(definition: PlainDefinition): Plugin;
export function definePlugin<Settings>(definition: ConfiguredDefinition<Settings>): Plugin;
export function definePlugin<Settings>(definition: PlainDefinition | ConfiguredDefinition<Settings>): Plugin {
  return definition.config === undefined
    ? pluginOf(definition, (settings) => settings)
    : pluginOf(definition, definition.config);
}

/** Whether it was made by `definePlugin`, of this copy of the SDK or another. */
export function isPlugin(value: unknown): value is Plugin {
  return typeof value === "object" && value !== null && brand in value;
}

function pluginOf<Settings>(
  definition: PluginDefinition<Settings>,
  config: (settings: JsonMap) => Settings,
): Plugin {
  mindDefinition(definition);
  return {
    [brand]: true,
    offers: offersOf(definition),
    async open(host, json) {
      const settings = config(json);
      await definition.start?.({ ...host, settings });
      return {
        dispatch: createDispatch(definition, settings),
        stop: async () => definition.stop?.(),
      };
    },
  };
}

function mindDefinition<Settings>({
  adapters = {},
  providers = {},
  validators = {},
}: PluginDefinition<Settings>): void {
  const ids = [adapters, providers, validators].flatMap((offered) => Object.keys(offered));
  if (ids.length === 0) throw new TypeError("definePlugin: no adapter, no provider, no validator");
  for (const [id, adapter] of Object.entries(adapters)) mindAdapter(id, adapter);
  for (const [id, provider] of Object.entries(providers)) {
    needsFunction(`providers.${id}.observe`, provider.observe);
  }
  for (const [id, validator] of Object.entries(validators)) {
    needsFunction(`validators.${id}.validate`, validator.validate);
    if (!Array.isArray(validator.bindingKinds) || validator.bindingKinds.length === 0) {
      throw new TypeError(`definePlugin: validators.${id}.bindingKinds must name one kind at least`);
    }
  }
}

/** What the plugin says of itself when it starts. */
function offersOf<Settings>(definition: PluginDefinition<Settings>): Offers {
  const { adapters, providers, validators } = definition;
  return {
    ...(adapters && {
      adapters: mapped(adapters, (adapter) => ({ capabilities: adapterCapabilitiesOf(adapter) })),
    }),
    ...(providers && {
      providers: mapped(providers, (provider) => ({ capabilities: providerCapabilitiesOf(provider) })),
    }),
    ...(validators && {
      validators: mapped(validators, ({ bindingKinds }) => ({ binding_kinds: bindingKinds })),
    }),
  };
}

function mindAdapter<Settings>(id: string, adapter: AdapterDefinition<Settings>): void {
  needsFunction(`adapters.${id}.execute`, adapter.execute);
  if ((adapter.checkpoint === undefined) !== (adapter.restore === undefined)) {
    throw new TypeError(`definePlugin: adapters.${id} needs both checkpoint and restore, or neither`);
  }
  if (adapter.capabilities?.includes("durable_waits") && adapter.waitSignal === undefined) {
    throw new TypeError(`definePlugin: adapters.${id} says durable_waits and has no waitSignal`);
  }
}

function needsFunction(place: string, value: unknown): void {
  if (typeof value !== "function") throw new TypeError(`definePlugin: ${place} must be a function`);
}

function adapterCapabilitiesOf<Settings>(adapter: AdapterDefinition<Settings>): readonly AdapterCapability[] {
  const has: AdapterCapability[] = [...new Set(adapter.capabilities ?? [])];
  if (adapter.waitSignal !== undefined) has.push("external_signals");
  if (adapter.checkpoint !== undefined) has.push("external_checkpointing");
  if (adapter.recover !== undefined) has.push("recover");
  if (adapter.cancel !== undefined) has.push("cancel");
  return has;
}

function providerCapabilitiesOf<Settings>(
  provider: ProviderDefinition<Settings>,
): readonly ProviderCapability[] {
  const known = ["observe", "apply", "rollback", "delete", "diff", "watch"] as const;
  const has: ProviderCapability[] = known.filter((name) => provider[name] !== undefined);
  return provider.observeAll === undefined ? has : [...has, "observe_all"];
}

function mapped<Value, Made>(
  map: Readonly<Record<string, Value>>,
  make: (value: Value) => Made,
): { readonly [id: string]: Made } {
  return Object.fromEntries(Object.entries(map).map(([id, value]) => [id, make(value)]));
}
