#!/bin/sh
# Print the stack to install, `current` or `compatible`, and say on standard error which one and why.
#
# Usage: locks/stack.sh [current|compatible]
#
# Without an argument: the newest that this machine can load. The wheels of TFX 1.21's companions need glibc 2.39.
# Exit status: 0, or 2 when the stack asked for does not exist or can't load here.
set -eu

wanted=${1:-}
floor=2.39
systems='Debian 13, Ubuntu 24.04'

fail() {
    echo "$1" >&2
    exit 2
}

case $wanted in
    '' | current | compatible) ;;
    *) fail "STACK=$wanted is not a stack of this project: use current, compatible, or leave it empty." ;;
esac

machine="$(uname -s) on $(uname -m)"
[ "$machine" = 'Linux on x86_64' ] ||
    fail "TFX is published for Linux on x86_64 only, and this is $machine: use such a machine."

glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc //p') || glibc=
[ -n "$glibc" ] ||
    fail "TFX is published for systems with glibc only, and this one has another C library: use such a system, for example Debian or Ubuntu."

# The smaller of the two versions comes first: the floor, where this machine reaches it.
if [ "$(printf '%s\n' "$floor" "$glibc" | sort -V | head -n 1)" = "$floor" ]; then
    newest=current
    reason="glibc here is $glibc, and the current stack needs $floor or newer"
else
    newest=compatible
    reason="glibc here is $glibc, and the current stack needs $floor or newer ($systems)"
fi

if [ "$wanted" = current ] && [ "$newest" != current ]; then
    fail "STACK=current can't load on this machine: $reason. Leave STACK empty to use the compatible stack."
fi

if [ -n "$wanted" ]; then
    echo "Stack: $wanted, as STACK=$wanted asks." >&2
else
    echo "Stack: $newest, the newest that this machine can load: $reason." >&2
fi
echo "${wanted:-$newest}"
