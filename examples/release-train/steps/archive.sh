# Lays the role's folders over each other and packs them: the same files always give the same bytes.
mkdir "$TMPDIR/tree"
roots | while IFS= read -r root; do cp -R "$root/." "$TMPDIR/tree"; done
tar --create --file=release.tar --directory="$TMPDIR/tree" --format=ustar --sort=name \
  --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX .
cat release.tar
