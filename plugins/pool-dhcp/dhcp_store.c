/* dhcp_store.c - leases that survive us: STATE/pool-dhcp/NAME.leases.
 *
 * Knows:  the file: a line for each lease that was got, renewed (+) or given back (-), the
 *         last one counts; written anew when most lines are history.
 * Leaves: what a stored lease is good for to dhcp_pool.
 *
 * Nothing is forced to the disk: a power cut loses the last lines, and then the servers
 * themselves know the identifier and give the same address.
 *
 *     + ID ADDRESS SERVER-AT SERVER-ID LEASE T1 T2 EXPIRES MASK DNS WINS ROUTES DOMAIN
 *     - ID
 *
 * ID is hexadecimal, addresses are numbers, lists have commas, "-" is empty; T1, T2 and
 * EXPIRES are seconds since 1970, 0 never.
 */
#include "dhcp_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MOST 4096u
#define LINES_MOST 1000000u     /* of a file; what is behind is not read */
#define SPARE_LINES 1000u       /* history that is no reason to write anew */

static void tell(struct dhcp_pool *p, const char *reason)
{
    if (p->store_told)
        return;
    p->store_told = true;
    adit_event(p->self, &dhcp_ev_store, ADIT_KV_S("file", p->store_path),
               ADIT_KV_S("reason", reason));
}

/* ---- writing ------------------------------------------------------------------------ */

static uint64_t wall_s(const struct dhcp_pool *p, uint64_t at_ms)
{
    const struct adit_loop_api *loop = p->self->host->loop;
    uint64_t now = loop->now(), wall = loop->wall();
    if (at_ms == DHCP_NEVER)
        return 0;
    return (at_ms > now ? wall + (at_ms - now) : wall - (now - at_ms < wall ? now - at_ms : wall))
           / 1000;
}

static void put_id(FILE *f, const struct dhcp_own *o)
{
    for (uint8_t i = 0; i < o->client_id_len; i++)
        fprintf(f, "%02x", o->client_id[i]);
}

static void put_list(FILE *f, const uint32_t *a, uint8_t n)
{
    fputc(' ', f);
    for (uint8_t i = 0; i < n; i++)
        fprintf(f, "%s%u", i ? "," : "", a[i]);
    if (!n)
        fputc('-', f);
}

static void put_line(FILE *f, const struct dhcp_own *o)
{
    const struct dhcp_lease *l = &o->m;
    const struct dhcp_facts *c = &l->facts;
    fputs("+ ", f);
    put_id(f, o);
    fprintf(f, " %u %u %u %u %llu %llu %llu %u", c->address, l->server_at, c->server_id, c->lease_s,
            (unsigned long long)wall_s(o->pool, l->t1_ms),
            (unsigned long long)wall_s(o->pool, l->t2_ms),
            (unsigned long long)wall_s(o->pool, l->expires_ms), c->mask);
    put_list(f, c->dns, c->dns_count);
    put_list(f, c->wins, c->wins_count);
    fputc(' ', f);
    for (uint8_t i = 0; i < c->route_count; i++)
        fprintf(f, "%s%u/%u", i ? "," : "", c->routes[i].net, c->routes[i].prefix);
    fprintf(f, "%s %s\n", c->route_count ? "" : "-", c->domain[0] ? c->domain : "-");
}

/* The whole file, beside the old one and then in its place. */
static void write_anew(struct dhcp_pool *p)
{
    char *tmp = NULL;
    if (asprintf(&tmp, "%s.new", p->store_path) < 0)
        return;
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f) {
        tell(p, strerror(errno));
        if (fd >= 0)
            close(fd);
        free(tmp);
        return;
    }
    uint32_t lines = 0;
    ADIT_LIST_EACH(n, &p->all) {
        const struct dhcp_own *o = ADIT_OF(n, struct dhcp_own, node);
        if (!o->used && !o->stored)
            continue;
        put_line(f, o);
        lines++;
    }
    bool bad = fflush(f) != 0 || ferror(f) || rename(tmp, p->store_path) != 0;
    int keep = bad ? -1 : fcntl(fileno(f), F_DUPFD_CLOEXEC, 0);
    if (bad) {
        tell(p, strerror(errno));
        (void)unlink(tmp);
    } else {
        if (p->store_fd >= 0)
            close(p->store_fd);
        p->store_fd = keep;
        p->store_lines = lines;
        p->store_told = false;
    }
    fclose(f);
    free(tmp);
}

