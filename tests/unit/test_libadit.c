/* test_libadit.c - the client library against a daemon that answers as it is told:
 * what is right, what is cut off anywhere, what is garbage. */
#include "unit.h"
#include "daemon_rig.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <adit/cause.h>
#include "libadit.h"

/* ---- what stands in programs that were built against version 1 ----------------------- */

#if defined(__LP64__) && __LP64__
#define M(type, member, offset) \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member " has moved")
_Static_assert(sizeof(struct adit_entry) >= 72, "adit_entry has shrunk");
M(adit_entry, connection, 8);
M(adit_entry, name, 16);
M(adit_entry, server, 24);
M(adit_entry, type, 32);
M(adit_entry, user, 40);
M(adit_entry, interface, 48);
M(adit_entry, state, 56);
M(adit_entry, owner, 64);
_Static_assert(sizeof(struct adit_credentials) >= 776, "adit_credentials has shrunk");
M(adit_credentials, user, 8);
M(adit_credentials, password, 264);
M(adit_credentials, psk, 520);
_Static_assert(sizeof(struct adit_dial_options) >= 32, "adit_dial_options has shrunk");
M(adit_dial_options, timeout_ms, 4);
M(adit_dial_options, entry, 8);
M(adit_dial_options, entry_json, 16);
M(adit_dial_options, credentials, 24);
_Static_assert(sizeof(struct adit_attempt) >= 40, "adit_attempt has shrunk");
M(adit_attempt, error, 4);
M(adit_attempt, type, 8);
M(adit_attempt, server, 16);
M(adit_attempt, code, 24);
M(adit_attempt, text, 32);
_Static_assert(sizeof(struct adit_progress) >= 152, "adit_progress has shrunk");
M(adit_progress, state, 4);
M(adit_progress, handle, 8);
M(adit_progress, error, 16);
M(adit_progress, state_text, 24);
M(adit_progress, entry, 32);
M(adit_progress, server, 40);
M(adit_progress, protocol, 48);
M(adit_progress, interface, 56);
M(adit_progress, address, 64);
M(adit_progress, peer, 72);
M(adit_progress, method, 80);
M(adit_progress, encryption, 88);
M(adit_progress, dns, 96);
M(adit_progress, code, 104);
M(adit_progress, text, 112);
M(adit_progress, remedy, 120);
M(adit_progress, tried, 128);
M(adit_progress, mtu, 20);
M(adit_progress, address6, 136);
M(adit_progress, over, 144);
_Static_assert(sizeof(struct adit_connection) >= 208, "adit_connection has shrunk");
M(adit_connection, state, 4);
M(adit_connection, handle, 8);
M(adit_connection, over, 16);
M(adit_connection, duration_ms, 24);
M(adit_connection, bytes_in, 32);
M(adit_connection, bytes_out, 40);
M(adit_connection, packets_in, 48);
M(adit_connection, packets_out, 56);
M(adit_connection, redials, 64);
M(adit_connection, state_text, 72);
M(adit_connection, entry, 80);
M(adit_connection, user, 88);
M(adit_connection, server, 96);
M(adit_connection, protocol, 104);
M(adit_connection, interface, 112);
M(adit_connection, address, 120);
M(adit_connection, peer, 128);
M(adit_connection, since, 136);
M(adit_connection, dns, 144);
M(adit_connection, mtu, 68);
M(adit_connection, address6, 152);
M(adit_connection, method, 160);
M(adit_connection, encryption, 168);
M(adit_connection, owner, 176);
M(adit_connection, code, 184);
M(adit_connection, text, 192);
M(adit_connection, error, 200);
_Static_assert(sizeof(struct adit_interface) >= 80, "adit_interface has shrunk");
M(adit_interface, persistent, 4);
M(adit_interface, connection, 8);
M(adit_interface, packets_dialled, 16);
M(adit_interface, packets_refused, 24);
M(adit_interface, name, 32);
M(adit_interface, entry, 40);
M(adit_interface, state, 48);
M(adit_interface, session, 56);
M(adit_interface, code, 64);
M(adit_interface, text, 72);
_Static_assert(sizeof(struct adit_stats) >= 48, "adit_stats has shrunk");
M(adit_stats, redials, 4);
M(adit_stats, duration_ms, 8);
M(adit_stats, bytes_in, 16);
M(adit_stats, packets_out, 40);
#endif
_Static_assert(ADIT_STATE_RESOLVING == 2 && ADIT_STATE_CONNECTED == 6 && ADIT_STATE_FAILED == 7 &&
               ADIT_STATE_ENDED == 8 && ADIT_STATE_REDIALLING == 10, "states");
_Static_assert(ADIT_RAS_AUTHENTICATION_FAILURE == 691 && ADIT_RAS_NO_DIALIN_PERMISSION == 649 &&
               ADIT_RAS_PPP_TIMEOUT == 718 && ADIT_RAS_NO_PPP_PROTOCOLS == 720 &&
               ADIT_RAS_AUTH_PROTOCOL_REJECTED == 734 && ADIT_RAS_GRE_BLOCKED == 806 &&
               ADIT_RAS_NO_ANSWER == 809 && ADIT_RAS_SERVER_POLICY == 812, "numbers");

/* ---- the daemon's lines ------------------------------------------------------------------ */

static const char entries[] =
    "{\"ok\":true,\"result\":[{\"name\":\"office\",\"server\":\"vpn.example\",\"type\":\"automatic\","
    "\"user\":\"anna\",\"interface\":\"dial0\",\"state\":\"connected\",\"owner\":\"system\",\"connection\":7},"
    "{\"name\":\"lab\"}]}\n";
