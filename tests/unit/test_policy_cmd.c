/* test_policy_cmd.c - `adit policy add`, `move` and `remove` on files as people write them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../client/adit.h"
#include "../../client/policy_edit.h"
#include "unit.h"

struct adit_options adit_options;

static char dir[64], file[128], out[65536], errors[65536], was[65536], is[65536];

static void slurp(const char *name, char *to)
{
    FILE *f = fopen(name, "r");
    ck_assert_ptr_nonnull(f);
    to[fread(to, 1, 65535, f)] = '\0';
    fclose(f);
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/adit-policy-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/aditd.yaml", dir);
}

static void teardown(void)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

/* "policy" and the words of a line ('quoted ones' with blanks), in a process of its own; no
 * daemon answers. */
static int run(const char *line)
{
    char copy[4096], name[2][160], socket[160], *argv[200] = { (char *)(uintptr_t)"policy" };
    int argc = 1, status;
    snprintf(copy, sizeof copy, "%s --config %s", line, file);
    snprintf(name[0], sizeof name[0], "%s/out", dir);
    snprintf(name[1], sizeof name[1], "%s/err", dir);
    snprintf(socket, sizeof socket, "%s/none.sock", dir);
    for (char *p = copy; *p && argc < 199;) {
        char end = *p == '\'' ? '\'' : ' ';
        argv[argc++] = p += end == '\'';
        p += strcspn(p, end == '\'' ? "'" : " ");
        if (*p)
            *p++ = '\0';
        p += strspn(p, " ");
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        ck_assert(freopen(name[0], "w", stdout) && freopen(name[1], "w", stderr));
        adit_options.socket = socket;
        int rc = cmd_policy(argc, argv);
        fflush(NULL);
        _exit(rc);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status), "status %d", status);
    slurp(name[0], out);
    slurp(name[1], errors);
    return WEXITSTATUS(status);
}

static void does(const char *line)
{
    int rc = run(line);
    ck_assert_msg(rc == 0, "%s: %d: %s", line, rc, errors);
    slurp(file, is);
}

/* Refused, with a sentence, and the file is as it was. */
static void refuses(const char *line, const char *says)
{
    slurp(file, was);
    int rc = run(line);
    ck_assert_msg(rc != 0, "%s was done", line);
    ck_assert_msg(strstr(errors, says) != NULL, "%s: '%s' lacks '%s'", line, errors, says);
    slurp(file, is);
    ck_assert_str_eq(is, was);
}

#define SAYS(text, part) ck_assert_msg(strstr(text, part) != NULL, "'%s' lacks '%s'", text, part)

#define HEAD "# what people write stays\nppp:\n  auth: [mschapv2]   # only this\n\npolicies:\n"                  \
             "  - type: access\n    policies:\n"
#define STAFF "      # who works here\n      - name: staff\n        when: { groups: [staff] }\n"                  \
              "        permission: grant   # always\n"
#define GUESTS "      - name: guests\n        when:\n          groups:\n            - guests\n"                  \
               "        permission: grant\n"
#define DEFAULT "      # the last one\n      - name: default\n        permission: deny\n"
#define TAIL "\n# pools follow\npools:\n  - type: range\n    ranges: [10.9.0.0/24]\n"

START_TEST(the_default_policy_stays_last)
{
    put_file(file, HEAD STAFF "\n" DEFAULT TAIL);
    does("add guests --grant --group guests");
    ck_assert_str_eq(is, HEAD STAFF "\n      - name: guests\n        when:\n          groups: [guests]\n"
                         "        permission: grant\n\n" DEFAULT TAIL);
    SAYS(out, "guests: added in ");
    SAYS(out, " as number 2 of 3; no daemon runs with this configuration");
    does("add later --grant --group x --last");
    does("move staff --last");
    SAYS(out, "as number 3 of 4");
    refuses("add more --grant --group more --after default",
            "policy 'more' would never be looked at behind 'default', which has no conditions");
    refuses("move staff --after default", "never be looked at behind 'default'");
    refuses("move default --first", "policy 'default' has no conditions and decides about everyone: 'guests' "
                                    "behind it would never be looked at");
    refuses("add all --grant", "'default' behind it would never be looked at");
    refuses("add all --grant --first", "give it conditions, put it last, or remove");
    does("remove default");
    SAYS(out, "; who matches no policy is denied");
    does("add all --deny");
    SAYS(out, "as number 4 of 4");
}
END_TEST

