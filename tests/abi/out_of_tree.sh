#!/bin/sh
# sdk/examples/auth-hello, copied elsewhere, builds against the installed SDK
# with pkg-config alone, is installed, and is loaded by the daemon's loader.
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL
n=0
say() { n=$((n + 1)); echo "$1 $n - $2"; }
done_() { echo "1..$n"; exit 0; }
pkg_config=${PKG_CONFIG:-pkg-config}
if ! command -v "$pkg_config" > /dev/null; then
    echo "1..0 # SKIP pkg-config is not installed"
    exit 0
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
umask 022
if make -C "$top_builddir" install-aditincludeHEADERS install-pkgconfigDATA DESTDIR="$tmp/root" \
    > "$tmp/log" 2>&1; then
    say ok "the SDK is installed"
else
    sed 's/^/# /' "$tmp/log"
    say "not ok" "the SDK is installed"
    done_
fi
PKG_CONFIG_PATH=$(dirname "$(find "$tmp/root" -name adit.pc)")
PKG_CONFIG_SYSROOT_DIR=$tmp/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
mkdir "$tmp/src"
cp "$top_srcdir"/sdk/examples/auth-hello/auth-hello.c "$top_srcdir"/sdk/examples/auth-hello/Makefile \
    "$tmp/src/"
if make -C "$tmp/src" CC="$CC" CFLAGS="-O2 -Wall -Wextra -Werror" > "$tmp/log" 2>&1; then
    say ok "auth-hello builds out of tree, without a warning"
else
    sed 's/^/# /' "$tmp/log"
    say "not ok" "auth-hello builds out of tree, without a warning"
    done_
fi
# pkg-config puts the sysroot before plugindir or leaves it away, by its version
dir=$("$pkg_config" --variable=plugindir adit)
dir=${dir#"$tmp/root"}
if make -C "$tmp/src" install CC="$CC" DESTDIR="$tmp/stage" PLUGINDIR="$dir" > "$tmp/log" 2>&1 &&
    [ -x "$tmp/stage$dir/auth-hello.so" ]; then
    say ok "auth-hello is installed in $dir"
else
    sed 's/^/# /' "$tmp/log"
    say "not ok" "auth-hello is installed in $dir"
fi
exported=$(nm -D --defined-only "$tmp/src/auth-hello.so" | awk '{ print $3 }')
if [ "$exported" = adit_plugin_1 ]; then
    say ok "it exports adit_plugin_1 alone"
else
    say "not ok" "it exports: $(echo $exported)"
fi
"$top_builddir/plugload" "$tmp/src/auth-hello.so" > "$tmp/log" 2>&1
code=$?
sed 's/^/# /' "$tmp/log"
if [ $code = 0 ] && grep -q '^auth-hello 1.0 .*auth/hello' "$tmp/log"; then
    say ok "the loader takes it"
else
    say "not ok" "the loader takes it (code $code)"
fi

# the daemon itself, with the plugin and its options
if [ ! -x "$top_builddir/aditd" ]; then
    say ok "the daemon takes it # SKIP aditd was not built"
    done_
fi
mkdir -m 755 "$tmp/plugins"
install -m 755 "$tmp/src/auth-hello.so" "$tmp/plugins/"
cat > "$tmp/aditd.yaml" << CONF
daemon:
  plugin-dir: $tmp/plugins
auth:
  - type: hello
    user: ann
    password: open sesame
CONF
chmod 600 "$tmp/aditd.yaml"
if "$top_builddir/aditd" --check --config "$tmp/aditd.yaml" > "$tmp/log" 2>&1; then
    say ok "the daemon takes it"
else
    sed 's/^/# /' "$tmp/log"
    say "not ok" "the daemon takes it"
fi
sed -i 's/user:/usr:/' "$tmp/aditd.yaml"
"$top_builddir/aditd" --check --config "$tmp/aditd.yaml" > "$tmp/log" 2>&1
code=$?
if [ $code != 0 ] && grep -q "did you mean 'user'" "$tmp/log"; then
    say ok "the daemon reads its options, and says what is wrong with them"
else
    sed 's/^/# /' "$tmp/log"
    say "not ok" "the daemon reads its options, and says what is wrong with them"
fi
done_
