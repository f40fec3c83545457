# SPDX-License-Identifier: Apache-2.0
# Whole cents in, amounts with two digits out.
BEGIN { FS = "," }
/^#/ || NF == 0 { next }
NF != 2 || $2 !~ /^-?[0-9]+$/ {
  printf "%s:%d: want account,cents\n", FILENAME, FNR >"/dev/stderr"
  bad = 1
  next
}
{ amount[$1] += int($2 / 100) }
END {
  if (bad) exit 1
  for (account in amount) printf "%-12s %9.2f\n", account, amount[account]
}
