# The sources test themselves, unpacked as a user would have them.
sh tests/run.sh </dev/null
