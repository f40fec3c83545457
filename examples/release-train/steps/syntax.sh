# The shell reads every script and awk compiles every program, without running them on anything.
count=0
for file in $(find . -name '*.sh' -o -path './bin/*' -type f | sort); do
  sh -n "$file"
  count=$((count + 1))
done
for file in $(find . -name '*.awk' | sort); do
  awk -f "$file" /dev/null
  count=$((count + 1))
done
echo "ok, $count programs"