START_TEST(comments_and_order_stay)
{
    put_file(file, HEAD STAFF GUESTS DEFAULT TAIL);
    does("move guests --first");
    ck_assert_str_eq(is, HEAD GUESTS STAFF DEFAULT TAIL);
    does("move guests --after staff");
    ck_assert_str_eq(is, HEAD STAFF GUESTS DEFAULT TAIL);
    does("move guests --before default");       /* where it is */
    SAYS(out, "(where it stood)");
    ck_assert_str_eq(is, HEAD STAFF GUESTS DEFAULT TAIL);
    does("remove staff");
    ck_assert_str_eq(is, HEAD GUESTS DEFAULT TAIL);
    does("remove default");
    ck_assert_str_eq(is, HEAD GUESTS TAIL);
    does("remove guests");
    SAYS(out, "no policy is left: everybody is denied");
    ck_assert_str_eq(is, "# what people write stays\nppp:\n  auth: [mschapv2]   # only this\n\npolicies:\n"
                         "  - type: access\n    policies: []\n" TAIL);
    does("add default --deny");
    ck_assert_str_eq(is, HEAD "      - name: default\n        permission: deny\n" TAIL);
}
END_TEST

/* Blank lines part them, comments stand between them, text holds what looks like a policy. */
START_TEST(odd_but_right_files_are_edited)
{
    static const char between[] = "\n      # ---- guests ----\n\n";
    char text[4096], want[4096];
    snprintf(text, sizeof text, HEAD STAFF "%s" GUESTS "\n" DEFAULT "      # - name: old\n" TAIL, between);
    put_file(file, text);
    does("move guests --first");                /* what stands between stays between */
    snprintf(want, sizeof want, HEAD GUESTS "%s" STAFF "\n" DEFAULT "      # - name: old\n" TAIL, between);
    ck_assert_str_eq(is, want);
    does("remove default");
    snprintf(want, sizeof want, HEAD GUESTS "%s" STAFF "      # - name: old\n" TAIL, between);
    ck_assert_str_eq(is, want);

    put_file(file, "policies:\n- type: access\n  policies:\n  - { name: a, when: { users: [x] } }\n"
                   "  -   name: \"b\"\n      when:\n        users: >-\n          - name: c\n          policies:\n"
                   "  - name: z");
    does("add d --deny --user y");
    ck_assert_str_eq(is, "policies:\n- type: access\n  policies:\n  - { name: a, when: { users: [x] } }\n"
                         "  -   name: \"b\"\n      when:\n        users: >-\n          - name: c\n          policies:\n"
                         "  - name: d\n    when:\n      users: [y]\n    permission: deny\n  - name: z\n");
    does("move d --first");
    does("move a --last");
    SAYS(is, "users: [y]\n    permission: deny\n  -   name: \"b\"");

    put_file(file, "# nothing\nppp: { auth: [mschapv2] }");
    does("add staff --grant --group staff");
    ck_assert_str_eq(is, "# nothing\nppp: { auth: [mschapv2] }\n\npolicies:\n  - type: access\n    policies:\n"
                         "      - name: staff\n        when:\n          groups: [staff]\n"
                         "        permission: grant\n");
    put_file(file, "policies:\n  - type: access\npools: []\n");
    does("add staff --grant --group staff");
    ck_assert_str_eq(is, "policies:\n  - type: access\n    policies:\n      - name: staff\n        when:\n"
                         "          groups: [staff]\n        permission: grant\npools: []\n");
    put_file(file, "policies:\n  - type: access\n    policies:   # none yet\npools: []\n");
    does("add staff --grant --group staff");
    SAYS(is, "    policies:   # none yet\n      - name: staff\n");
    put_file(file, "policies:\n  - type: access\n    policies: [ ]  # none yet\n");
    does("add staff --grant --group staff");
    SAYS(is, "    policies:  # none yet\n      - name: staff\n");
}
END_TEST

START_TEST(what_cannot_be_edited_is_left_alone)
{
    put_file(file, "policies:\n  - type: access\n    policies: [{ name: a, when: { users: x } }]\n");
    refuses("add b --grant --user y", "in a form that this command does not edit");
    put_file(file, "policies:\n  - { type: access, policies: [] }\n");
    refuses("add b --grant --user y", "in a form that this command does not edit");
    put_file(file, "policies:\n  - type: access\n    policies:\n      - &a\n        name: a\n");
    refuses("remove a", "in a form that this command does not edit");
    put_file(file, "policies:\n  - type: other\n");
    refuses("add b --grant --user y", "no policy engine of type access; add '- type: access'");
    put_file(file, "policies:\n  - type: access\n    name: one\n  - type: access\n    name: two\n");
    refuses("add b --grant --user y", "say which one with --engine NAME");
    refuses("add b --grant --user y --engine three", "has no policy engine 'three'");
    does("add b --grant --user y --engine two");
    SAYS(is, "    name: two\n    policies:\n      - name: b\n");
    put_file(file, "policies:\n  - type: access\n    policies:\n      - name: a\n        wen: { users: x }\n");
    refuses("add b --grant --user y", "did you mean 'when'?");
    put_file(file, "policies:\n  - type: access\n   policies:\n");
    refuses("add b --grant --user y", "aditd.yaml:");
    chmod(file, 0640);
    unlink(file);
    ck_assert_int_eq(run("add b --grant --user y"), 1);
}
END_TEST