static const char connections[] =
    "{\"ok\":true,\"result\":[{\"handle\":7,\"entry\":\"office\",\"state\":\"connected\",\"over\":3,"
    "\"server\":\"192.0.2.1\",\"protocol\":\"pptp\",\"interface\":\"dial0\",\"address\":\"10.9.0.2\","
    "\"peer\":\"10.9.0.1\",\"dns\":[\"10.9.0.53\",\"10.9.0.54\"],\"user\":\"anna\",\"since\":\"now\","
    "\"duration_ms\":5000,\"bytes_in\":9007199254740993,\"bytes_out\":2,\"packets_in\":3,\"packets_out\":4,"
    "\"redials\":1},{\"handle\":3,\"entry\":\"line\",\"state\":\"waiting\",\"over\":null}]}\n";
static const char interfaces[] =
    "{\"ok\":true,\"result\":[{\"interface\":\"branch\",\"entry\":\"branch\",\"state\":\"unreachable\","
    "\"persistent\":true,\"connection\":0,\"session\":\"\",\"code\":\"ADIT-NO-ANSWER\",\"text\":\"No answer.\","
    "\"packets_dialled\":5,\"packets_refused\":6}]}\n";
static const char dialled[] =
    "{\"handle\":7,\"state\":\"resolving\"}\n{\"handle\":7,\"state\":\"connecting\",\"server\":\"192.0.2.1\"}\n"
    "{\"handle\":7,\"state\":\"authenticating\"}\n{\"handle\":7,\"state\":\"projected\"}\n"
    "{\"handle\":7,\"state\":\"connected\",\"interface\":\"dial0\",\"address\":\"10.9.0.2\",\"peer\":\"10.9.0.1\","
    "\"server\":\"192.0.2.1\",\"protocol\":\"l2tp-ipsec\",\"dns\":[\"10.9.0.53\"],\"method\":\"mschapv2\","
    "\"encryption\":\"128\"}\n";
static const char denied[] =
    "{\"handle\":8,\"state\":\"connecting\"}\n"
    "{\"handle\":8,\"state\":\"failed\",\"ras\":691,\"code\":\"ADIT-AUTH-FAILED\",\"text\":\"The password is wrong.\","
    "\"remedy\":\"Type it again.\",\"tried\":[{\"type\":\"l2tp-ipsec\",\"server\":\"192.0.2.1\",\"ras\":809,"
    "\"code\":\"ADIT-NO-ANSWER\",\"text\":\"No answer.\"},{\"type\":\"pptp\",\"server\":\"192.0.2.1\",\"ras\":691,"
    "\"code\":\"ADIT-AUTH-FAILED\",\"text\":\"Wrong.\"}]}\n";

/* What a callback heard. */
struct heard {
    char states[256];
    uint32_t last;
    int error, count;
    struct adit_client *close, *unwatch;
    char text[256];
};

static void hear(void *u, const struct adit_progress *p)
{
    struct heard *h = u;
    const char *const strings[] = { p->state_text, p->entry, p->server, p->protocol, p->interface, p->address, p->peer,
                                    p->method, p->encryption, p->code, p->text, p->remedy, p->address6 };
    ck_assert_uint_ge(p->size, sizeof *p);
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        ck_assert_ptr_nonnull(strings[i]);
    ck_assert(p->dns && p->tried);
    ck_assert_uint_lt(strlen(h->states) + strlen(p->state_text), sizeof h->states - 2);
    strcat(strcat(h->states, h->count ? " " : ""), p->state_text);
    h->last = p->state;
    h->error = p->error;
    h->count++;
    snprintf(h->text, sizeof h->text, "%s", p->text);
    if (h->close)
        adit_client_close(h->close);
    if (h->unwatch)
        adit_unwatch(h->unwatch, p->handle);
}

static struct adit_client *client(struct daemon_rig *r)
{
    struct adit_client *c;
    daemon_rig_start(r);
    ck_assert_int_eq(adit_client_open(r->path, &c), 0);
    ck_assert_str_eq(adit_client_text(c), "");
    return c;
}

static void end(struct daemon_rig *r, struct adit_client *c)
{
    adit_client_close(c);
    daemon_rig_stop(r);
}

static void expect(bool (*yes)(struct daemon_rig *r), struct daemon_rig *r)
{
    for (int i = 0; i < 5000 && !yes(r); i++)
        usleep(1000);
    ck_assert(yes(r));
}

static bool somebody_left(struct daemon_rig *r) { return r->left > 0; }

/* Dispatches until the callback has heard its last word. */
static void run(struct adit_client *c, struct heard *h)
{
    struct pollfd p = { .fd = adit_client_fd(c), .events = POLLIN };
    while (h->last != ADIT_STATE_CONNECTED && h->last != ADIT_STATE_FAILED && h->last != ADIT_STATE_ENDED) {
        ck_assert_int_eq(poll(&p, 1, 5000), 1);
        ck_assert_int_eq(adit_client_dispatch(c), 0);
    }
}

static const struct adit_dial_options office = { .size = sizeof office, .entry = "office" };

/* ---- who answers ---------------------------------------------------------------------------- */

