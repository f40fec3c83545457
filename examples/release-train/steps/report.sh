# One page out of what six steps found out.
set -eu
cd "$AKC_HANDOFF_DIR"
number=$(sed -n 's/.*"number":\([0-9]*\).*/\1/p' register)
[ -n "$number" ] || { echo 'the registry gave no number' >&2; exit 1; }
cat <<END
release   $NAME $VERSION
number    $number
sha256    $(cut -c1-64 checksum)
bytes     $(wc -c <archive | tr -d ' ')
built on  $(cat host)

checks
$(cat checks)

contents
$(sed 's/^/  /' contents)
END
