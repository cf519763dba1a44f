/* ipsec_cmd.c - `adit ipsec`: peers, associations, keys for a capture.
 *
 * Knows:  which columns, the files that Wireshark reads.
 * Leaves: the socket to ask, the printing to show.
 */
#include "adit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "setup_ipsec.h"

static const char usage[] =
    "usage: adit ipsec [peers | sas | pairs]\n"
    "       adit ipsec rekey PEER                 (identity or address)\n"
    "       adit ipsec drop PEER\n"
    "       adit ipsec export-wireshark DIR       (keys of what is up now)\n";

#define NONE_CONFIGURED "IPsec is not configured (section security, type ipsec)."

/* The instances, each {name, status ...}; NULL after a sentence. */
static json_t *instances(void)
{
    json_t *list = ask_take("instances", NULL), *mine = json_array(), *o;
    size_t i;
    if (!list) {
        json_decref(mine);
        return NULL;
    }
    json_array_foreach (list, i, o)
        if (!strcmp(json_string_value(json_object_get(o, "kind")), "security") &&
            !strcmp(json_string_value(json_object_get(o, "type")), "ipsec"))
            json_array_append(mine, o);
    json_decref(list);
    if (!json_array_size(mine)) {
        json_decref(mine);
        complain(NONE_CONFIGURED);
        return NULL;
    }
    return mine;
}

/* All rows of one list of the reports, and who they belong to. */
static json_t *rows_take(json_t *list, const char *key)
{
    json_t *all = json_array(), *o, *row;
    size_t i, n;
    json_array_foreach (list, i, o)
        json_array_foreach (json_object_get(json_object_get(o, "status"), key), n, row)
            json_array_append(all, row);
    json_decref(list);
    return all;
}

static int show_peers(void)
{
    static const struct column cols[] = {
        { "PEER", "peer", SHOW_TEXT },       { "IDENTITY", "identity", SHOW_TEXT },
        { "STATE", "state", SHOW_TEXT },     { "BY", "method", SHOW_TEXT },
        { "PHASE 1", "proposal", SHOW_TEXT }, { "ESP", "transform", SHOW_TEXT },
        { "NAT", "nat", SHOW_TEXT },         { "AGE", "age_ms", SHOW_MS },
        { "REKEYS", "rekeys", SHOW_NUMBER }, { "IN", "bytes_in", SHOW_BYTES },
        { "OUT", "bytes_out", SHOW_BYTES },  { NULL, NULL, SHOW_TEXT },
    };
    json_t *list = instances();
    return list ? table_take(rows_take(list, "peers"), cols, "No peer.") : 1;
}

static int show_sas(void)
{
    static const struct column cols[] = {
        { "PEER", "peer", SHOW_TEXT },       { "IDENTITY", "identity", SHOW_TEXT },
        { "STATE", "state", SHOW_TEXT },     { "ROLE", "role", SHOW_TEXT },
        { "BY", "method", SHOW_TEXT },       { "PROPOSAL", "proposal", SHOW_TEXT },
        { "NAT", "nat", SHOW_TEXT },         { "DPD", "dpd", SHOW_YES },
        { "AGE", "age_ms", SHOW_MS },        { "LEFT", "expires_in_ms", SHOW_MS },
        { NULL, NULL, SHOW_TEXT },
    };
    json_t *list = instances();
    return list ? table_take(rows_take(list, "sas"), cols, "No ISAKMP association.") : 1;
}