START_TEST(nobody_answers)
{
    struct adit_client *c;
    uint64_t handle = 5;
    ck_assert_int_eq(adit_client_open("/nosuch/control.sock", &c), ADIT_RAS_NO_SERVICE);
    ck_assert_ptr_nonnull(strstr(adit_client_text(c), "/nosuch/control.sock"));
    ck_assert_int_eq(adit_dial(c, &office, NULL, NULL, &handle), ADIT_RAS_NO_SERVICE);
    ck_assert_uint_eq(handle, 0);
    adit_client_close(c);
    char longer[300];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    ck_assert_int_eq(adit_client_open(longer, &c), ADIT_RAS_INVALID_PARAMETER);
    adit_client_close(c);
    adit_client_close(NULL);
    ck_assert_int_eq(adit_client_open(NULL, NULL), ADIT_RAS_INVALID_PARAMETER);
}
END_TEST

START_TEST(environment_names_the_socket)
{
    struct daemon_rig r = { .text = entries };
    struct adit_client *c;
    daemon_rig_start(&r);
    setenv("ADIT_SOCKET", r.path, 1);
    ck_assert_int_eq(adit_client_open(NULL, &c), 0);
    end(&r, c);
}
END_TEST

START_TEST(users_are_sent_to_the_socket_beside)
{
    struct daemon_rig r = { .text = entries }, other = { .name = "dial.sock", .text = entries };
    struct adit_client *c;
    struct adit_entry **list;
    daemon_rig_start(&r);
    strcpy(other.dir, r.dir);
    daemon_rig_start(&other);
    chmod(r.path, 0);
    if (geteuid() == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    ck_assert_int_eq(adit_client_open(r.path, &c), 0);
    ck_assert_int_eq(adit_entries(c, &list), 0);
    adit_free(list);
    ck_assert_uint_eq(other.asked, 1);
    ck_assert_uint_eq(r.asked, 0);
    adit_client_close(c);
    chmod(other.path, 0);
    if (getuid() == 0) {
        ck_assert_int_eq(seteuid(0), 0);
        chmod(other.path, 0);
        ck_assert_int_eq(seteuid(65534), 0);
    }
    ck_assert_int_eq(adit_client_open(r.path, &c), ADIT_RAS_ACCESS_DENIED);
    ck_assert_ptr_nonnull(strstr(adit_client_text(c), "permission denied"));
    adit_client_close(c);
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    daemon_rig_stop(&other);
    daemon_rig_stop(&r);
}
END_TEST

START_TEST(time_limit)
{
    struct daemon_rig r = { .text = "", .hang = true };
    struct adit_client *c = client(&r);
    struct adit_entry **list;
    ck_assert_int_eq(adit_client_timeout(c, 0), ADIT_RAS_INVALID_PARAMETER);
    ck_assert_int_eq(adit_client_timeout(c, 30), 0);
    ck_assert_int_eq(adit_entries(c, &list), ADIT_RAS_TIMEOUT);
    ck_assert_ptr_null(list);
    ck_assert_str_eq(adit_client_text(c), adit_error_text(ADIT_RAS_TIMEOUT));
    end(&r, c);
}
END_TEST

/* ---- lists -------------------------------------------------------------------------------------- */

START_TEST(phone_book)
{
    struct daemon_rig r = { .text = entries };
    struct adit_client *c = client(&r);
    struct adit_entry **list;
    ck_assert_int_eq(adit_entries(c, &list), 0);
    ck_assert_str_eq(r.request, "{\"verb\":\"dial.entries\",\"args\":{}}\n");
    ck_assert_uint_ge(list[0]->size, sizeof **list);
    ck_assert_str_eq(list[0]->name, "office");
    ck_assert_str_eq(list[0]->server, "vpn.example");
    ck_assert_str_eq(list[0]->type, "automatic");
    ck_assert_str_eq(list[0]->user, "anna");
    ck_assert_str_eq(list[0]->interface, "dial0");
    ck_assert_str_eq(list[0]->state, "connected");
    ck_assert_str_eq(list[0]->owner, "system");
    ck_assert_uint_eq(list[0]->connection, 7);
    ck_assert_str_eq(list[1]->name, "lab");
    ck_assert_str_eq(list[1]->user, "");
    ck_assert_uint_eq(list[1]->connection, 0);
    ck_assert_ptr_null(list[2]);
    adit_free(list);
    adit_free(NULL);
    end(&r, c);
}
END_TEST

START_TEST(connections_and_statistics)
{
    struct daemon_rig r = { .text = connections };
    struct adit_client *c = client(&r);
    struct adit_connection **list, *one;
    struct adit_stats n = { .size = sizeof n };
    ck_assert_int_eq(adit_connections(c, &list), 0);
    ck_assert_uint_eq(list[0]->handle, 7);
    ck_assert_uint_eq(list[0]->over, 3);
    ck_assert_uint_eq(list[0]->state, ADIT_STATE_CONNECTED);
    ck_assert_str_eq(list[0]->dns[1], "10.9.0.54");
    ck_assert_ptr_null(list[0]->dns[2]);
    ck_assert_uint_eq(list[0]->bytes_in, 9007199254740993u);    /* more than a double holds */
    ck_assert_uint_eq(list[1]->state, ADIT_STATE_WAITING);
    ck_assert_uint_eq(list[1]->over, 0);
    ck_assert_ptr_null(list[1]->dns[0]);
    ck_assert_ptr_null(list[2]);
    adit_free(list);
    ck_assert_int_eq(adit_status(c, 7, &one), 0);
    ck_assert_str_eq(one->protocol, "pptp");
    ck_assert_str_eq(one->peer, "10.9.0.1");
    adit_free(one);
    ck_assert_int_eq(adit_status(c, 9, &one), ADIT_RAS_INVALID_HANDLE);
    ck_assert_int_eq(adit_status(c, 0, &one), ADIT_RAS_INVALID_HANDLE);
    ck_assert_ptr_null(one);
    ck_assert_int_eq(adit_statistics(c, 7, &n), 0);
    ck_assert_uint_eq(n.size, sizeof n);
    ck_assert_uint_eq(n.duration_ms, 5000);
    ck_assert_uint_eq(n.bytes_out, 2);
    ck_assert_uint_eq(n.packets_in, 3);
    ck_assert_uint_eq(n.packets_out, 4);
    ck_assert_uint_eq(n.redials, 1);
    struct { struct adit_stats n; uint64_t later; } newer = { .n = { .size = sizeof newer }, .later = 5 };
    ck_assert_int_eq(adit_statistics(c, 7, &newer.n), 0);
    ck_assert_uint_eq(newer.n.bytes_out, 2);
    ck_assert_uint_eq(newer.later, 0);
    n.size = 4;
    ck_assert_int_eq(adit_statistics(c, 7, &n), ADIT_RAS_INVALID_SIZE);
    end(&r, c);
}
END_TEST

static const char *const wrong_lists[] = {
    "", "\n", "{}\n", "[]\n", "null\n", "{\"ok\":true}\n", "{\"ok\":1,\"result\":[]}\n", "{\"ok\":true,\"result\":{}}\n",
    "{\"ok\":true,\"result\":null}\n", "{\"ok\":true,\"result\":[1]}\n", "{\"ok\":true,\"result\":[[]]}\n",
    "{\"ok\":true,\"result\":[{\"name\":5,\"entry\":5,\"handle\":1}]}\n", "{\"ok\":true,\"result\":[{\"handle\":-1,\"connection\":-1}]}\n",
    "{\"ok\":true,\"result\":[{\"handle\":1.5,\"connection\":1.5}]}\n",
    "{\"ok\":true,\"result\":[{\"handle\":\"1\",\"connection\":\"1\"}]}\n",
    "{\"ok\":true,\"result\":[{\"handle\":1,\"name\":{}}], \"ok\":true}\n",
    "{\"ok\":true,\"result\":[{\"handle\":1,\"name\":[],\"entry\":[]}]}\n",
    "{\"ok\":true,\"result\":[{\"handle\":99999999999999999999,\"connection\":99999999999999999999}]}\n",
    "{\"ok\":true,\"result\":[{\"handle\":1,\"name\":\"a\\u0000b\",\"entry\":\"a\\u0000b\"}]}\n", "{\"ok\":true,\"result\":[{\"name\":\"\xff\"}]}\n",
};

START_TEST(lists_that_make_no_sense)
{
    struct daemon_rig r = { .text = "" };
    struct adit_client *c = client(&r);
    for (size_t i = 0; i < sizeof wrong_lists / sizeof wrong_lists[0]; i++) {
        struct adit_entry **e;
        struct adit_connection **k;
        r.text = wrong_lists[i];
        int error = adit_entries(c, &e);
        ck_assert_msg(error == (i ? ADIT_RAS_INVALID_DATA : ADIT_RAS_NO_SERVICE), "%s: %d", r.text, error);
        ck_assert_ptr_null(e);
        error = adit_connections(c, &k);
        ck_assert_msg(error == (i ? ADIT_RAS_INVALID_DATA : ADIT_RAS_NO_SERVICE), "%s: %d", r.text, error);
        ck_assert_ptr_null(k);
    }
    static const char *const dns[] = { "5", "{}", "[5]", "[\"a\",null]" };
    for (size_t i = 0; i < 4; i++) {
        struct adit_connection **k;
        char text[128];
        snprintf(text, sizeof text, "{\"ok\":true,\"result\":[{\"handle\":1,\"dns\":%s}]}\n", dns[i]);
        r.text = text;
        ck_assert_int_eq(adit_connections(c, &k), ADIT_RAS_INVALID_DATA);
    }
    end(&r, c);
}
END_TEST

/* Every beginning of an answer, and every octet of it changed: 0 or an error, and with 0
 * a list that can be read. */
static void mutilate(const char *text, int (*call)(struct adit_client *c))
{
    struct daemon_rig r = { .text = text };
    struct adit_client *c = client(&r);
    size_t n = strlen(text);
    char copy[4096];
    ck_assert_uint_lt(n, sizeof copy);
    for (size_t i = 1; i < n; i++) {
        r.len = i;
        ck_assert_int_ne(call(c), 0);
        ck_assert_str_ne(adit_client_text(c), "");
    }
    static const char other[] = { '"', '}', ']', '\n', '-', '\\', (char)0x80, 'x' };
    r.len = n;
    r.text = copy;
    for (size_t i = 0; i < n; i++) {
        memcpy(copy, text, n + 1);
        copy[i] = other[i % sizeof other];
        call(c);
    }
    end(&r, c);
}

static int read_entries(struct adit_client *c)
{
    struct adit_entry **list;
    int error = adit_entries(c, &list);
    ck_assert_int_eq(error == 0, list != NULL);
    for (size_t i = 0; list && list[i]; i++)
        ck_assert(strlen(list[i]->name) + strlen(list[i]->owner) < 4096);
    adit_free(list);
    return error;
}

static int read_connections(struct adit_client *c)
{
    struct adit_connection **list;
    int error = adit_connections(c, &list);
    ck_assert_int_eq(error == 0, list != NULL);
    for (size_t i = 0; list && list[i]; i++)
        for (size_t k = 0; list[i]->dns[k]; k++)
            ck_assert(strlen(list[i]->dns[k]) + strlen(list[i]->entry) < 4096);
    adit_free(list);
    return error;
}

static int read_dial(struct adit_client *c)
{
    struct heard h = { .count = 0 };
    uint64_t handle;
    int error = adit_dial(c, &office, hear, &h, &handle);
    ck_assert_int_eq(error == 0, handle != 0);
    return error;
}

static int read_interfaces(struct adit_client *c)
{
    struct adit_interface **list;
    int error = adit_interfaces(c, &list);
    ck_assert_int_eq(error == 0, list != NULL);
    for (size_t i = 0; list && list[i]; i++)
        ck_assert(strlen(list[i]->name) + strlen(list[i]->text) < 4096);
    adit_free(list);
    return error;
}

START_TEST(demand_dial_interfaces)
{
    struct daemon_rig r = { .text = interfaces };
    struct adit_client *c = client(&r);
    struct adit_interface **list;
    ck_assert_int_eq(adit_interfaces(c, &list), 0);
    ck_assert_str_eq(list[0]->name, "branch");
    ck_assert_str_eq(list[0]->state, "unreachable");
    ck_assert_uint_eq(list[0]->persistent, 1);
    ck_assert_uint_eq(list[0]->packets_dialled, 5);
    ck_assert_uint_eq(list[0]->packets_refused, 6);
    ck_assert_str_eq(list[0]->code, "ADIT-NO-ANSWER");
    ck_assert_ptr_null(list[1]);
    adit_free(list);
    r.text = "{\"ok\":true,\"result\":[{\"persistent\":1}]}\n";
    ck_assert_int_eq(adit_interfaces(c, &list), ADIT_RAS_INVALID_DATA);
    end(&r, c);
}
END_TEST

START_TEST(cut_off_interfaces) { mutilate(interfaces, read_interfaces); }
END_TEST
START_TEST(cut_off_entries) { mutilate(entries, read_entries); }
END_TEST
START_TEST(cut_off_connections) { mutilate(connections, read_connections); }
END_TEST
START_TEST(cut_off_dial) { mutilate(dialled, read_dial); }
END_TEST
START_TEST(cut_off_failure) { mutilate(denied, read_dial); }
END_TEST

START_TEST(octet_by_octet)
{
    struct daemon_rig r = { .text = dialled, .step = 1 };
    struct adit_client *c = client(&r);
    ck_assert_int_eq(read_dial(c), 0);
    r.text = connections;
    ck_assert_int_eq(read_connections(c), 0);
    end(&r, c);
}
END_TEST

START_TEST(too_much)
{
    size_t n = 5u << 20;
    char *text = malloc(n + 1);
    struct daemon_rig r = { .text = text };
    memset(text, ' ', n);       /* one line that never ends */
    text[n] = '\0';
    struct adit_client *c = client(&r);
    ck_assert_int_eq(read_entries(c), ADIT_RAS_INVALID_DATA);
    ck_assert_int_eq(read_dial(c), ADIT_RAS_INVALID_DATA);
    size_t at = (size_t)sprintf(text, "{\"ok\":true,\"result\":[");
    for (int i = 0; i < 70000; i++)         /* more rows than are taken */
        at += (size_t)sprintf(text + at, "%s{\"handle\":1}", i ? "," : "");
    strcpy(text + at, "]}\n");
    ck_assert_int_eq(read_connections(c), ADIT_RAS_INVALID_DATA);
    memset(text, '[', 100000);  /* deeper than anything */
    strcpy(text + 100000, "\n");
    ck_assert_int_eq(read_connections(c), ADIT_RAS_INVALID_DATA);
    end(&r, c);
    free(text);
}
END_TEST

START_TEST(refusals)
{
    static const struct { const char *code; int error; } rows[] = {
        { "ADIT_ENOENT", ADIT_RAS_CANNOT_FIND_ENTRY }, { "ADIT_EDENIED", ADIT_RAS_ACCESS_DENIED },
        { "ADIT_ECONF", ADIT_RAS_INVALID_ENTRY }, { "ADIT_EEXIST", ADIT_RAS_ALREADY_DIALING },
        { "ADIT_EBUSY", ADIT_RAS_PORT_NOT_AVAILABLE }, { "ADIT_EAUTH", ADIT_RAS_NEEDS_CREDENTIALS },
        { "ADIT_NEVER_HEARD", ADIT_RAS_NOT_SUPPORTED },
    };
    struct daemon_rig r = { .text = "" };
    struct adit_client *c = client(&r);
    struct heard h = { .count = 0 };
    uint64_t handle;
    char text[256];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "{\"ok\":false,\"error\":{\"code\":\"%s\",\"text\":\"It says no.\"}}\n", rows[i].code);
        r.text = text;
        ck_assert_int_eq(adit_dial_begin(c, &office, hear, &h, &handle), rows[i].error);
        ck_assert_str_eq(adit_client_text(c), "It says no.");
        ck_assert_int_eq(adit_dial(c, &office, hear, &h, &handle), rows[i].error);
    }
    r.text = "{\"ok\":false,\"error\":{\"code\":\"ADIT_ENOENT\",\"text\":\"No handle 5.\"}}\n";
    ck_assert_int_eq(adit_hangup(c, 5), ADIT_RAS_INVALID_HANDLE);
    ck_assert_str_eq(r.request, "{\"verb\":\"dial.hangup\",\"args\":{\"handle\":5}}\n");
    ck_assert_int_eq(adit_wait(c, 5, 0, NULL), ADIT_RAS_INVALID_HANDLE);
    ck_assert_int_eq(adit_hangup_entry(c, "x"), ADIT_RAS_CANNOT_FIND_ENTRY);
    r.text = "{\"ok\":false,\"error\":{\"code\":\"ADIT_EDENIED\",\"text\":\"No.\",\"ras\":812}}\n";
    ck_assert_int_eq(adit_hangup(c, 5), ADIT_RAS_SERVER_POLICY);
    r.text = "{\"ok\":false}\n";
    ck_assert_int_eq(adit_hangup(c, 5), ADIT_RAS_NOT_SUPPORTED);
    ck_assert_int_eq(h.count, 0);
    end(&r, c);
}
END_TEST

