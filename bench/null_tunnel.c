/* null_tunnel.c - the limit: a tunnel that does nothing but carry.
 *
 *     null_tunnel MODE TUN OUR-IP PEER-IP PORT MTU
 *       full     super-packets from the TUN, one GSO message out; GRO in, one
 *                coalesced write to the TUN
 *       plain    one packet, one system call, everywhere
 *       gre-rc4  GRE on a raw socket in batches, the TUN as in full; each packet
 *                RC4 with a key of its own, as stateless MPPE has it
 *       esp-gcm  as full, each packet in ESP: AES-128-GCM (RFC 4106)
 *       esp-cbc256  the same with AES-256-CBC and HMAC-SHA-256-128
 *
 * One IPv4 peer, a header of 12 bytes (or ESP's), no states, no checks but checksums
 * and ICVs: ESP has one key, no window, and what EVP offers used plainly. It
 * shares no line with the daemon, so that it can be what bench/run compares
 * the daemon with. The interface is made here; address and routes are the
 * caller's, and the caller's signal ends it.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

#define HEAD 12u
#define GRE_HEAD 14u            /* with the coherency count */
#define BUF 65536u
#define MSGS 64u

static int tun, sock;
static bool full, gre, esp, gcm;
static uint32_t mtu;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint16_t g16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static uint32_t g32(const uint8_t *p) { return (uint32_t)g16(p) << 16 | g16(p + 2); }
static void p16(uint8_t *p, uint32_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
static void p32(uint8_t *p, uint32_t v) { p16(p, v >> 16); p16(p + 2, v); }

/* ---- sums ------------------------------------------------------------------------ */

#if defined(__x86_64__) && !defined(__clang__)
__attribute__((target_clones("avx2", "default"), optimize("O3")))
#endif
static uint64_t sum(const uint8_t *p, size_t n)
{
    uint64_t s = 0;
    size_t words = n / 4;
    for (size_t i = 0; i < words; i++) {
        uint32_t w;
        memcpy(&w, p + i * 4, 4);
        s += w;
    }
    for (size_t i = words * 4; i + 1 < n; i += 2) {
        uint16_t w;
        memcpy(&w, p + i, 2);
        s += w;
    }
    if (n & 1) {
        uint8_t last[2] = { p[n - 1], 0 };
        uint16_t w;
        memcpy(&w, last, 2);
        s += w;
    }
    return s;
}

static uint16_t fold(uint64_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

static uint64_t pseudo(const uint8_t *ip, uint32_t len)
{
    return sum(ip + 12, 8) + htons(ip[9]) + htons((uint16_t)len);
}

static void put_sum(uint8_t *at, uint64_t s)
{
    uint16_t c = (uint16_t)~fold(s);
    memcpy(at, &c, 2);
}

static void ip_sum(uint8_t *ip)
{
    p16(ip + 10, 0);
    put_sum(ip + 10, sum(ip, 20));
}

/* ---- RC4 with a key a packet (RFC 3078 section 7.3) ---------------------------------- */

struct rc4 { uint8_t x, y, s[256]; };
struct keys { uint8_t start[16], session[16]; uint32_t count; };
static struct keys out_key, in_key;

static void rc4_key(struct rc4 *r, const uint8_t key[16])
{
    uint8_t j = 0;
    r->x = r->y = 0;
    for (uint32_t i = 0; i < 256; i++)
        r->s[i] = (uint8_t)i;
    for (uint32_t i = 0; i < 256; i++) {
        uint8_t t = r->s[i];
        j = (uint8_t)(j + t + key[i & 15]);
        r->s[i] = r->s[j];
        r->s[j] = t;
    }
}

static void rc4_run(struct rc4 *r, uint8_t *p, size_t n)
{
    uint8_t x = r->x, y = r->y;
    for (size_t i = 0; i < n; i++) {
        x = (uint8_t)(x + 1);
        uint8_t a = r->s[x];
        y = (uint8_t)(y + a);
        uint8_t b = r->s[y];
        r->s[x] = b;
        r->s[y] = a;
        p[i] ^= r->s[(uint8_t)(a + b)];
    }
    r->x = x;
    r->y = y;
}

static void next_key(struct keys *k)
{
    static const uint8_t pad1[40];
    static uint8_t pad2[40];
    uint8_t digest[20];
    struct rc4 r;
    SHA_CTX c;
    if (!pad2[0])
        memset(pad2, 0xf2, sizeof pad2);
    SHA1_Init(&c);
    SHA1_Update(&c, k->start, 16);
    SHA1_Update(&c, pad1, 40);
    SHA1_Update(&c, k->session, 16);
    SHA1_Update(&c, pad2, 40);
    SHA1_Final(digest, &c);
    rc4_key(&r, digest);
    rc4_run(&r, digest, 16);
    memcpy(k->session, digest, 16);
    k->count++;
}

static void crypt_packet(struct keys *k, uint8_t *p, size_t n)
{
    struct rc4 r;
    rc4_key(&r, k->session);
    rc4_run(&r, p, n);
}

/* ---- ESP --------------------------------------------------------------------------------- */

#define ICV 16u
#define GCM_IV 8u
#define CBC_IV 16u

static EVP_CIPHER_CTX *seal_ctx, *open_ctx;
static EVP_MAC_CTX *mac_ctx;

static void esp_start(void)
{
    static const uint8_t key[32] = "what is a key without a secret?", iv[16];
    EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, gcm ? "AES-128-GCM" : "AES-256-CBC", NULL);
    EVP_MAC *m = EVP_MAC_fetch(NULL, "HMAC", NULL);
    OSSL_PARAM p[2] = { OSSL_PARAM_construct_utf8_string("digest", (char[]){ "SHA256" }, 0),
                        OSSL_PARAM_construct_end() };
    seal_ctx = EVP_CIPHER_CTX_new();
    open_ctx = EVP_CIPHER_CTX_new();
    mac_ctx = EVP_MAC_CTX_new(m);
    if (EVP_EncryptInit_ex2(seal_ctx, c, key, iv, NULL) != 1 ||
        EVP_DecryptInit_ex2(open_ctx, c, key, iv, NULL) != 1 || EVP_MAC_init(mac_ctx, key, 32, p) != 1)
        die("EVP");
    if (!gcm) {
        EVP_CIPHER_CTX_set_padding(seal_ctx, 0);
        EVP_CIPHER_CTX_set_padding(open_ctx, 0);
    }
}

static uint32_t esp_head(void) { return 8 + (gcm ? GCM_IV : CBC_IV); }

/* bytes on the wire of a packet of n */
static uint32_t esp_len(uint32_t n)
{
    uint32_t block = gcm ? 4 : 16;
    return esp_head() + (n + 2 + block - 1) / block * block + ICV;
}

static void esp_mac(const uint8_t *p, size_t len, uint8_t out[32])
{
    size_t n;
    if (EVP_MAC_init(mac_ctx, NULL, 0, NULL) != 1 || EVP_MAC_update(mac_ctx, p, len) != 1 ||
        EVP_MAC_final(mac_ctx, out, &n, 32) != 1)
        die("MAC");
}

/* A packet of n bytes at p, with room on both sides. */
static void esp_seal(uint8_t *p, uint32_t n)
{
    static uint32_t seq;
    uint32_t text = esp_len(n) - esp_head() - ICV;
    uint8_t *h = p - esp_head(), *iv = h + 8, mac[32], nonce[12] = { 0 };
    int out;
    for (uint32_t i = n; i < text - 2; i++)
        p[i] = (uint8_t)(i - n + 1);
    p[text - 2] = (uint8_t)(text - 2 - n);
    p[text - 1] = 4;
    p32(h, 4711);
    p32(h + 4, ++seq);
    if (gcm) {
        p32(iv, 0);
        p32(iv + 4, seq);
        memcpy(nonce + 4, iv, 8);
        if (EVP_EncryptInit_ex2(seal_ctx, NULL, NULL, nonce, NULL) != 1 ||
            EVP_EncryptUpdate(seal_ctx, NULL, &out, h, 8) != 1 ||
            EVP_EncryptUpdate(seal_ctx, p, &out, p, (int)text) != 1 ||
            EVP_EncryptFinal_ex(seal_ctx, p + text, &out) != 1 ||
            EVP_CIPHER_CTX_ctrl(seal_ctx, EVP_CTRL_AEAD_GET_TAG, ICV, p + text) != 1)
            die("seal");
        return;
    }
    memset(iv, 0, CBC_IV);
    p32(iv + 4, seq);
    if (EVP_EncryptInit_ex2(seal_ctx, NULL, NULL, iv, NULL) != 1 ||
        EVP_EncryptUpdate(seal_ctx, p, &out, p, (int)text) != 1)
        die("seal");
    esp_mac(h, esp_head() + text, mac);
    memcpy(p + text, mac, ICV);
}

/* The packet's bytes inside; 0: not authentic. */
static uint32_t esp_open(uint8_t *h, uint32_t len)
{
    uint8_t *iv = h + 8, *p = h + esp_head(), mac[32], nonce[12] = { 0 };
    int out;
    if (len < esp_len(1))
        return 0;
    uint32_t text = len - esp_head() - ICV;
    if (gcm) {
        memcpy(nonce + 4, iv, 8);
        if (EVP_DecryptInit_ex2(open_ctx, NULL, NULL, nonce, NULL) != 1 ||
            EVP_CIPHER_CTX_ctrl(open_ctx, EVP_CTRL_AEAD_SET_TAG, ICV, p + text) != 1 ||
            EVP_DecryptUpdate(open_ctx, NULL, &out, h, 8) != 1 ||
            EVP_DecryptUpdate(open_ctx, p, &out, p, (int)text) != 1 ||
            EVP_DecryptFinal_ex(open_ctx, p + text, &out) != 1)
            return 0;
    } else {
        esp_mac(h, len - ICV, mac);
        if (CRYPTO_memcmp(mac, p + text, ICV) != 0 ||
            EVP_DecryptInit_ex2(open_ctx, NULL, NULL, iv, NULL) != 1 ||
            EVP_DecryptUpdate(open_ctx, p, &out, p, (int)text) != 1)
            return 0;
    }
    return p[text - 2] + 2u < text ? text - 2 - p[text - 2] : 0;
}

/* ---- out: a run of equal packets lies in one buffer and leaves as one message ---------- */

static uint8_t run[MSGS][2048];         /* gre: a slot a packet */
static uint8_t run_buf[BUF];            /* full: back to back */
static uint32_t run_len[MSGS], run_count, run_bytes, run_size;

static void run_send(void)
{
    if (!run_count)
        return;
    if (gre) {
        struct mmsghdr m[MSGS];
        struct iovec iov[MSGS];
        memset(m, 0, sizeof m);
        for (uint32_t i = 0; i < run_count; i++) {
            iov[i] = (struct iovec){ run[i], run_len[i] };
            m[i].msg_hdr.msg_iov = &iov[i];
            m[i].msg_hdr.msg_iovlen = 1;
        }
        for (uint32_t i = 0; i < run_count;) {
            int n = sendmmsg(sock, m + i, run_count - i, 0);
            i += n > 0 ? (uint32_t)n : 1;
        }
    } else {
        uint8_t ctl[CMSG_SPACE(2)] = { 0 };
        struct iovec iov = { run_buf, run_bytes };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
        if (run_count > 1) {
            m.msg_control = ctl;
            m.msg_controllen = sizeof ctl;
            struct cmsghdr *c = CMSG_FIRSTHDR(&m);
            uint16_t size = (uint16_t)run_size;
            c->cmsg_level = SOL_UDP;
            c->cmsg_type = UDP_SEGMENT;
            c->cmsg_len = CMSG_LEN(2);
            memcpy(CMSG_DATA(c), &size, 2);
        }
        (void)!sendmsg(sock, &m, 0);
    }
    run_count = run_bytes = 0;
}

/* Where a packet of n bytes is to be written; run_done() follows. */
static uint8_t *run_room(uint32_t n)
{
    if (gre) {
        if (run_count == MSGS)
            run_send();
        return run[run_count] + GRE_HEAD;
    }
    uint32_t len = esp ? esp_len(n) : n + HEAD;
    if (run_count && (len > run_size || run_count == 64 || run_bytes + len > 65507))
        run_send();
    if (!run_count)
        run_size = len;
    return run_buf + run_bytes + (esp ? esp_head() : HEAD);
}

static void run_done(uint8_t *p, uint32_t n)
{
    static uint32_t seq;
    if (gre) {
        uint8_t *h = p - GRE_HEAD;
        crypt_packet(&out_key, p, n);
        memcpy(h, "\x30\x01\x88\x0b", 4);
        p16(h + 4, n + 2);
        p16(h + 6, 1);
        p32(h + 8, seq++);
        p16(h + 12, 0x9000 | (out_key.count & 0xfff));
        next_key(&out_key);
        run_len[run_count++] = n + GRE_HEAD;
        return;
    }
    uint32_t len = esp ? esp_len(n) : n + HEAD;
    if (esp)
        esp_seal(p, n);
    else
        memset(p - HEAD, 0x30, HEAD);
    run_bytes += len;
    run_count++;
    if (len < run_size)                 /* a shorter one is the last */
        run_send();
}

/* ---- from the TUN ------------------------------------------------------------------------- */

static void cut(const uint8_t *p, uint32_t len, uint32_t size)
{
    uint32_t head = 20 + (p[32] >> 4) * 4u, payload = len - head;
    for (uint32_t off = 0, i = 0; off < payload; off += size, i++) {
        uint32_t n = payload - off < size ? payload - off : size;
        bool last = off + n == payload;
        uint8_t *d = run_room(head + n);
        memcpy(d, p, head);
        memcpy(d + head, p + head + off, n);
        p16(d + 2, head + n);
        p16(d + 4, g16(p + 4) + i);
        ip_sum(d);
        p32(d + 24, g32(p + 24) + off);
        if (!last)
            d[33] &= (uint8_t)~9u;
        p16(d + 36, 0);
        put_sum(d + 36, pseudo(d, head + n - 20) + sum(d + 20, head + n - 20));
        run_done(d, head + n);
    }
}

static void tun_read(void)
{
    static uint8_t b[sizeof(struct virtio_net_hdr) + BUF];
    struct virtio_net_hdr vh;
    uint8_t *p = b + sizeof vh;
    for (int i = 0; i < 64; i++) {
        ssize_t got = read(tun, b, sizeof b);
        if (got <= 0)
            break;
        if (got < (ssize_t)sizeof vh + 20)
            continue;
        uint32_t len = (uint32_t)got - (uint32_t)sizeof vh;
        memcpy(&vh, b, sizeof vh);
        if (p[0] != 0x45)
            continue;
        if (vh.gso_type) {
            cut(p, len, vh.gso_size);
            continue;
        }
        if (vh.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
            put_sum(p + vh.csum_start + vh.csum_offset, sum(p + vh.csum_start, len - vh.csum_start));
        if (len > mtu)
            continue;
        uint8_t *d = run_room(len);
        memcpy(d, p, len);
        run_done(d, len);
    }
    run_send();
}

/* ---- to the TUN: segments of a stream become one packet -------------------------------------- */

#define FLOWS 64u
struct flow {
    struct virtio_net_hdr vh;
    struct iovec iov[66];
    int n;                      /* 0: empty */
    uint32_t total, seq, size, head;
    bool closed;
};
static struct flow flows[FLOWS];

static void flow_write(struct flow *f)
{
    uint8_t *p = f->iov[1].iov_base;
    if (f->n > 2) {
        p16(p + 2, f->total);
        ip_sum(p);
        uint16_t c = fold(pseudo(p, f->total - 20));
        memcpy(p + 36, &c, 2);
        f->vh.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        f->vh.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        f->vh.hdr_len = (uint16_t)f->head;
        f->vh.gso_size = (uint16_t)f->size;
        f->vh.csum_start = 20;
        f->vh.csum_offset = 16;
    }
    (void)!writev(tun, f->iov, f->n);
    f->n = 0;
}

static void tun_write(uint8_t *p, uint32_t len)
{
    if (len < 28 || p[0] != 0x45 || g16(p + 2) > len)
        return;
    len = g16(p + 2);
    uint64_t addrs;
    uint32_t ports;
    memcpy(&addrs, p + 12, 8);
    memcpy(&ports, p + 20, 4);
    struct flow *f = &flows[(addrs ^ ports) * 0x9e3779b97f4a7c15u >> 58];
    uint32_t head = p[9] == 6 && len >= 40 ? 20 + (p[32] >> 4) * 4u : len;
    bool good = head < len && (p[33] & ~8u) == 0x10 &&
                fold(pseudo(p, len - 20) + sum(p + 20, len - 20)) == 0xffff;
    uint32_t payload = len - head;
    if (f->n) {
        uint8_t *a = f->iov[1].iov_base;
        if (good && !f->closed && f->n < 66 && head == f->head && payload <= f->size &&
            f->total + payload < 65536 && memcmp(a + 12, p + 12, 12) == 0 && a[1] == p[1] &&
            a[8] == p[8] && g32(p + 24) == f->seq && memcmp(a + 28, p + 28, 4) == 0 &&
            memcmp(a + 40, p + 40, head - 40) == 0) {
            f->iov[f->n++] = (struct iovec){ p + head, payload };
            f->total += payload;
            f->seq += payload;
            a[33] |= p[33] & 8u;
            f->closed = payload < f->size || p[33] & 8u;
            return;
        }
        flow_write(f);
    }
    memset(&f->vh, 0, sizeof f->vh);
    f->iov[0] = (struct iovec){ &f->vh, sizeof f->vh };
    f->iov[1] = (struct iovec){ p, len };
    f->n = 2;
    f->total = len;
    f->head = head;
    f->size = payload;
    f->seq = g32(p + 24) + payload;
    f->closed = !good || p[33] & 8u;
}

static void gre_packet(uint8_t *p, uint32_t len)
{
    uint32_t ihl = (p[0] & 15u) * 4u;
    if (len < ihl + GRE_HEAD || g16(p + ihl + 2) != 0x880b)
        return;
    p += ihl;
    for (uint32_t cc = g16(p + 12) & 0xfff; (in_key.count & 0xfff) != cc;)
        next_key(&in_key);              /* what was lost had keys too */
    uint32_t n = len - ihl - GRE_HEAD;
    crypt_packet(&in_key, p + GRE_HEAD, n);
    next_key(&in_key);
    tun_write(p + GRE_HEAD, n);
}

static void sock_read(void)
{
    static uint8_t bufs[MSGS][BUF + 2240];
    static uint8_t ctl[MSGS][64];
    struct mmsghdr m[MSGS];
    struct iovec iov[MSGS];
    uint32_t most = gre ? MSGS : 32;
    for (uint32_t i = 0; i < most; i++) {
        iov[i] = (struct iovec){ bufs[i], BUF };
        m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1, .msg_control = ctl[i],
                                        .msg_controllen = sizeof ctl[i] };
    }
    int n = recvmmsg(sock, m, most, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        uint32_t len = m[i].msg_len, size = len;
        if (gre) {
            gre_packet(bufs[i], len);
            continue;
        }
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m[i].msg_hdr); c; c = CMSG_NXTHDR(&m[i].msg_hdr, c))
            if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
                int v;
                memcpy(&v, CMSG_DATA(c), sizeof v);
                size = (uint32_t)v;
            }
        for (uint32_t at = 0; at < len; at += size) {
            uint32_t part = len - at < size ? len - at : size;
            if (esp) {
                uint32_t inner = esp_open(bufs[i] + at, part);
                if (inner)
                    tun_write(bufs[i] + at + esp_head(), inner);
            } else if (part > HEAD) {
                tun_write(bufs[i] + at + HEAD, part - HEAD);
            }
        }
    }
    for (uint32_t i = 0; i < FLOWS; i++)
        if (flows[i].n)
            flow_write(&flows[i]);
}

