# The last line of every check, under its name. This step starts only when all of them have passed.
set -eu
cd "$AKC_HANDOFF_DIR"
for check in *; do printf '  %-8s  %s\n' "$check" "$(tail -n 1 "$check")"; done