/* ---- dialling -------------------------------------------------------------------------------- */

START_TEST(dial_through_the_states)
{
    struct daemon_rig r = { .text = dialled, .hang = true };
    struct adit_client *c = client(&r);
    struct heard h = { .count = 0 };
    uint64_t handle;
    ck_assert_int_eq(adit_dial(c, &office, hear, &h, &handle), 0);
    ck_assert_uint_eq(handle, 7);
    ck_assert_str_eq(h.states, "resolving connecting authenticating projected connected");
    ck_assert_str_eq(r.request, "{\"verb\":\"dial.begin\",\"args\":{\"entry\":\"office\"}}\n");
    ck_assert_int_eq(adit_dial(c, &office, NULL, NULL, &handle), 0);
    end(&r, c);
}
END_TEST

START_TEST(dial_that_fails)
{
    struct daemon_rig r = { .text = denied };
    struct adit_client *c = client(&r);
    struct heard h = { .count = 0 };
    uint64_t handle;
    ck_assert_int_eq(adit_dial(c, &office, hear, &h, &handle), 691);
    ck_assert_uint_eq(handle, 0);
    ck_assert_str_eq(h.states, "connecting failed");
    ck_assert_str_eq(adit_client_text(c), "The password is wrong.");
    r.text = "{\"handle\":8,\"state\":\"failed\"}\n";       /* it does not pass for success */
    ck_assert_int_ne(adit_dial(c, &office, hear, &h, &handle), 0);
    r.text = "{\"handle\":8,\"state\":\"ended\",\"ras\":0}\n";
    ck_assert_int_eq(adit_dial(c, &office, hear, &h, &handle), ADIT_RAS_USER_DISCONNECTION);
    r.text = "{\"state\":\"connected\"}\n";
    ck_assert_int_eq(adit_dial(c, &office, hear, &h, &handle), ADIT_RAS_INVALID_DATA);
    end(&r, c);
}
END_TEST