static void append(struct dhcp_pool *p, const char *line, size_t len)
{
    if (p->store_fd < 0)
        return;
    ssize_t n = write(p->store_fd, line, len);
    if (n != (ssize_t)len)
        tell(p, n < 0 ? strerror(errno) : "the disk is full");
    if (n > 0 && n < (ssize_t)len) {    /* the next line begins where this one would have */
        off_t end = lseek(p->store_fd, -(off_t)n, SEEK_CUR);
        if (end < 0 || ftruncate(p->store_fd, end))
            tell(p, strerror(errno));
    }
    if (++p->store_lines > 2 * p->count + SPARE_LINES)
        write_anew(p);
}

void dhcp_store_put(struct dhcp_own *o)
{
    char line[LINE_MOST];
    FILE *f = o->pool->store_fd < 0 ? NULL : fmemopen(line, sizeof line, "w");
    if (!f)
        return;
    put_line(f, o);
    long n = ftell(f);
    if (fclose(f) == 0 && n > 0 && (size_t)n < sizeof line)
        append(o->pool, line, (size_t)n);
}

void dhcp_store_del(struct dhcp_own *o)
{
    char line[2 * DHCP_ID + 8];
    FILE *f = o->pool->store_fd < 0 ? NULL : fmemopen(line, sizeof line, "w");
    if (!f)
        return;
    fputs("- ", f);
    put_id(f, o);
    fputc('\n', f);
    long n = ftell(f);
    if (fclose(f) == 0 && n > 0)
        append(o->pool, line, (size_t)n);
}

