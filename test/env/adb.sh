#!/usr/bin/env bash
# A real adb with a server of its own on a port that it picks, and never a device.
#   up | down | env
# env prints: ANDROID_ADB_SERVER_PORT, HOME (where adb keeps its key)
NAME=adb
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# `adb devices` would start another server where this one does not listen yet, and wait for it.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$(cat "$STATE/port")") 2>/dev/null; }
is_up() { pid_of server >/dev/null && listens && HOME=$STATE/home timeout 10 adb -P "$(cat "$STATE/port")" devices >/dev/null 2>&1; }
start() {
  packages adb
  mkdir -p "$STATE/home"
  free_port >"$STATE/port"
  HOME=$STATE/home spawn server adb -P "$(cat "$STATE/port")" nodaemon server
  wait_ready server 20 is_up || true
}
stop() { end server TERM 5; rm -rf "$STATE/home" "$STATE/port"; }
variables() { printf 'export ANDROID_ADB_SERVER_PORT=%s\nexport HOME=%q\n' "$(cat "$STATE/port")" "$STATE/home"; }
summary() { echo "$(adb --version | sed -n 's/^Version //p') on port $(cat "$STATE/port")"; }

verbs "$@"
