#!/bin/bash
# arrows.sh - dependencies between rooms point one way (ARCHITECTURE.md).
# Each row: a room, and the rooms whose headers it may include beside its own.
top=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$top" || exit 1
n=0 bad=0
t() { n=$((n + 1)); if [ -z "$2" ]; then echo "ok $n - $1"; else bad=1; echo "not ok $n - $1"; printf '%s\n' "$2" | sed 's/^/# /'; fi; }

while read -r room may; do
    [ -n "$room" ] || continue
    found=$(grep -nE '^#include "' "core/$room"/*.[ch] 2>/dev/null |
        sed -E 's/^([^:]*:[0-9]*):#include "([^"]*)".*/\1 \2/' |
        while read -r where what; do
            case $what in
            */*) r=${what%%/*} ;;
            *) continue ;;      # config.h, or a file of the same folder
            esac
            [ "$r" = "$room" ] && continue
            case " $may " in *" $r "*) ;; *) echo "$where includes $what" ;; esac
        done)
    t "core/$room includes only: ${may:-nothing}" "$found"
done <<'R'
base      crypto
crypto    base
log       base
loop      base log
config    base log
plugin    base log config crypto loop
ppp       base crypto
path      base log loop plugin crypto
datapath  base log loop path
diagnose  base loop config
privilege log
session   base log loop config plugin ppp datapath crypto diagnose
dial      base log loop config plugin datapath diagnose session
control   base log loop config plugin datapath diagnose session dial
daemon    base log loop config plugin path datapath crypto session control privilege diagnose dial
R
t "only core/loop includes <uv.h>" "$(grep -ln '#include <uv.h>' -r core client plugins sdk | grep -v '^core/loop/')"
t "only core/plugin includes <ltdl.h>" "$(grep -ln '#include <ltdl.h>' -r core client plugins sdk | grep -v '^core/plugin/')"
t "only core/config includes <libfyaml.h>" "$(grep -ln '#include <libfyaml.h>' -r core client plugins sdk | grep -v '^core/config/')"
t "ppp knows no socket, loop or plugin" "$(grep -nE '#include <(sys/socket|netinet|uv|ltdl)' core/ppp/*.[ch])"
t "plugins include only adit/ headers and their own folder" "$(for d in plugins/*/; do
    grep -nE '^#include "' "$d"*.[ch] 2>/dev/null | while IFS=: read -r f l inc; do
        h=$(echo "$inc" | sed 's/.*"\(.*\)".*/\1/'); [ -e "$d$h" ] || echo "$f:$l $inc"; done; done)"
t "libadit includes its own files alone" "$(grep -nE '^#include "' client/libadit/*.[ch] | grep -vE '"(lib_int|libadit).h"'; grep -n '#include <adit/' client/libadit/*.[ch])"
t "every source says what it knows" "$(for f in core/*/*.c plugins/*/*.c client/libadit/*.c; do
    head -12 "$f" | grep -qE 'Knows:|^/\* [a-z0-9_]+\.c - ' || echo "$f"; done)"
t "no path of a developer's machine stands in the tree" "$(git grep -nE '/(home|work|root)/[a-z]' -- core client plugins sdk bench tests man packaging 2>/dev/null | grep -vE 'arrows.sh|HOME=/root' | head -5)"
echo "1..$n"
exit $bad