static void see_attempts(void *u, const struct adit_progress *p)
{
    int *n = u;
    for (; p->tried[*n]; ++*n)
        ck_assert_uint_ge(p->tried[*n]->size, sizeof **p->tried);
    if (*n) {
        ck_assert_str_eq(p->tried[0]->type, "l2tp-ipsec");
        ck_assert_int_eq(p->tried[0]->error, 809);
        ck_assert_str_eq(p->tried[1]->code, "ADIT-AUTH-FAILED");
        ck_assert_str_eq(p->remedy, "Type it again.");
    }
}

START_TEST(what_was_tried)
{
    struct daemon_rig r = { .text = denied };
    struct adit_client *c = client(&r);
    int n = 0;
    uint64_t handle;
    adit_dial(c, &office, see_attempts, &n, &handle);
    ck_assert_int_eq(n, 2);
    end(&r, c);
}
END_TEST

START_TEST(credentials_go_out)
{
    struct daemon_rig r = { .text = dialled };
    struct adit_client *c = client(&r);
    struct adit_credentials who = { .size = sizeof who, .user = "DOM\\anna", .password = "p\"\\\n\xc3\xa9",
                                    .psk = "key" };
    struct adit_dial_options o = { .size = sizeof o, .entry_json = "{\"name\": \"own\",\n \"server\": [\"a\"]}",
                                   .credentials = &who };
    uint64_t handle;
    ck_assert_int_eq(adit_dial(c, &o, NULL, NULL, &handle), 0);
    ck_assert_str_eq(r.request, "{\"verb\":\"dial.begin\",\"args\":{\"entry\":{\"name\":\"own\",\"server\":[\"a\"]},"
                                "\"user\":\"DOM\\u005canna\",\"password\":\"p\\u0022\\u005c\\u000a\xc3\xa9\","
                                "\"psk\":\"key\"}}\n");
    static const char *const bad[] = { "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xc3" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        strcpy(who.password, bad[i]);
        ck_assert_int_eq(adit_dial(c, &o, NULL, NULL, &handle), ADIT_RAS_INVALID_PARAMETER);
    }
    memset(who.password, 'x', sizeof who.password);         /* without an end */
    ck_assert_int_eq(adit_dial(c, &o, NULL, NULL, &handle), ADIT_RAS_INVALID_PARAMETER);
    adit_credentials_wipe(&who);
    for (size_t i = 0; i < ADIT_CREDENTIAL_MAX; i++)
        ck_assert(!who.user[i] && !who.password[i] && !who.psk[i]);
    adit_credentials_wipe(NULL);
    ck_assert_uint_eq(r.asked, 1);
    end(&r, c);
}
END_TEST

