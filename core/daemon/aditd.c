/* aditd.c - the daemon: reads the configuration, starts the rooms, serves.
 *
 * Knows:  the order in which things begin and end, signals, the command line.
 * Leaves: everything else.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/addr.h"
#include "config/conf.h"
#include "control/ctl.h"
#include "crypto/crypto.h"
#include "daemon/fence.h"
#include "daemon/filters.h"
#include "daemon/inst.h"
#include "daemon/notify.h"
#include "datapath/dp.h"
#include "dial/dial_io.h"
#include "diagnose/trace.h"
#include "log/log.h"
#include "loop/loop.h"
#include "path/path.h"
#include "plugin/plug.h"
#include "privilege/priv.h"
#include "session/ses.h"

ADIT_EVENT(ev_started, "daemon.started", ADIT_LOG_NOTICE,
           "The daemon serves.", "version config socket interface");
ADIT_EVENT(ev_reloaded, "daemon.reloaded", ADIT_LOG_NOTICE,
           "The configuration was read again.", "config");
ADIT_EVENT(ev_stopping, "daemon.stopping", ADIT_LOG_NOTICE,
           "The daemon ends all sessions and stops.", "signal");
ADIT_EVENT(ev_restart, "daemon.restart-needed", ADIT_LOG_WARN,
           "A changed option takes effect when the daemon is restarted.", "section option");
ADIT_EVENT(ev_refused, "daemon.reload-refused", ADIT_LOG_ERROR,
           "The new configuration has errors; the old one stays in force.", "config text");

#define SOCKET_MAX 107          /* bytes of a Unix socket's name */

/* ---- section `daemon:` ------------------------------------------------------- */

struct daemon_conf {
    const char *control_socket, *plugin_dir, *state_dir, *log_file;
    uint32_t log, log_level;
    uint32_t control_mode;
};

static const struct adit_word log_words[] = {
    { "stderr", LOG_TO_STDERR, 0 }, { "syslog", LOG_TO_SYSLOG, 0 },
    { "journal", LOG_TO_JOURNAL, 0 }, { "file", LOG_TO_FILE, 0 }, { NULL, 0, 0 },
};
static const struct adit_word level_words[] = {
    { "error", ADIT_LOG_ERROR, 0 },   { "warning", ADIT_LOG_WARN, 0 },
    { "notice", ADIT_LOG_NOTICE, 0 }, { "info", ADIT_LOG_INFO, 0 },
    { "debug", ADIT_LOG_DEBUG, 0 },   { NULL, 0, 0 },
};
static const struct adit_word mode_words[] = {
    { "owner", 0600, 0 }, { "group", 0660, 0 }, { "all", 0666, 0 }, { NULL, 0, 0 },
};

// clang-format off
static const struct adit_opt daemon_opts[] = {
    ADIT_OPT(FILE, daemon_conf, control_socket, "control-socket", ADIT_RUN_DIR "/control.sock", 0, "The socket that adit talks to."),
    ADIT_OPT_WORDS(ENUM, daemon_conf, control_mode, "control-access", mode_words, "owner", 0, "Who may use the socket: its owner (root), its group, or all."),
    ADIT_OPT(FILE, daemon_conf, plugin_dir, "plugin-dir", ADIT_PLUGIN_DIR, 0, "Every NAME.so in this directory is loaded."),
    ADIT_OPT(FILE, daemon_conf, state_dir, "state-dir", ADIT_STATE_DIR, 0, "What must survive a crash is kept here."),
    ADIT_OPT_WORDS(ENUM, daemon_conf, log, "log", log_words, "stderr", ADIT_OPT_RELOAD, "Where the log goes."),
    ADIT_OPT(FILE, daemon_conf, log_file, "log-file", NULL, ADIT_OPT_RELOAD, "The file, with log: file."),
    ADIT_OPT_WORDS(ENUM, daemon_conf, log_level, "log-level", level_words, "notice", ADIT_OPT_RELOAD, "Events up to this level are logged."),
    ADIT_OPT_END
};

/* ---- section `network:` ----------------------------------------------------------- */

struct network_conf {
    const char *interface;
    uint32_t forward, proxy_arp, offload;
    struct fence_conf fence;
};