static int show_pairs(void)
{
    static const struct column cols[] = {
        { "PEER", "peer", SHOW_TEXT },       { "SPI IN", "spi_in", SHOW_TEXT },
        { "SPI OUT", "spi_out", SHOW_TEXT }, { "TRANSFORM", "transform", SHOW_TEXT },
        { "STATE", "state", SHOW_TEXT },     { "ROLE", "role", SHOW_TEXT },
        { "AGE", "age_ms", SHOW_MS },        { "REKEY IN", "rekey_in_ms", SHOW_MS },
        { "LEFT", "expires_in_ms", SHOW_MS }, { "IN", "bytes_in", SHOW_BYTES },
        { "OUT", "bytes_out", SHOW_BYTES },  { NULL, NULL, SHOW_TEXT },
    };
    json_t *list = instances(), *all = json_array(), *peer, *pair;
    size_t i, n;
    if (!list) {
        json_decref(all);
        return 1;
    }
    list = rows_take(list, "peers");
    json_array_foreach (list, i, peer)
        json_array_foreach (json_object_get(peer, "pairs"), n, pair) {
            json_t *row = json_copy(pair);
            json_object_set(row, "peer", json_object_get(peer, "peer"));
            json_array_append_new(all, row);
        }
    json_decref(list);
    return table_take(all, cols, "No pair of associations.");
}

static json_t *call_take(json_t *inst, const char *verb, json_t *with)
{
    return ask_take("plugin.call", json_pack("{s:s, s:O, s:s, s:o}", "kind", "security", "name",
                                             json_object_get(inst, "name"), "call", verb, "with", with));
}

static int act(const char *verb, const char *peer, const char *key, const char *text)
{
    json_t *list = instances();
    if (!list)
        return 1;
    json_t *o = call_take(json_array_get(list, 0), verb, json_pack("{s:s}", "peer", peer));
    json_decref(list);
    if (!o || adit_options.json)
        return json_take(o);
    printf("%lld %s\n", (long long)json_integer_value(json_object_get(o, key)), text);
    json_decref(o);
    return 0;
}

static int write_table(const char *dir, const char *name, json_t *lines)
{
    char path[SETUP_FILE];
    size_t i;
    json_t *line;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return complain("%s: the path is too long", dir);
    FILE *f = setup_create(path, true);
    if (!f)
        return 1;
    fputs("# This file is automatically generated, DO NOT MODIFY.\n", f);
    json_array_foreach (lines, i, line)
        fprintf(f, "%s\n", json_string_value(line));
    bool bad = ferror(f) != 0;
    if (fclose(f) || bad)
        return complain("%s: %s", path, strerror(errno));
    if (!adit_options.json)
        printf("%s: %zu lines\n", path, json_array_size(lines));
    return 0;
}

static int export_wireshark(const char *dir)
{
    json_t *list = instances();
    if (!list)
        return 1;
    json_t *o = call_take(json_array_get(list, 0), "export-keys", json_object());
    json_decref(list);
    if (!o)
        return 1;
    if (mkdir(dir, 0700) && errno != EEXIST) {
        json_decref(o);
        return complain("%s: %s", dir, strerror(errno));
    }
    json_t *esp = json_object_get(o, "esp_sa"), *ike = json_object_get(o, "ikev1_decryption_table");
    int rc = write_table(dir, "esp_sa", esp);
    rc = rc ? rc : write_table(dir, "ikev1_decryption_table", ike);
    if (!rc && adit_options.json)
        rc = json_take(json_pack("{s:s, s:i, s:i}", "dir", dir, "esp_sa", (int)json_array_size(esp),
                                 "ikev1_decryption_table", (int)json_array_size(ike)));
    else if (!rc)
        puts("Copy both into Wireshark's profile folder (Help, About, Folders), and turn on 'Attempt to\n"
             "detect/decode encrypted ESP payloads' in the preferences of ESP.");
    json_decref(o);
    return rc;
}

int cmd_ipsec(int argc, char **argv)
{
    if (argc == 1 || (argc == 2 && !strcmp(argv[1], "peers")))
        return show_peers();
    if (argc == 2 && !strcmp(argv[1], "sas"))
        return show_sas();
    if (argc == 2 && !strcmp(argv[1], "pairs"))
        return show_pairs();
    if (argc == 3 && !strcmp(argv[1], "rekey"))
        return act("rekey", argv[2], "rekeyed", "rekeyed");
    if (argc == 3 && !strcmp(argv[1], "drop"))
        return act("drop", argv[2], "dropped", "dropped");
    if (argc == 3 && !strcmp(argv[1], "export-wireshark"))
        return export_wireshark(argv[2]);
    return misuse(usage);
}