START_TEST(arguments)
{
    struct daemon_rig r = { .text = dialled };
    struct adit_client *c = client(&r);
    struct { struct adit_dial_options o; uint64_t later; } newer = { .o = { .size = sizeof newer, .entry = "office" } };
    struct adit_dial_options o = { .size = sizeof o };
    uint64_t handle;
    ck_assert_int_eq(adit_dial(c, &newer.o, NULL, NULL, &handle), 0);
    newer.later = 1;            /* asks for what this version does not know */
    ck_assert_int_eq(adit_dial(c, &newer.o, NULL, NULL, &handle), ADIT_RAS_INVALID_SIZE);
    ck_assert_int_eq(adit_dial(c, &o, NULL, NULL, &handle), ADIT_RAS_INVALID_PARAMETER);
    o.entry = o.entry_json = "{}";
    ck_assert_int_eq(adit_dial(c, &o, NULL, NULL, &handle), ADIT_RAS_INVALID_PARAMETER);
    o.entry = NULL;
    o.entry_json = "[]";
    ck_assert_int_eq(adit_dial(c, &o, NULL, NULL, &handle), ADIT_RAS_INVALID_ENTRY);
    o.size = 8;
    ck_assert_int_eq(adit_dial(c, &o, NULL, NULL, &handle), ADIT_RAS_INVALID_SIZE);
    ck_assert_int_eq(adit_dial(c, NULL, NULL, NULL, &handle), ADIT_RAS_INVALID_PARAMETER);
    ck_assert_int_eq(adit_dial(c, &office, NULL, NULL, NULL), ADIT_RAS_INVALID_PARAMETER);
    ck_assert_int_eq(adit_dial_begin(NULL, &office, NULL, NULL, &handle), ADIT_RAS_INVALID_PARAMETER);
    char *big = malloc(300000);
    memset(big, 'x', 299999);
    big[299999] = '\0';
    struct adit_dial_options huge = { .size = sizeof huge, .entry = big };
    ck_assert_int_eq(adit_dial(c, &huge, NULL, NULL, &handle), ADIT_RAS_INVALID_PARAMETER);
    free(big);
    ck_assert_int_eq(adit_client_fd(NULL), -1);
    ck_assert_str_eq(adit_client_text(NULL), "");
    ck_assert_int_eq(adit_client_dispatch(NULL), ADIT_RAS_INVALID_PARAMETER);
    ck_assert_int_eq(adit_hangup(NULL, 1), ADIT_RAS_INVALID_PARAMETER);
    ck_assert_int_eq(adit_hangup_entry(c, NULL), ADIT_RAS_INVALID_PARAMETER);
    ck_assert_int_eq(adit_unwatch(c, 5), ADIT_RAS_INVALID_HANDLE);
    end(&r, c);
}
END_TEST