static const struct adit_opt network_opts[] = {
    ADIT_OPT(STR, network_conf, interface, "interface", "adit%d", 0, "Name of the interface that clients are behind; %d counts."),
    ADIT_OPT(BOOL, network_conf, forward, "forward", "yes", 0, "Forward packets between clients and other interfaces."),
    ADIT_OPT(BOOL, network_conf, proxy_arp, "proxy-arp", "yes", 0, "Answer ARP for clients whose address is of a network on this host."),
    ADIT_OPT(BOOL, network_conf, offload, "offload", "yes", 0, "Exchange super-packets with the kernel."),
    FENCE_OPTS(network_conf),
    ADIT_OPT_END
};
// clang-format on

static const char *const sections[] = { "daemon",   "network",    "ppp",      "tunnels",
                                        "auth",     "policies",   "pools",    "accounting",
                                        "observers", "security",  "filters",  "dial", NULL };

static struct {
    const char *config;
    bool check, foreground;
    const char *socket, *level;
    struct daemon_conf conf;
    struct conf_mem *conf_mem;
    struct network_conf network;
    struct conf_mem *network_mem;
    char *state_dir;            /* as it was at the start: a reload does not move it */
    char state_problem[256];
    int ready_fd;
} me = { .config = ADIT_CONF_DIR "/aditd.yaml", .ready_fd = -1 };

/* ---- reading ------------------------------------------------------------------------- */

static int32_t fill(const struct conf_node *root, const char *key, const struct adit_opt *opts,
                    uint32_t size, void *out, struct conf_mem **mem, const struct conf_err *err)
{
    return conf_fill(conf_get(root, key), opts, sizeof(struct adit_opt), NULL, size, out, mem, err);
}

static int32_t check_sections(const struct conf_node *root, const struct conf_err *err)
{
    int32_t rc = 0;
    for (uint32_t i = 0; i < conf_count(root); i++) {
        const char *key = conf_key(root, i);
        size_t n = 0;
        while (sections[n] && strcmp(sections[n], key) != 0)
            n++;
        if (sections[n])
            continue;
        const char *near = conf_nearest(key, sections);
        rc = near ? conf_error_key(root, i, err, "unknown section '%s'; did you mean '%s'?", key, near)
                  : conf_error_key(root, i, err, "unknown section '%s'", key);
    }
    return rc;
}

static void logging(void)
{
    log_level(me.conf.log_level);
    if (me.conf.log == LOG_TO_FILE && !me.conf.log_file)
        log_fail("daemon", ADIT_ECONF, "daemon.log is file, but daemon.log-file is not set");
    else
        log_open(me.conf.log, me.conf.log_file);
}

/* Section `daemon:` with what the command line says over it. */
static int32_t read_daemon(const struct conf_node *root, struct daemon_conf *out,
                           struct conf_mem **mem, const struct conf_err *err)
{
    struct daemon_conf c;
    int32_t rc = fill(root, "daemon", daemon_opts, sizeof c, &c, mem, err);
    if (rc)
        return rc;
    if (me.socket)
        c.control_socket = me.socket;
    if (strlen(c.control_socket) > SOCKET_MAX) {
        rc = conf_error(conf_get(conf_get(root, "daemon"), "control-socket"), err,
                        "the control socket's path is longer than %d bytes", SOCKET_MAX);
        conf_mem_free(*mem);
        *mem = NULL;
        return rc;
    }
    for (const struct adit_word *w = level_words; me.level && w->word; w++)
        if (!strcmp(w->word, me.level))
            c.log_level = w->value;
    *out = c;
    return 0;
}

static void daemon_take(const struct daemon_conf *c, struct conf_mem *mem)
{
    conf_mem_free(me.conf_mem);
    me.conf = *c;
    me.conf_mem = mem;
}

static int32_t read_network(const struct conf_node *root, struct network_conf *out, struct conf_mem **mem,
                            const struct conf_err *err)
{
    int32_t rc = fill(root, "network", network_opts, sizeof *out, out, mem, err);
    return rc ? rc : fence_check(conf_get(root, "network"), &out->fence, out->forward, err);
}

static int32_t take_network(const struct conf_node *root)
{
    conf_mem_free(me.network_mem);
    me.network_mem = NULL;
    return read_network(root, &me.network, &me.network_mem, NULL);
}

/* Tells of an option that differs and cannot change while the daemon runs. */
static void tell_restart(const char *section, const struct adit_opt *opts, const void *old,
                         const void *fresh)
{
    const char *name = NULL;
    if (conf_diff(opts, sizeof(struct adit_opt), old, fresh, &name) == CONF_RESTART)
        LOG_EVENT("daemon", &ev_restart, ADIT_KV_S("section", section), ADIT_KV_S("option", name));
}