/* ---- one packet, one call ------------------------------------------------------------------------ */

static void plain_out(void)
{
    static uint8_t b[HEAD + BUF];
    ssize_t n = read(tun, b + HEAD, BUF);
    if (n > 0)
        (void)!send(sock, b, (size_t)n + HEAD, 0);
}

static void plain_in(void)
{
    static uint8_t b[BUF];
    ssize_t n = recv(sock, b, sizeof b, MSG_DONTWAIT);
    if (n > (ssize_t)HEAD)
        (void)!write(tun, b + HEAD, (size_t)n - HEAD);
}

/* ---- start ------------------------------------------------------------------------------------------ */

static void open_tun(const char *name)
{
    struct ifreq r = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | (full ? IFF_VNET_HDR : 0)) };
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (tun < 0 || ioctl(tun, TUNSETIFF, &r))
        die("tun");
    if (full && ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4))
        die("TUNSETOFFLOAD");
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    r.ifr_mtu = (int)mtu;
    if (s < 0 || ioctl(s, SIOCSIFMTU, &r))
        die("mtu");
    r.ifr_qlen = 1000;
    (void)ioctl(s, SIOCSIFTXQLEN, &r);
    close(s);
}

static void open_socket(const char *our, const char *peer, int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) }, b = a;
    int big = 4 << 20, one = 1;
    if (inet_pton(AF_INET, our, &a.sin_addr) != 1 || inet_pton(AF_INET, peer, &b.sin_addr) != 1)
        die("address");
    sock = gre ? socket(AF_INET, SOCK_RAW, IPPROTO_GRE) : socket(AF_INET, SOCK_DGRAM, 0);
    if (sock < 0 || bind(sock, (struct sockaddr *)&a, sizeof a) ||
        connect(sock, (struct sockaddr *)&b, sizeof b))
        die("socket");
    setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
    setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big);
    if (full && !gre && setsockopt(sock, SOL_UDP, UDP_GRO, &one, sizeof one))
        die("UDP_GRO");
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: %s full|plain|gre-rc4|esp-gcm|esp-cbc256 TUN OUR-IP PEER-IP PORT MTU\n", argv[0]);
        return 2;
    }
    gre = strcmp(argv[1], "gre-rc4") == 0;
    gcm = strcmp(argv[1], "esp-gcm") == 0;
    esp = gcm || strcmp(argv[1], "esp-cbc256") == 0;
    full = gre || esp || strcmp(argv[1], "full") == 0;
    if (esp)
        esp_start();
    mtu = (uint32_t)atoi(argv[6]);
    if (mtu < 576 || mtu > 1900)        /* what fits a slot of a run */
        die("mtu");
    memset(out_key.start, 7, 16);
    memset(out_key.session, 7, 16);
    in_key = out_key;
    open_tun(argv[2]);
    open_socket(argv[3], argv[4], atoi(argv[5]));
    struct pollfd p[2] = { { tun, POLLIN, 0 }, { sock, POLLIN, 0 } };
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            die("poll");
        if (p[0].revents & POLLIN)
            full ? tun_read() : plain_out();
        if (p[1].revents & POLLIN)
            full ? sock_read() : plain_in();
    }
}
