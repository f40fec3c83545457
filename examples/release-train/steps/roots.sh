# Prints the folders that this step's role may read, one a line. akc names them in a JSON array.
set -eu
roots() {
  printf '%s\n' "$AKC_COORDINATION_READ_ONLY_ROOTS_JSON" | sed 's/^\["//; s/"\]$//; s/","/\n/g'
}