START_TEST(dial_in_an_event_loop)
{
    struct daemon_rig r = { .text = dialled, .hang = true };
    struct adit_client *c = client(&r);
    struct heard h = { .count = 0 }, again = { .count = 0 };
    uint64_t one, two;
    ck_assert_int_eq(adit_dial_begin(c, &office, hear, &h, &one), 0);
    ck_assert_uint_eq(one, 7);
    ck_assert_int_eq(h.count, 0);           /* nothing is told before the dispatch */
    ck_assert_int_eq(adit_dial_begin(c, &office, hear, &again, &two), 0);
    run(c, &h);
    run(c, &again);
    ck_assert_str_eq(h.states, "resolving connecting authenticating projected connected");
    ck_assert_str_eq(again.states, h.states);
    struct pollfd p = { .fd = adit_client_fd(c), .events = POLLIN };
    ck_assert_int_eq(adit_client_dispatch(c), 0);
    ck_assert_int_eq(poll(&p, 1, 0), 0);    /* it does not spin */
    end(&r, c);
}
END_TEST

START_TEST(an_attempt_ends_with_its_client)
{
    struct daemon_rig r = { .text = "{\"handle\":7,\"state\":\"connecting\"}\n", .hang = true };
    struct adit_client *c = client(&r);
    uint64_t handle;
    ck_assert_int_eq(adit_dial_begin(c, &office, NULL, NULL, &handle), 0);
    ck_assert_int_eq(adit_client_dispatch(c), 0);
    ck_assert_uint_eq(r.left, 0);
    adit_client_close(c);
    expect(somebody_left, &r);
    daemon_rig_stop(&r);
}
END_TEST

START_TEST(an_attempt_has_a_time_limit)
{
    struct daemon_rig r = { .text = "{\"handle\":7,\"state\":\"connecting\"}\n", .hang = true };
    struct adit_client *c = client(&r);
    struct adit_dial_options o = { .size = sizeof o, .entry = "office", .timeout_ms = 50 };
    struct heard h = { .count = 0 };
    uint64_t handle;
    ck_assert_int_eq(adit_dial_begin(c, &o, hear, &h, &handle), 0);
    run(c, &h);
    ck_assert_str_eq(h.states, "connecting failed");
    ck_assert_int_eq(h.error, ADIT_RAS_TIMEOUT);
    expect(somebody_left, &r);
    ck_assert_int_eq(adit_dial(c, &o, NULL, NULL, &handle), ADIT_RAS_TIMEOUT);
    end(&r, c);
}
END_TEST

START_TEST(closed_by_a_callback)
{
    struct daemon_rig r = { .text = dialled, .hang = true };
    struct adit_client *c = client(&r);
    struct heard h = { .close = c }, other = { .count = 0 };
    uint64_t handle;
    ck_assert_int_eq(adit_dial_begin(c, &office, hear, &other, &handle), 0);
    ck_assert_int_eq(adit_dial_begin(c, &office, hear, &h, &handle), 0);
    ck_assert_int_eq(adit_client_dispatch(c), 0);
    ck_assert_int_eq(h.count, 1);
    ck_assert_int_eq(other.count, 0);
    ck_assert_int_eq(adit_client_open(r.path, &c), 0);
    h = (struct heard){ .close = c };
    ck_assert_int_eq(adit_dial(c, &office, hear, &h, &handle), ADIT_RAS_USER_DISCONNECTION);
    ck_assert_int_eq(h.count, 1);
    daemon_rig_stop(&r);
}
END_TEST

