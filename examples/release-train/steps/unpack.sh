# Every check looks at what was archived, not at the tree: the bytes come by their hash. $TMPDIR is this attempt's own.
set -eu
mkdir "$TMPDIR/tree"
tar --extract --file="$AKC_HANDOFF_DIR/archive" --directory="$TMPDIR/tree"
cd "$TMPDIR/tree"