/* Collects the errors of a reload, to tell whoever asked. */
struct told {
    char *text;
    size_t size, used;
};

static void tell(void *u, const char *sentence)
{
    struct told *t = u;
    log_fail("config", ADIT_ECONF, "%s", sentence);
    if (t->used < t->size)
        t->used += (size_t)snprintf(t->text + t->used, t->size - t->used, "%s%s",
                                    t->used ? "\n" : "", sentence);
}

static int reload(char *text, size_t size)
{
    struct told told = { text, size, 0 };
    struct conf_err err = { tell, &told };
    notify("RELOADING=1");
    struct conf_doc *d = conf_read(me.config, &err);
    const struct conf_node *root = d ? conf_root(d) : NULL;
    struct network_conf n;
    struct daemon_conf c;
    struct conf_mem *n_mem = NULL, *c_mem = NULL;
    /* everything is looked at before anything is changed */
    int32_t rc = d ? check_sections(root, &err) : ADIT_ECONF;
    if (!rc)
        rc = read_network(root, &n, &n_mem, &err);
    if (!rc)
        rc = read_daemon(root, &c, &c_mem, &err);
    struct inst_plan *plan = rc ? NULL : inst_plan_new(root, false, &err);
    if (!rc && !plan)
        rc = ADIT_ECONF;
    struct filters_plan *filters = rc ? NULL : filters_plan_new(root, &err);
    if (!rc && !filters)
        rc = ADIT_ECONF;
    struct dial_plan *dial = rc ? NULL : dial_plan_new(root, &err);
    if (!rc && !dial)
        rc = ADIT_ECONF;
    if (!rc)
        rc = ses_conf_read(conf_get(root, "ppp"), &err);
    if (rc) {
        conf_mem_free(c_mem);
        LOG_EVENT("daemon", &ev_refused, ADIT_KV_S("config", me.config), ADIT_KV_S("text", text));
    } else {
        tell_restart("daemon", daemon_opts, &me.conf, &c);
        tell_restart("network", network_opts, &me.network, &n);
        tell_restart("dial", dial_opts, dial_conf_get(), dial_plan_conf(dial));
        daemon_take(&c, c_mem);
        logging();
        conf_in_force_take(d);
        inst_apply(plan);
        if (filters_apply(filters))
            inst_problem("the filters stay as they were: out of memory");
        if (fence_apply(&n.fence))
            inst_problem("network.internet-interface and network.nat stay as they were; see the log");
        fence_settle();
        dial_apply(dial);
        const char *problem;
        size_t used = (size_t)snprintf(text, size, "%s was read again", me.config);
        for (uint32_t i = 0; used < size && (problem = inst_problem_nth(i)); i++)
            used += (size_t)snprintf(text + used, size - used, "\nbut %s", problem);
        LOG_EVENT("daemon", &ev_reloaded, ADIT_KV_S("config", me.config));
    }
    dial_plan_free(dial);
    filters_plan_free(filters);
    inst_plan_free(plan);
    conf_mem_free(n_mem);
    if (rc)
        conf_free(d);
    notify("READY=1");
    return rc;
}

/* ---- ending --------------------------------------------------------------------------- */

#define DRAIN_MS 3000u          /* so long accountants may wait for answers */

static struct loop_timer *drain_timer;
static uint64_t drain_until;

/* Accountants say their last; what is not answered in time they keep. */
static void drain(void *u)
{
    uint32_t waiting = 0;
    (void)u;
    for (struct plug_inst *i = NULL; (i = plug_running_next(ADIT_KIND_ACCOUNTING, i));) {
        const struct adit_accounting *vt = plug_vtable(i);
        if (vt->drain)
            PLUG_CALL(i, "drain", waiting += vt->drain(plug_self(i)) != 0);
    }
    if (!waiting || loop_now() >= drain_until)
        loop_stop();
    else
        loop_timer_set(drain_timer, 20);
}

static void all_closed(void *u)
{
    (void)u;
    drain_until = loop_now() + DRAIN_MS;
    drain_timer = loop_timer_new(drain, NULL);
    loop_timer_set(drain_timer, 0);
}