/* ---- reading -------------------------------------------------------------------------- */

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint8_t get_id(const char *s, uint8_t out[DHCP_ID])
{
    size_t n = s ? strlen(s) : 0;
    if (!n || n % 2 || n / 2 > DHCP_ID)
        return 0;
    for (size_t i = 0; i < n; i += 2) {
        int hi = nibble(s[i]), lo = nibble(s[i + 1]);
        if (hi < 0 || lo < 0)
            return 0;
        out[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    return (uint8_t)(n / 2);
}

/* A number and what stands behind it; false: there is none. */
static bool number(const char *s, char **end, uint64_t most, uint64_t *out)
{
    if (!s || *s < '0' || *s > '9')
        return false;
    errno = 0;
    unsigned long long v = strtoull(s, end, 10);
    *out = v;
    return !errno && v <= most;
}

static bool word(char **rest, uint64_t most, uint64_t *out)
{
    char *w = strsep(rest, " "), *end;
    return number(w, &end, most, out) && !*end;
}

static bool list(char **rest, uint32_t *out, uint8_t most, uint8_t *count)
{
    char *w = strsep(rest, " "), *item, *end;
    uint64_t v;
    if (!w)
        return false;
    *count = 0;
    if (!strcmp(w, "-"))
        return true;
    while ((item = strsep(&w, ","))) {
        if (*count == most || !number(item, &end, UINT32_MAX, &v) || *end)
            return false;
        out[(*count)++] = (uint32_t)v;
    }
    return true;
}

static bool routes(char **rest, struct dhcp_facts *f)
{
    char *w = strsep(rest, " "), *item, *end;
    uint64_t net, prefix;
    if (!w)
        return false;
    if (!strcmp(w, "-"))
        return true;
    while ((item = strsep(&w, ","))) {
        if (f->route_count == DHCP_ROUTES || !number(item, &end, UINT32_MAX, &net) ||
            *end != '/' || !number(end + 1, &end, 32, &prefix) || *end)
            return false;
        f->routes[f->route_count++] = (struct dhcp_route){ (uint32_t)net, (uint8_t)prefix };
    }
    return true;
}

static uint64_t monotonic(uint64_t at_s, uint64_t now, uint64_t wall)
{
    if (!at_s)
        return DHCP_NEVER;
    uint64_t at = at_s * 1000;
    return at > wall ? now + (at - wall) : now;
}

/* What a "+" line says behind its identifier; false: nonsense. */
static bool facts_of(char *rest, struct dhcp_facts *f, uint64_t v[4])
{
    uint64_t a[5];
    memset(f, 0, sizeof *f);
    if (!word(&rest, UINT32_MAX, &a[0]) || !word(&rest, UINT32_MAX, &v[0]) ||
        !word(&rest, UINT32_MAX, &a[1]) || !word(&rest, UINT32_MAX, &a[2]) ||
        !word(&rest, UINT32_MAX * 1000ull, &v[1]) || !word(&rest, UINT32_MAX * 1000ull, &v[2]) ||
        !word(&rest, UINT32_MAX * 1000ull, &v[3]) || !word(&rest, UINT32_MAX, &a[3]) ||
        !list(&rest, f->dns, DHCP_ADDRS, &f->dns_count) ||
        !list(&rest, f->wins, DHCP_ADDRS, &f->wins_count) || !routes(&rest, f) || !rest ||
        strlen(rest) >= sizeof f->domain || strchr(rest, ' '))
        return false;
    f->address = (uint32_t)a[0];
    f->server_id = (uint32_t)a[1];
    f->lease_s = (uint32_t)a[2];
    f->mask = (uint32_t)a[3];
    if (strcmp(rest, "-") != 0)
        memcpy(f->domain, rest, strlen(rest) + 1);
    return f->address && f->lease_s;
}

static bool take_line(struct dhcp_pool *p, char *line)
{
    const struct adit_loop_api *loop = p->self->host->loop;
    uint64_t now = loop->now(), wall = loop->wall(), v[4];
    char *rest = line;
    const char *sign = strsep(&rest, " ");
    uint8_t id[DHCP_ID], len = get_id(strsep(&rest, " "), id);
    struct dhcp_facts f;
    if (!len || !sign || (strcmp(sign, "+") != 0 && strcmp(sign, "-") != 0))
        return false;
    if (*sign == '-') {
        dhcp_pool_forget(p, id, len);
        return true;
    }
    if (!rest || !facts_of(rest, &f, v))
        return false;
    uint64_t expires = monotonic(v[3], now, wall);
    /* the clock was wrong then, or is now: a lease is never longer than it was */
    if (f.lease_s != DHCP_FOREVER && expires > now + (uint64_t)f.lease_s * 1000)
        expires = now + (uint64_t)f.lease_s * 1000;
    dhcp_pool_forget(p, id, len);
    if (expires <= now)
        return true;
    struct dhcp_own *o = dhcp_pool_stored(p, id, len);
    if (o)
        dhcp_lease_stored(&o->m, &f, (uint32_t)v[0], monotonic(v[1], now, wall),
                          monotonic(v[2], now, wall), expires);
    return true;
}

static void load(struct dhcp_pool *p)
{
    char line[LINE_MOST];
    int fd = open(p->store_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    uint32_t bad = 0;
    if (!f) {
        if (errno != ENOENT)
            tell(p, strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    for (uint32_t n = 0; n < LINES_MOST && fgets(line, sizeof line, f); n++) {
        size_t len = strlen(line);
        bool whole = len && line[len - 1] == '\n';      /* the last one may be cut */
        if (whole)
            line[len - 1] = '\0';
        if (!whole || !take_line(p, line))
            bad++;
    }
    fclose(f);
    if (bad > 1)
        tell(p, "lines that are no leases were skipped");
}

void dhcp_store_open(struct dhcp_pool *p)
{
    const struct adit_host *h = p->self->host;
    char name[64];
    size_t n = 0;
    if (p->store_path || !ADIT_HAS(h, state_dir))
        return;
    for (const char *s = p->self->name; *s && n + 4 < sizeof name; s++)
        if (*s == '/' || *s == '.' || *s == '%')
            n += (size_t)snprintf(name + n, sizeof name - n, "%%%02x", (unsigned)*s);
        else
            name[n++] = *s;
    name[n] = '\0';
    char *dir = NULL;
    if (asprintf(&dir, "%s/pool-dhcp", h->state_dir) < 0)
        return;
    if (asprintf(&p->store_path, "%s/%s.leases", dir, name) < 0)
        p->store_path = NULL;
    if (p->store_path && mkdir(dir, 0700) && errno != EEXIST)
        tell(p, strerror(errno));
    free(dir);
    if (!p->store_path)
        return;
    load(p);
    dhcp_pool_loaded(p);
    write_anew(p);
}

void dhcp_store_close(struct dhcp_pool *p)
{
    if (p->store_fd >= 0)
        close(p->store_fd);
    free(p->store_path);
}
