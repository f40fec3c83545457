/**
 * The three device kinds: Maestro flows, Android through adb, iOS simulators through simctl; each operation with the fields
 * that it has a use for, and no others. Schemas only.
 *
 * Source: spec reconcile §6.2, §6.4.
 */
import * as v from "valibot";
import { limits } from "../../../limits.ts";
import { commonFields, optional } from "./fields.ts";
import { Name, Path, wholeNumber } from "./words.ts";

/** Words of Android reach a shell on the device: nothing in them may mean anything to it. */
const PackageName = v.pipe(
  v.string("must be text"),
  v.regex(
    /^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*){0,31}$/,
    "must be the name of a package, such as com.acme.shop",
  ),
  v.maxLength(256, "must not be longer than 256 characters"),
);

const Permission = v.pipe(
  v.string("must be text"),
  v.regex(
    /^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+){0,31}$/,
    "must be a permission, such as android.permission.CAMERA",
  ),
  v.maxLength(256, "must not be longer than 256 characters"),
);

const Activity = v.pipe(
  v.string("must be text"),
  v.regex(
    /^[A-Za-z][A-Za-z0-9_.]{0,255}\/\.?[A-Za-z][A-Za-z0-9_.$]{0,255}$/,
    "must be package/activity, such as com.acme.shop/.MainActivity",
  ),
);

const BundleId = v.pipe(
  v.string("must be text"),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,254}$/, "must be the identifier of an app, such as com.acme.shop"),
);

/** Of either platform. */
const AppId = v.pipe(
  v.string("must be text"),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/, "must be the identifier of an app, such as com.acme.shop"),
);

const ArtifactName = v.pipe(
  Name,
  v.regex(/^[^/\\]*$/, "must not hold `/` or `\\`"),
  v.regex(/^(?!\.{1,2}$)/, "must not be `.` or `..`"),
  v.maxLength(128, "must not be longer than 128 characters"),
);

const device = { device_id: optional(Name, "Which device, where there are several.") };
const journey = { journey_id: optional(Name, "The journey that it belongs to.") };
const artifact = { artifact_name: optional(ArtifactName, "Name of its file; the operation when absent.") };
const duration = {
  duration_s: optional(
    wholeNumber(1, limits.recordingSecondsMax),
    `Seconds to record, ${limits.recordingSecondsDefault} when absent.`,
  ),
};

export const MaestroFlow = v.strictObject({
  kind: v.literal("maestro_flow"),
  platform: v.pipe(
    v.picklist(["android", "ios"], "must be android or ios"),
    v.description("What the flow runs on."),
  ),
  flow_path: v.pipe(Path, v.description("The flow, below the scope.")),
  journey_id: optional(Name, "What the result calls the journey; the binding's id when absent."),
  ...device,
  app_id: optional(AppId, "The app; the flow sees it as AKC_VALIDATION_APP_ID."),
  ...commonFields,
});

function androidOperation<const Name extends string, const Fields extends v.ObjectEntries>(
  operation: Name,
  fields: Fields,
) {
  return v.strictObject({
    kind: v.literal("android_helper"),
    operation: v.literal(operation),
    ...device,
    ...journey,
    ...fields,
    ...commonFields,
  });
}

function simulatorOperation<const Name extends string, const Fields extends v.ObjectEntries>(
  operation: Name,
  fields: Fields,
) {
  return v.strictObject({
    kind: v.literal("ios_simulator_helper"),
    operation: v.literal(operation),
    ...device,
    ...journey,
    ...fields,
    ...commonFields,
  });
}

const packageName = { package_name: v.pipe(PackageName, v.description("The app.")) };

/** By operation. */
export const androidOperations = {
  install: androidOperation("install", {
    apk_path: v.pipe(Path, v.description("The app, below the scope.")),
  }),
  clear_data: androidOperation("clear_data", packageName),
  grant_permissions: androidOperation("grant_permissions", {
    ...packageName,
    permissions: v.pipe(
      v.array(Permission, "must be a list of permissions"),
      v.minLength(1, "needs at least one"),
      v.maxLength(limits.bindingListItemsMax, `must not have more than ${limits.bindingListItemsMax} items`),
      v.description("e.g. android.permission.CAMERA"),
    ),
  }),
  start_activity: androidOperation("start_activity", {
    activity: v.pipe(Activity, v.description("package/activity")),
  }),
  screenshot: androidOperation("screenshot", artifact),
  screenrecord: androidOperation("screenrecord", { ...artifact, ...duration }),
  logcat_export: androidOperation("logcat_export", artifact),
};

/** By operation. */
export const simulatorOperations = {
  boot: simulatorOperation("boot", {}),
  erase: simulatorOperation("erase", {}),
  install_app: simulatorOperation("install_app", {
    app_path: v.pipe(Path, v.description("The app, below the scope.")),
  }),
  launch_app: simulatorOperation("launch_app", { bundle_id: v.pipe(BundleId, v.description("The app.")) }),
  screenshot: simulatorOperation("screenshot", artifact),
  record_video: simulatorOperation("record_video", { ...artifact, ...duration }),
};

/** Those that leave a file behind. */
export const captures: readonly string[] = ["screenshot", "screenrecord", "logcat_export", "record_video"];
export const recordings: readonly string[] = ["screenrecord", "record_video"];
