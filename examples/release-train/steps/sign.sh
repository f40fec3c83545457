# The report and, as its last line, the signature over all lines before it.
{
  cat "$AKC_HANDOFF_DIR/report"
  echo
  echo "signed    hmac-sha256 $(hmac "$AKC_HANDOFF_DIR/report")"
} >"$TMPDIR/report"
mv "$TMPDIR/report" release-report.txt
cat release-report.txt
