#!/bin/sh
# Files in a folder as resources: {"content": "text"} is what one should hold. A provider of akc in plain sh, without jq.
# akc writes a message a line, without spaces, `jsonrpc`, `id` and `method` first: that lets a shell read it.
set -uf
offers='{"providers":{"files":{"capabilities":["observe","apply","rollback","delete"]}}}'

# The text under key $1, the first in $line, into $value; fails where there is none. `\n` and the like are for `printf %b`.
text() {
  case $line in *"\"$1\":\""*) rest=${line#*"\"$1\":\""} value= ;; *) return 1 ;; esac
  while :; do
    value=$value${rest%%\"*} rest=${rest#*\"} tail=$value
    while case $tail in *\\\\) ;; *) false ;; esac do tail=${tail%\\\\}; done
    case $tail in *\\) value=${value%\\}\" ;; *) return 0 ;; esac # the quote belongs to the text
  done
}
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
refuse() { printf '{"jsonrpc":"2.0","id":%s,"error":{"code":%s,"message":"%s"}}\n' "$id" "$1" "$2"; }
version() { if [ -f "$path" ]; then sum=$(sha256sum <"$path") && echo "${sum%% *}"; fi; }

handle() {
  text resource_id || { refuse -32602 'params: resource_id is missing'; return; }
  case $value in '' | .* | *[!A-Za-z0-9._-]*) refuse -32602 'the id is no file name'; return ;; esac
  path=$folder/$value note=$folder/.applied/$value
  if [ "$method" != provider/observe ] && text expected_version && [ "$value" != "$(version)" ]; then
    refuse -32002 'somebody else changed it'; return
  fi
  case $method in
    provider/apply | provider/rollback)
      text desired_hash && desired=$value && text content || { refuse -32602 'intent.content is missing'; return; }
      case $value in *\\u*) refuse -32002 'control characters are not kept here'; return ;; esac
      mkdir -p "$folder/.applied" && printf '%b' "$value" >"$path" && echo "$(version) $desired" >"$note" ;;
    provider/delete) rm -f "$path" "$note" ;;
  esac || { refuse -32002 'the folder cannot be written'; return; }
  # Always what stands, never what was told: somebody else may have written the file.
  if [ ! -f "$path" ]; then answer '{"exists":false,"health":"unknown"}'; return; fi
  seen=$(version) applied='' desired=''
  if [ -f "$note" ]; then read -r applied desired <"$note"; fi
  [ "$applied" = "$seen" ] || desired=$seen
  answer "{\"exists\":true,\"health\":\"healthy\",\"version\":\"$seen\",\"observed_hash\":\"$desired\"}"
}

while IFS= read -r line; do
  case $line in '{"jsonrpc":"2.0","id":'[0-9]*) id=${line#*'"id":'} id=${id%%[!0-9]*} ;; *) continue ;; esac
  text method || continue
  method=$value
  case $method in
    initialize)
      case $line in *'"majors":[1'[],]*) ;; *) refuse -32602 'only protocol 1 is spoken here'; continue ;; esac
      text folder && folder=$value plugin=${line#*'"plugin":'}
      answer "{\"protocol\":1,\"plugin\":${plugin%%\}*}},\"features\":[],\"offers\":$offers}" ;;
    ping) answer '{}' ;;
    shutdown) answer '{}'; exit 0 ;;
    provider/observe | provider/apply | provider/rollback | provider/delete) handle ;;
    *) refuse -32601 'there is no such method' ;;
  esac
done