static void stop_by(const char *what)
{
    static bool stopping;
    if (stopping) {             /* asked twice: at once */
        loop_stop();
        return;
    }
    stopping = true;
    notify("STOPPING=1");
    LOG_EVENT("daemon", &ev_stopping, ADIT_KV_S("signal", what));
    ses_close_all(ADIT_CAUSE_SHUTDOWN, all_closed, NULL);
}

static void stop(void) { stop_by("control"); }

static void on_signal(void *u, int signum)
{
    char text[512];
    (void)u;
    if (signum == SIGHUP)
        reload(text, sizeof text);
    else
        stop_by(signum == SIGINT ? "SIGINT" : "SIGTERM");
}

static struct loop_timer *watchdog;

static void watch(void *u)
{
    (void)u;
    notify("WATCHDOG=1");
    loop_timer_set(watchdog, notify_watchdog_ms());
}

/* ---- the host's services ------------------------------------------------------------------ */

static void flush_tunnels(void *u)
{
    (void)u;
    for (struct ses_tunnel *t = NULL; (t = ses_tunnel_next(t));) {
        struct ses_tunnel_info i;
        ses_tunnel_info(t, &i);
        const struct adit_tunnel *vt = plug_vtable(i.inst);
        if (vt->flush)
            vt->flush(plug_self(i.inst));
    }
}

/* `state_dir` NULL: plugins keep nothing. */
static void services(const char *state_dir)
{
    static struct adit_host host;
    host = (struct adit_host){
        .size = sizeof host, .abi_minor = ADIT_ABI_MINOR, .version = ADIT_VERSION,
        .log = &plug_log_api, .loop = &loop_api, .stream = &loop_stream_api, .path = &path_api,
        .link = &ses_link_api, .frame = &path_frame_api, .attr = &plug_attr_api,
        .request = &plug_request_api, .report = &ctl_report_api, .control = &plug_control_api,
        .config = &plug_config_api, .crypto = &crypto_api, .judge = &crypto_judge_api,
        .security = &path_security_api, .session = &ses_session_api, .lease = &ses_lease_api,
        .state_dir = state_dir, .trace = &trace_api,
    };
    plug_host(&host);
    path_on_flush(flush_tunnels, NULL);
}

/* ---- beginning ------------------------------------------------------------------------------- */

/* In the background: the first process waits until the daemon serves. */
static int detach(void)
{
    int fd[2];
    char ok = 1;
    if (pipe2(fd, O_CLOEXEC))
        return -1;
    pid_t pid = fork();
    if (pid < 0)
        return -1;
    if (pid > 0) {
        close(fd[1]);
        ssize_t n = read(fd[0], &ok, 1);
        _exit(n == 1 ? ok : EXIT_FAILURE);
    }
    close(fd[0]);
    setsid();
    me.ready_fd = fd[1];
    return 0;
}

static void detached_ready(void)
{
    if (me.ready_fd < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
        if (me.conf.log != LOG_TO_STDERR)
            dup2(null, 2);
        close(null);
    }
    (void)!write(me.ready_fd, "", 1);
    close(me.ready_fd);
    me.ready_fd = -1;
}

/* Makes the state directory. The right to write what is somebody else's is given up
 * before serving, so it has to be our own user's; and nobody else may be able to put
 * a link where a plugin writes. False, and why: nothing is kept. */
