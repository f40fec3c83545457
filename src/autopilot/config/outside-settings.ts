/**
 * What the controller shows and takes from outside: the address that it listens at, the webhook, collectors and mirrors. Secrets are
 * named by their place and never read here.
 *
 * Source: spec cli §13, §15.5; cli:W-36.
 */
import { resolve } from "node:path";
import * as v from "valibot";
import type { Layers } from "./layers.ts";
import type { Listen, TelemetryConfig, WebhookConfig } from "./model.ts";
import { secretOf } from "./recompile-settings.ts";
import type { AutopilotFile } from "./schema.ts";
import { secretVariable } from "./secret.ts";
import { ListText, pathText, SwitchText, secondsText } from "./texts.ts";
import { LoopbackAddress, lengthText, Url } from "./words.ts";

export interface OutsideGround {
  readonly cwd: string;
  inFile(path: string): string;
  credential(name: string): string;
}

const socketMode = 0o660;

export function listenSettings(
  layers: Layers<AutopilotFile>,
  { cwd, inFile }: OutsideGround,
): Listen | undefined {
  const unix = v.pipe(
    v.string(),
    v.regex(/^unix:.+$/),
    v.transform((text): Listen => ({ kind: "unix", path: resolve(cwd, text.slice(5)), mode: socketMode })),
  );
  const tcp = v.pipe(
    LoopbackAddress,
    v.transform((address): Listen => ({ kind: "tcp", ...address })),
  );
  return layers.maybe<Listen>("listen", {
    text: v.union([unix, tcp], "must be unix:PATH, or a loopback address and a port, such as 127.0.0.1:9464"),
    of: ({ listen }) => {
      if (listen?.unix !== undefined) {
        return { kind: "unix", path: inFile(listen.unix), mode: listen.permissions ?? socketMode };
      }
      return listen?.tcp === undefined ? undefined : { kind: "tcp", ...listen.tcp };
    },
    show: (listen) =>
      listen.kind === "unix"
        ? { unix: listen.path, permissions: `0${listen.mode.toString(8)}` }
        : { tcp: `${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${listen.port}` },
  });
}

/** @param listens whether there is an address that deliveries could come to */
export function webhookSettings(
  layers: Layers<AutopilotFile>,
  ground: OutsideGround & { readonly outputsRoot: string; readonly listens: boolean },
): WebhookConfig | undefined {
  const secretFile = layers.maybe("webhook.secret", {
    // Only that it is there: its text goes nowhere.
    text: v.pipe(
      v.string(),
      v.transform(() => secretVariable),
    ),
    of: ({ webhook }) => secretOf(webhook?.secret_file, webhook?.credential, ground),
  });
  if (secretFile === secretVariable) {
    layers.note(
      "AKC_LIVING_WEBHOOK_SECRET is deprecated: whoever can read the environment of the process has it. Put the secret into a file, name it as webhook.secret_file, or as webhook.credential under systemd",
    );
  }
  const wanted = layers.placeOf("webhook", { of: ({ webhook }) => webhook });
  if (wanted !== undefined && secretFile === undefined) {
    layers.fault(
      wanted.name,
      "`webhook` needs secret_file or credential: without a signature anybody could deliver",
    );
  }
  if (wanted !== undefined && !ground.listens) {
    layers.fault(wanted.name, "`webhook` needs `listen`: there is no address to deliver to");
  }
  if (secretFile === undefined || (wanted === undefined && !ground.listens)) return undefined;
  const tenants = layers.value(
    "webhook.tenants",
    { text: ListText, of: ({ webhook }) => webhook?.tenants },
    { value: ["*"] },
  );
  return {
    secretFile,
    tenants: tenants.includes("*") ? "*" : tenants,
    outputsRoots: layers.value(
      "webhook.outputs_roots",
      {
        text: v.pipe(
          ListText,
          v.transform((roots): readonly string[] => roots.map((root) => resolve(ground.cwd, root))),
        ),
        of: ({ webhook }) => webhook?.outputs_roots?.map(ground.inFile),
      },
      { value: [ground.outputsRoot] },
    ),
    toleranceMs: layers.value(
      "webhook.tolerance",
      { of: ({ webhook }) => webhook?.tolerance, show: lengthText },
      { value: 5 * 60_000 },
    ),
    allowUnstamped: layers.value(
      "webhook.allow_unstamped",
      { of: ({ webhook }) => webhook?.allow_unstamped },
      { value: false },
    ),
  };
}

export function telemetrySettings(layers: Layers<AutopilotFile>, ground: OutsideGround): TelemetryConfig {
  const endpoint = layers.maybe("telemetry.otlp.endpoint", {
    of: ({ telemetry }) => telemetry?.otlp?.endpoint,
  });
  return {
    ...(endpoint === undefined ? {} : { otlp: otlp(layers, ground, endpoint) }),
    mirrors: mirrors(layers, ground),
  };
}

function otlp(
  layers: Layers<AutopilotFile>,
  ground: OutsideGround,
  endpoint: string,
): TelemetryConfig["otlp"] {
  return {
    endpoint,
    headersFile: layers.maybe("telemetry.otlp.headers_file", {
      of: ({ telemetry }) =>
        secretOf(telemetry?.otlp?.headers_file, telemetry?.otlp?.headers_credential, ground),
    }),
    intervalMs: layers.value(
      "telemetry.otlp.interval",
      { of: ({ telemetry }) => telemetry?.otlp?.interval, show: lengthText },
      { value: 15_000 },
    ),
    caFile: layers.maybe("telemetry.otlp.ca_file", {
      of: ({ telemetry }) =>
        telemetry?.otlp?.ca_file === undefined ? undefined : ground.inFile(telemetry.otlp.ca_file),
    }),
  };
}

const mirrorTimeoutMs = 10_000;

function mirrors(layers: Layers<AutopilotFile>, { cwd, inFile }: OutsideGround): TelemetryConfig["mirrors"] {
  return {
    stdout: layers.value(
      "telemetry.mirrors.stdout",
      { text: SwitchText, of: ({ telemetry }) => telemetry?.mirrors?.stdout },
      { value: false },
    ),
    httpUrl: layers.maybe("telemetry.mirrors.http_url", {
      text: Url,
      of: ({ telemetry }) => telemetry?.mirrors?.http_url,
    }),
    httpTimeoutMs: layers.value(
      "telemetry.mirrors.http_timeout",
      {
        text: v.fallback(secondsText(100, 600_000), mirrorTimeoutMs),
        of: ({ telemetry }) => telemetry?.mirrors?.http_timeout,
        show: lengthText,
      },
      { value: mirrorTimeoutMs },
    ),
    file: layers.maybe("telemetry.mirrors.file", {
      text: pathText(cwd),
      of: ({ telemetry }) =>
        telemetry?.mirrors?.file === undefined ? undefined : inFile(telemetry.mirrors.file),
    }),
  };
}