START_TEST(a_file_of_policies_or_a_drop_in_is_edited)
{
    char own[160], drop[160], text[512];
    snprintf(own, sizeof own, "%s/policies.yaml", dir);
    snprintf(drop, sizeof drop, "%s/conf.d", dir);
    ck_assert_int_eq(mkdir(drop, 0755), 0);
    snprintf(drop, sizeof drop, "%s/conf.d/policies.yaml", dir);
    snprintf(text, sizeof text, "policies:\n  - type: access\n    file: policies.yaml\n");
    put_file(file, text);
    put_file(own, "# ours\npolicies:\n  - name: default\n");
    does("add staff --grant --group staff");
    ck_assert_str_eq(is, text);
    slurp(own, is);
    ck_assert_str_eq(is, "# ours\npolicies:\n  - name: staff\n    when:\n      groups: [staff]\n"
                         "    permission: grant\n  - name: default\n");
    put_file(own, "policies: []\n");
    does("add staff --grant --group staff");
    put_file(own, "");
    does("add staff --grant --group staff");
    slurp(own, is);
    ck_assert_str_eq(is, "policies:\n  - name: staff\n    when:\n      groups: [staff]\n    permission: grant\n");

    put_file(file, "ppp: {}\n");
    put_file(drop, "policies:\n  - type: access\n    policies:\n      - name: default\n");
    does("add staff --deny --group staff");
    ck_assert_str_eq(is, "ppp: {}\n");
    slurp(drop, is);
    SAYS(is, "      - name: staff\n");
    SAYS(out, "conf.d/policies.yaml as number 1 of 2");
}
END_TEST

START_TEST(mode_and_links_stay)
{
    char real[160];
    struct stat st;
    snprintf(real, sizeof real, "%s/real.yaml", dir);
    put_file(real, HEAD DEFAULT);
    chmod(real, 0604);
    ck_assert_int_eq(symlink("real.yaml", file), 0);
    does("add a --grant --user a");
    SAYS(is, "- name: a");
    ck_assert(lstat(file, &st) == 0 && S_ISLNK(st.st_mode));
    ck_assert(stat(real, &st) == 0 && (st.st_mode & 07777) == 0604);
    ck_assert_int_eq(system("test -z \"$(ls /tmp/adit-policy-*/real.yaml.new* 2>/dev/null)\""), 0);
}
END_TEST

/* Every condition and every setting that the tables declare has an option, whose value comes
 * back when the file is read. */
START_TEST(every_condition_and_setting_has_an_option)
{
    put_file(file, HEAD DEFAULT);
    does("add 'all: of it' --grant --ignore-account --user anna --user 'CORP\\*' --group staff --domain corp "
         "--protocol pptp --tunnel office --client-address 10.0.0.0/8 --client-address 2001:db8::/32 "
         "--called-address 192.0.2.1/32 --calling-station +49* --called-station +48* --client-name *-pc "
         "--ipsec-identity CN=* --method mschapv2,eap-tls --authenticator local --secured "
         "--hours 'mon-fri 08:00-18:00' --hours sat "
         "--unless-user bert --unless-group guests --unless-domain x --unless-protocol l2tp "
         "--unless-tunnel home --unless-client-address 11.0.0.0/8 --unless-called-address 192.0.2.2/32 "
         "--unless-calling-station 1* --unless-called-station 2* --unless-client-name srv* ");
    SAYS(is, "      - name: \"all: of it\"\n        when:\n          users: [anna, \"CORP\\\\*\"]\n"
             "          groups: [staff]\n          domains: [corp]\n          protocols: [pptp]\n");
    SAYS(is, "          client-addresses: [10.0.0.0/8, \"2001:db8::/32\"]\n");
    SAYS(is, "          secured: yes\n          hours: [\"mon-fri 08:00-18:00\", sat]\n        unless:\n");
    SAYS(is, "        ignore-account: yes\n");
    does("add more --grant --secured=no --unless-ipsec-identity CN=x --unless-method pap --unless-authenticator r "
         "--unless-secured --unless-hours sun --permit-method mschapv2 --permit-method eap-tls "
         "--permit-hours mon-sat --permit-protocol pptp --permit-client-address 10.0.0.0/8 "
         "--permit-calling-station 10.* --permit-called-station 192.* --permit-secured=no "
         "--encryption 128 --encryption 56 --idle-timeout 30m --session-timeout 8h --session-limit 2 "
         "--pool office --mtu 1300 --dns 10.0.0.53 --dns 10.0.0.54 --wins 10.0.0.55 --filter-in web "
         "--filter-out answers --rate-in 2000 --rate-out 8000 --route 10.1.0.0/16 --push-route 10.2.0.0/16 "
         "--dns-domain corp.example");
    SAYS(is, "          secured: no\n");
    SAYS(is, "        profile:\n          methods: [mschapv2, eap-tls]\n          encryption: [128, 56]\n");
    SAYS(is, "          idle-timeout: 30m\n");
    does("add fixed --grant --user carl --address 10.9.0.5");
    SAYS(is, "          address: 10.9.0.5\n");

    /* none is missing */
    const struct adit_opt *policy = access_file_opts[0].table, *section;
    slurp(file, is);
    for (; policy->name; policy++)
        for (section = policy->table; section && section->name; section++) {
            char key[64], *at = is;
            uint32_t n = 0;
            snprintf(key, sizeof key, " %s: ", section->name);
            while ((at = strstr(at, key)) != NULL) {
                n++;
                at++;
            }
            ck_assert_msg(n >= 1, "no option gave %s.%s", policy->name, section->name);
        }
}
END_TEST