static bool state_dir_ready(const char *path)
{
    struct stat st;
    char *why = me.state_problem;
    size_t n = sizeof me.state_problem;
    if ((mkdir(path, 0700) && errno != EEXIST) || stat(path, &st))
        snprintf(why, n, "daemon.state-dir: %s cannot be made: %s", path, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        snprintf(why, n, "daemon.state-dir: %s is no directory", path);
    else if (st.st_uid != geteuid())
        snprintf(why, n, "daemon.state-dir: %s belongs to uid %u; run: chown %u '%s'", path,
                 (unsigned)st.st_uid, (unsigned)geteuid(), path);
    else if (st.st_mode & (S_IWGRP | S_IWOTH))
        snprintf(why, n, "daemon.state-dir: %s can be written by others; run: chmod 700 '%s'", path,
                 path);
    else
        return true;
    log_fail("daemon", ADIT_ECONF, "%s", why);
    return false;
}

/* Why the daemon is degraded: itself, then its instances. */
static const char *problem_nth(uint32_t nth)
{
    bool own = *me.state_problem;
    return own && !nth ? me.state_problem : inst_problem_nth(nth - own);
}

/* The socket on which users dial, beside the control socket unless it is named. */
static int open_for_users(const struct dial_conf *c)
{
    char path[SOCKET_MAX + 32];
    const char *slash = strrchr(me.conf.control_socket, '/');
    struct group *g = c->access == DIAL_FOR_GROUP ? getgrnam(c->group) : NULL;
    snprintf(path, sizeof path, "%.*s/dial.sock", (int)(slash - me.conf.control_socket), me.conf.control_socket);
    if (c->socket)
        snprintf(path, sizeof path, "%.*s", SOCKET_MAX, c->socket);
    int rc = ctl_open_users(path, c->access == DIAL_FOR_ALL ? 0666 : g ? 0660 : 0600, "dial.");
    if (!rc && g && lchown(path, (uid_t)-1, g->gr_gid))
        return log_fail("daemon", ADIT_EDENIED, "%s cannot be given to the group %s: %s", path, c->group,
                        strerror(errno));
    return rc;
}

static int serve(const struct inst_plan *plan, const struct filters_plan *filters, struct dial_plan *dial)
{
    const struct network_conf *n = &me.network;
    const char *state = state_dir_ready(me.state_dir) ? me.state_dir : NULL;
    services(state);
    char dir[512];
    snprintf(dir, sizeof dir, "%s", me.conf.control_socket);
    if (strrchr(dir, '/') && strrchr(dir, '/') != dir) {
        *strrchr(dir, '/') = '\0';
        if (mkdir(dir, 0755) == 0)
            (void)chmod(dir, 0755);     /* whatever the umask: each socket has a mode of its own */
    }
    /* A second daemon on the same socket must not touch what the first one serves. */
    if (ctl_open(me.conf.control_socket, me.conf.control_mode))
        return EXIT_FAILURE;
    const struct ses_conf *s = ses_conf_get();
    dp_recover(me.state_dir);
    struct dp_cfg dp = { .tun = n->interface, .mtu = s->mtu, .address = s->server_address,
                         .address6 = s->server_address6, .forward = n->forward, .proxy_arp = n->proxy_arp,
                         .state_dir = me.state_dir, .offload = n->offload };
    dp.address.prefix = 32;
    dp.address6.prefix = 128;
    if (dp_open(&dp)) {
        ctl_close();
        return EXIT_FAILURE;
    }
    /* before anybody is served, and again when it is known what is */
    if (fence_apply(&n->fence)) {
        dp_close();
        ctl_close();
        return EXIT_FAILURE;
    }
    inst_apply(plan);
    if (filters_apply(filters))
        inst_problem("the filters are not in force: out of memory");
    fence_settle();
    for (struct plug_object *o = NULL; (o = plug_object_next(o));) {
        struct plug_object_info i;
        plug_object_info(o, &i);
        if (i.refused)
            inst_problem("plugin %s was refused: %s", i.file, i.refused);
    }
    struct ctl_daemon d = { me.config, reload, stop, problem_nth };
    ctl_verbs_open(&d);
    if (dial_start(dial, state) || open_for_users(dial_conf_get()))
        inst_problem("nobody can dial; see the log");
    else
        ctl_dial_verbs();
    loop_signal(SIGINT, on_signal, NULL);
    loop_signal(SIGTERM, on_signal, NULL);
    loop_signal(SIGHUP, on_signal, NULL);
    if (notify_watchdog_ms()) {
        watchdog = loop_timer_new(watch, NULL);
        watch(NULL);
    }
    /* No packet was read yet: who cannot give up what it need not have does not serve. */
    if (priv_drop()) {
        inst_stop_all();
        dial_stop();
        dp_close();
        ctl_close();
        return EXIT_FAILURE;
    }
    LOG_EVENT("daemon", &ev_started, ADIT_KV_S("version", ADIT_VERSION),
              ADIT_KV_S("config", me.config), ADIT_KV_S("socket", me.conf.control_socket),
              ADIT_KV_S("interface", dp_tun_name()));
    notify("READY=1");
    detached_ready();

    int rc = loop_run();
    inst_stop_all();
    dial_stop();
    fence_fini();
    dp_close();
    ctl_close();
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const char usage[] =
    "usage: aditd [options]\n"
    "Serves PPTP and L2TP as its configuration says; see aditd(8) and aditd.yaml(5).\n"
    "  -c, --config FILE      the configuration (" ADIT_CONF_DIR "/aditd.yaml)\n"
    "  -f, --foreground       do not go to the background\n"
    "  -t, --check            look at the configuration and the plugins, then exit\n"
    "  -s, --socket PATH      the control socket, instead of daemon.control-socket\n"
    "  -l, --log-level LEVEL  error, warning, notice, info or debug\n"
    "  -V, --version\n"
    "  -h, --help\n";

static void arguments(int argc, char **argv)
{
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'c' },    { "foreground", no_argument, NULL, 'f' },
        { "check", no_argument, NULL, 't' },           { "socket", required_argument, NULL, 's' },
        { "log-level", required_argument, NULL, 'l' }, { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },            { NULL, 0, NULL, 0 },
    };
    for (int o; (o = getopt_long(argc, argv, "c:fts:l:Vh", longs, NULL)) != -1;) {
        switch (o) {
        case 'c': me.config = optarg; break;
        case 'f': me.foreground = true; break;
        case 't': me.check = true; break;
        case 's': me.socket = optarg; break;
        case 'l': me.level = optarg; break;
        case 'V': puts("aditd " ADIT_VERSION); exit(EXIT_SUCCESS);
        case 'h': fputs(usage, stdout); exit(EXIT_SUCCESS);
        default:  fputs(usage, stderr); exit(2);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "aditd: '%s' is no option\n%s", argv[optind], usage);
        exit(2);
    }
    size_t n = 0;
    while (me.level && level_words[n].word && strcmp(level_words[n].word, me.level) != 0)
        n++;
    if (me.level && !level_words[n].word) {
        fprintf(stderr, "aditd: --log-level %s: it is error, warning, notice, info or debug\n",
                me.level);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    arguments(argc, argv);
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    log_level(ADIT_LOG_WARN);
    log_open(LOG_TO_STDERR, NULL);
    char *config = realpath(me.config, NULL);
    if (config)
        me.config = config;

    struct conf_doc *d = conf_read(me.config, NULL);
    if (!d)
        return EXIT_FAILURE;
    conf_in_force_take(d);
    const struct conf_node *root = conf_root(d);
    int32_t rc = check_sections(root, NULL);
    struct daemon_conf c;
    struct conf_mem *mem = NULL;
    if (read_daemon(root, &c, &mem, NULL))
        return EXIT_FAILURE;
    daemon_take(&c, mem);
    me.state_dir = strdup(c.state_dir);
    if (!me.state_dir)
        return EXIT_FAILURE;
    if (me.conf.control_socket[0] != '/') {
        fprintf(stderr, "aditd: the control socket %s must be an absolute path\n",
                me.conf.control_socket);
        return EXIT_FAILURE;
    }
    if (!me.check) {
        if (!me.foreground && detach()) {
            perror("aditd: fork");
            return EXIT_FAILURE;
        }
        logging();
    }
    if (loop_init()) {
        fputs("aditd: no event loop: out of descriptors or memory?\n", stderr);
        return EXIT_FAILURE;
    }
    if (crypto_init())
        log_fail("daemon", ADIT_ENOSYS, "this host's OpenSSL does not offer %s: MS-CHAP and MPPE "
                 "cannot work until its policy permits them", crypto_missing());
    services(NULL);
    plug_load_dir(me.conf.plugin_dir);
    if (ses_conf_read(conf_get(root, "ppp"), NULL))
        rc = ADIT_ECONF;
    if (take_network(root))
        rc = ADIT_ECONF;
    /* While serving, a plugin that is not installed is a feature that is off;
     * a check names it. */
    struct inst_plan *plan = inst_plan_new(root, me.check, NULL);
    struct filters_plan *filters = filters_plan_new(root, NULL);
    struct dial_plan *dial = dial_plan_new(root, NULL);
    if (!plan || !filters || !dial)
        rc = ADIT_ECONF;
    if (!rc && me.check)
        rc = inst_try(plan, NULL);
    int status = rc ? EXIT_FAILURE : EXIT_SUCCESS;
    if (!rc && me.check)
        printf("%s: the configuration is good\n", me.config);
    else if (!rc)
        status = serve(plan, filters, dial);
    dial_plan_free(dial);
    filters_plan_free(filters);
    inst_plan_free(plan);
    conf_in_force_take(NULL);
    conf_mem_free(me.conf_mem);
    conf_mem_free(me.network_mem);
    free(me.state_dir);
    plug_unload_all();
    loop_fini();
    loop_end();                 /* before crypto's own end: it frees what it had for each thread */
    crypto_fini();
    free(config);
    return status;
}
