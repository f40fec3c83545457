# HMAC-SHA256 (RFC 2104) out of nothing but sha256sum. The key is a file of 64 hexadecimal digits in the one folder that
# the releaser may read and no other role can open.
key=$(cat "$(roots)/release.key")

# The key, filled up to a block of 64 bytes, every byte mixed with $1.
block() {
  rest=$key$(printf '%064d' 0)
  while [ -n "$rest" ]; do
    byte=${rest%"${rest#??}"}
    rest=${rest#??}
    printf "\\$(printf '%03o' $((0x$byte ^ $1)))"
  done
}

# From hexadecimal digits to bytes.
bytes() {
  fold -w 2 | while read -r byte; do printf "\\$(printf '%03o' "0x$byte")"; done
}

# Of a file, as hexadecimal digits.
hmac() {
  inner=$({ block 0x36; cat "$1"; } | sha256sum | cut -c1-64)
  { block 0x5c; echo "$inner" | bytes; } | sha256sum | cut -c1-64
}

