# No tabs, no blanks at the end of a line, no line that does not fit a terminal of 100 columns.
awk '
  /\t/ { say("has a tab") }
  /[ ]$/ { say("ends with a blank") }
  length($0) > 100 { say("is longer than 100 characters") }
  function say(what) { printf "%s:%d %s\n", FILENAME, FNR, what; bad++ }
  END { if (bad) exit 1; printf "ok, %d lines\n", NR }' $(find . -type f | sort)
