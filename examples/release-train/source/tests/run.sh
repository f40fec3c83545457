#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints one line per test, then how many passed; fails if one did not.
set -u
cd -- "$(dirname -- "$0")" || exit 1
passed=0
failed=0

check() { # name, what should have come, what came
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
    echo "ok      $1"
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
  fi
}

sums() { printf "$1" | sh ../bin/tally | tr -s ' '; }

check 'says its version' "$(cat ../VERSION)" "$(sh ../bin/tally --version)"
check 'adds up a month' "$(cat march.expected)" "$(sh ../bin/tally march.csv)"
check 'keeps the cents' 'tea 0.30' "$(sums 'tea,10\ntea,20\n')"
check 'knows debts' 'loan -5.05' "$(sums 'loan,-505\n')"
check 'skips comments' 'tea 1.00' "$(sums '# drinks\ntea,100\n')"
check 'refuses half a cent' '' "$(sums 'tea,1.5\n' 2>/dev/null)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
