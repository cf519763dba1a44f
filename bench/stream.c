/* stream.c - how much a TCP connection carries: one that counts, one that sends.
 *
 *     adit-stream --serve 10.99.0.1 &             # until it is killed
 *     adit-stream --to 10.99.0.1 --seconds 2      # prints Mbit/s, as they arrived
 *
 * For ./run --demo, on hosts that have no iperf3.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 5201

static char block[128 * 1024];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int trouble(const char *what)
{
    fprintf(stderr, "adit-stream: %s: %s\n", what, strerror(errno));
    return 1;
}

/* Tells each sender how many bytes have come from it. */
static int serve(const struct sockaddr_in *at)
{
    int s = socket(AF_INET, SOCK_STREAM, 0), on = 1, fd;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s, (const struct sockaddr *)at, sizeof *at) || listen(s, 4))
        return trouble("listen");
    while ((fd = accept(s, NULL, NULL)) >= 0) {
        uint64_t total = 0;
        ssize_t n;
        while ((n = read(fd, block, sizeof block)) > 0)
            total += (uint64_t)n;
        if (write(fd, &total, sizeof total) < 0)
            trouble("answer");
        close(fd);
    }
    return trouble("accept");
}

static int stream(const struct sockaddr_in *to, double seconds)
{
    uint64_t arrived;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (const struct sockaddr *)to, sizeof *to))
        return trouble("connect");
    double begin = now();
    while (now() - begin < seconds)
        if (send(s, block, sizeof block, MSG_NOSIGNAL) < 0)
            return trouble("send");
    shutdown(s, SHUT_WR);
    if (recv(s, &arrived, sizeof arrived, MSG_WAITALL) != sizeof arrived)
        return trouble("no answer");
    printf("%.0f\n", (double)arrived * 8 / 1e6 / (now() - begin));
    close(s);
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    bool serves = argc == 3 && !strcmp(argv[1], "--serve");
    bool sends = argc == 5 && !strcmp(argv[1], "--to") && !strcmp(argv[3], "--seconds");
    if ((!serves && !sends) || inet_pton(AF_INET, argv[2], &at.sin_addr) != 1) {
        fputs("usage: adit-stream --serve ADDRESS | --to ADDRESS --seconds N\n", stderr);
        return 2;
    }
    return serves ? serve(&at) : stream(&at, strtod(argv[4], NULL));
}
