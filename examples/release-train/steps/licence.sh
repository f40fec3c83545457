# Every file that people write says its licence in its first three lines; data need not.
count=0
for file in $(find . -type f ! -name VERSION ! -name '*.csv' ! -name '*.expected' | sort); do
  if ! head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0'; then
    echo "$file does not say its licence"
    exit 1
  fi
  count=$((count + 1))
done
echo "ok, $count files"
