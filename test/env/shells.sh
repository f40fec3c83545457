#!/usr/bin/env bash
# Shells and the checker of manual pages that a bare host lacks: zsh, fish, mandoc.
#   up NAME… | down | env
NAME=shells
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

is_up() { command -v zsh >/dev/null && command -v fish >/dev/null && command -v mandoc >/dev/null; }
start() { packages zsh fish mandoc; }
stop() { :; }
variables() { :; }
summary() { echo "zsh, fish, mandoc"; }

verbs "$@"