/* ---- the end of a connection ------------------------------------------------------------------- */

START_TEST(wait_for_the_end)
{
    struct daemon_rig r = { .text = "{\"handle\":7,\"state\":\"connected\"}\n{\"handle\":7,\"state\":\"redialling\"}\n"
                                    "{\"state\":\"ended\",\"ras\":829,\"code\":\"ADIT-LOST-CARRIER\",\"text\":\"Lost.\"}\n" };
    struct adit_client *c = client(&r);
    int error;
    ck_assert_int_eq(adit_wait(c, 7, 0, &error), 0);
    ck_assert_int_eq(error, 829);
    ck_assert_str_eq(adit_client_text(c), "Lost.");
    ck_assert_str_eq(r.request, "{\"verb\":\"dial.watch\",\"args\":{\"handle\":7}}\n");
    r.text = "{\"state\":\"waiting\",\"ras\":809}\n{\"state\":\"ended\",\"ras\":0}\n";
    ck_assert_int_eq(adit_wait(c, 7, 0, &error), 0);
    ck_assert_int_eq(error, 0);
    ck_assert_str_eq(adit_client_text(c), "");
    r.text = "{\"handle\":7,\"state\":\"connected\"}\n";
    r.hang = true;
    ck_assert_int_eq(adit_wait(c, 7, 30, &error), ADIT_RAS_TIMEOUT);
    r.hang = false;
    ck_assert_int_eq(adit_wait(c, 7, 0, NULL), ADIT_RAS_NO_SERVICE);
    end(&r, c);
}
END_TEST

START_TEST(watch_until_the_daemon_dies)
{
    struct daemon_rig r = { .text = "{\"handle\":7,\"state\":\"connected\"}\n{\"handle\":7,\"state\":\"waiting\"}\n" };
    struct adit_client *c = client(&r);
    struct heard h = { .count = 0 };
    ck_assert_int_eq(adit_watch(c, 7, hear, &h), 0);
    struct pollfd p = { .fd = adit_client_fd(c), .events = POLLIN };
    while (h.last != ADIT_STATE_ENDED) {
        ck_assert_int_eq(poll(&p, 1, 5000), 1);
        ck_assert_int_eq(adit_client_dispatch(c), 0);
    }
    ck_assert_str_eq(h.states, "connected waiting ended");
    ck_assert_int_eq(h.error, ADIT_RAS_NO_SERVICE);
    ck_assert_str_eq(h.text, adit_error_text(ADIT_RAS_NO_SERVICE));
    end(&r, c);
}
END_TEST

START_TEST(unwatch_by_a_callback)
{
    struct daemon_rig r = { .text = "{\"handle\":7,\"state\":\"connected\"}\n{\"handle\":7,\"state\":\"waiting\"}\n",
                            .hang = true };
    struct adit_client *c = client(&r);
    struct heard h = { .unwatch = c };
    ck_assert_int_eq(adit_watch(c, 7, hear, &h), 0);
    struct pollfd p = { .fd = adit_client_fd(c), .events = POLLIN };
    ck_assert_int_eq(poll(&p, 1, 5000), 1);
    ck_assert_int_eq(adit_client_dispatch(c), 0);
    ck_assert_int_eq(h.count, 1);
    expect(somebody_left, &r);
    ck_assert_int_eq(adit_client_dispatch(c), 0);
    ck_assert_int_eq(h.count, 1);
    end(&r, c);
}
END_TEST

/* ---- numbers -------------------------------------------------------------------------------------- */

START_TEST(sentences)
{
    static const int ras[] = {
#define ADIT_X(number, NAME, code, ras_, mschap, text) ras_,
        ADIT_CAUSE_MAP(ADIT_X)
#undef ADIT_X
        649, 691, 718, 720, 734, 806, 809, 812, 868, 5, 6, 8, 13, 50, 87, 621, 623, 625, 631, 632, 703, 711, 756, 1460,
    };
    const char *general = adit_error_text(99999);
    for (size_t i = 0; i < sizeof ras / sizeof ras[0]; i++)
        ck_assert_msg(adit_error_text(ras[i]) != general, "%d has no sentence", ras[i]);
    ck_assert_str_eq(adit_error_text(-5), general);
    for (uint32_t i = 0; i <= ADIT_STATE_REDIALLING; i++)
        ck_assert_str_ne(adit_state_text(i), i ? "other" : "");
    ck_assert_str_eq(adit_state_text(4711), "other");
    ck_assert_str_eq(adit_version(), ADIT_VERSION);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        nobody_answers, environment_names_the_socket, users_are_sent_to_the_socket_beside, time_limit,
        phone_book, connections_and_statistics, lists_that_make_no_sense, cut_off_entries,
        demand_dial_interfaces, cut_off_interfaces, cut_off_connections, cut_off_dial, cut_off_failure, octet_by_octet, too_much, refusals,
        sentences, NULL,
    };
    const TTest *const dials[] = {
        dial_through_the_states, dial_that_fails, what_was_tried, credentials_go_out, arguments,
        dial_in_an_event_loop, an_attempt_ends_with_its_client, an_attempt_has_a_time_limit,
        closed_by_a_callback, wait_for_the_end, watch_until_the_daemon_dies, unwatch_by_a_callback, NULL,
    };
    Suite *s = unit_suite("libadit", tests);
    TCase *tc = tcase_create("dial");
    tcase_set_timeout(tc, 30);
    for (size_t i = 0; dials[i]; i++)
        tcase_add_test(tc, dials[i]);
    suite_add_tcase(s, tc);
    return s;
}

UNIT_MAIN(suite)
