#!/bin/sh
# Every plugin that was built exports one symbol and needs none beyond the C
# library, libcrypto, and what a plugin is built on; the loader takes it.
set -u
cd "$top_builddir" || exit 99
echo "# nm -D, readelf -d, ldd -r over the plugins of $top_builddir"
n=0
say() { n=$((n + 1)); echo "$1 $n - $2"; }
sanitized=no
for la in $plugins; do
    so=.libs/${la%.la}.so
    [ -e "$so" ] || continue
    nm -D --undefined-only "$so" | grep -qE '__(asan|ubsan|sanitizer)' && sanitized=yes
    name=${so##*/}
    exported=$(nm -D --defined-only "$so" | awk '$2 ~ /[A-Z]/ && $3 !~ /^__(asan|odr_asan|ubsan|sancov|start___|stop___)/ { print $3 }')
    if [ "$exported" = adit_plugin_1 ]; then
        say ok "$name exports adit_plugin_1 alone"
    else
        say "not ok" "$name exports: $(echo $exported)"
    fi
    case $name in
    auth-radius.so) also='|libradcli\.so|libssl\.so' ;;
    history-sqlite.so) also='|libsqlite3\.so' ;;
    *) also= ;;
    esac
    needed=$(readelf -d "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
             grep -vE "^(libc\.so|libm\.so|ld-linux|libcrypto\.so|libgcc_s\.so|libasan|libubsan$also)")
    if [ -z "$needed" ]; then
        say ok "$name needs no library that it may not"
    else
        say "not ok" "$name needs: $(echo $needed)"
    fi
    if [ "$sanitized" = yes ]; then
        say ok "$name has no undefined symbol # SKIP sanitizers leave theirs to the program"
    else
        undefined=$(ldd -r "$so" 2>&1 | sed -n 's/.*undefined symbol: *\([^ \t]*\).*/\1/p')
        if [ -z "$undefined" ]; then
            say ok "$name has no undefined symbol"
        else
            say "not ok" "$name does not find: $(echo $undefined)"
        fi
    fi
done
# the loader takes each of them, and all of them together
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for la in $plugins; do
    so=.libs/${la%.la}.so
    [ -e "$so" ] && install -m 755 "$so" "$tmp/"
done
if [ -n "$(ls "$tmp")" ]; then
    if ./plugload "$tmp"/*.so > "$tmp/log" 2>&1; then
        say ok "the loader takes all of them"
    else
        say "not ok" "the loader takes all of them"
    fi
    sed 's/^/# /' "$tmp/log"
fi
if [ $n = 0 ]; then
    say ok "plugins # SKIP none was built"
fi
echo "1..$n"