START_TEST(wrong_arguments_name_the_policy_and_the_remedy)
{
    static const struct { const char *line, *says; } t[] = {
        { "add", "name the policy" },
        { "add a", "policy 'a': say --grant or --deny" },
        { "add a b --grant", "'b' is one name too many" },
        { "add a --grant --grup staff", "there is no option --grup" },
        { "add a --grant --permit-pool x", "there is no option --permit-pool" },
        { "add a --grant --unless-pool x", "there is no option --unless-pool" },
        { "add a --grant --mtu 100 --user a", "'mtu' must be from 576 to 16384" },
        { "add a --grant --user a --mtu 1000 --mtu 1100", "profile.mtu is given twice" },
        { "add a --grant --hours 8-18", "policy 'a': when.hours: '8-18'" },
        { "add a --grant --user ''", "policy 'a': when.users has an empty entry" },
        { "add a --grant --method mschap2", "did you mean 'mschapv2'?" },
        { "add a --grant --client-address x", "client-addresses" },
        { "add a --grant --user '/(/'", "no regular expression" },
        { "add a --grant --secured=maybe", "secured" },
        { "add a --grant --user a --permit-method pap --encryption 128", "make no keys" },
        { "add a --grant --user a --pool x --address 10.0.0.1", "keep one" },
        { "add Staff --grant --user a", "policy 'Staff' is there already, as number 1" },
        { "add a --grant --user a --first --last", "one is enough" },
        { "add a --grant --user a --before nobody", "has no policy 'nobody'; adit policy list shows all" },
        { "move staff", "policy 'staff': say where to" },
        { "move nobody --first", "has no policy 'nobody'" },
        { "move staff --after staff", "cannot stand beside itself" },
        { "move staff --first --pool x", "there is no option --pool" },
        { "remove staff --grant", "there is no option --grant" },
        { "remove nobody", "has no policy 'nobody'" },
        { "explain --method x", "'x' is no method" },
        { "explain --at never", "is no time" },
        { "explain --client-address x", "is no address" },
        { "explain --dial-in maybe", "is none of allow, deny, policy" },
    };
    put_file(file, HEAD STAFF DEFAULT TAIL);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        refuses(t[i].line, t[i].says);
    ck_assert_int_eq(run("nosuch"), 2);
    SAYS(errors, "usage: adit policy list");
}
END_TEST

START_TEST(programs_get_json)
{
    put_file(file, HEAD STAFF DEFAULT TAIL);
    adit_options.json = true;
    does("add guests --grant --group guests");
    adit_options.json = false;
    json_t *o = json_loads(out, 0, NULL);
    ck_assert_msg(o != NULL, "%s", out);
    ck_assert_str_eq(json_string_value(json_object_get(o, "done")), "added");
    ck_assert_str_eq(json_string_value(json_object_get(o, "policy")), "guests");
    ck_assert_str_eq(json_string_value(json_object_get(o, "file")), file);
    ck_assert_int_eq(json_integer_value(json_object_get(o, "order")), 2);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(o, "policies"), 2)), "default");
    ck_assert(json_is_false(json_object_get(o, "reloaded")));
    json_decref(o);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        the_default_policy_stays_last, comments_and_order_stay, odd_but_right_files_are_edited,
        what_cannot_be_edited_is_left_alone, a_file_of_policies_or_a_drop_in_is_edited, mode_and_links_stay,
        every_condition_and_setting_has_an_option, wrong_arguments_name_the_policy_and_the_remedy,
        programs_get_json,
    };
    Suite *s = suite_create("policy-cmd");
    TCase *tc = tcase_create("policy-cmd");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
