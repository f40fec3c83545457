#!/usr/bin/env bash
# libfaketime: a wall clock that a test sets, for one process and those that it hands its environment to. The machine's stays as it is.
#   up | down | env
# env prints: LD_PRELOAD
NAME=faketime
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

library() { dpkg-query --listfiles libfaketime 2>/dev/null | grep -m 1 '/libfaketimeMT\.so'; }
is_up() { [ -e "$(library)" ]; }
start() { packages libfaketime; }
stop() { :; }
variables() { printf 'export LD_PRELOAD=%q\n' "$(library)"; }
summary() { dpkg-query --show libfaketime; }

verbs "$@"
