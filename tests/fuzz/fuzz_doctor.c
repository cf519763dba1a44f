/* fuzz_doctor.c - what the doctor reads: packets from the side, answers of DNS servers, a
 * ruleset of nftables.
 *
 * Input: a byte (0 a packet, 1 DNS, else a ruleset), then that.
 */
#include <stdlib.h>
#include "diagnose/doctor.h"
#include "diagnose/doctor_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool yes)
{
    if (!yes)
        abort();
}

static void packet(const uint8_t *p, size_t len)
{
    struct doctor_ip4 ip;
    struct rd inner;
    if (doctor_wire_ip4(p, len, 17, &ip, &inner))
        must(rd_ok(&inner) && rd_left(&inner) + 20 <= len);
    struct adit_addr from = { .family = ADIT_AF_IPV4 }, to = from;
    if (len >= 20) {
        memcpy(from.ip, p + 12, 4);
        memcpy(to.ip, p + 16, 4);
    }
    (void)doctor_wire_pong(p, len, &from, &to, 1);
}

static void ruleset(const uint8_t *p, size_t len)
{
    char *text = malloc(len + 1);
    struct doctor_packet rows[] = {
        { .proto = DOCTOR_UDP, .port = 500, .in = "eth0" }, { .proto = DOCTOR_GRE, .in = "eth0" },
        { .in = "adit0", .out = "eth0", .from = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 10, 99, 0, 2 } } },
    };
    must(text != NULL);
    memcpy(text, p, len);
    text[len] = '\0';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (doctor_wall_judge(text, &rows[i]))
            must((rows[i].verdict == DOCTOR_WALL_PASS) == !rows[i].where[0]);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint32_t rcode;
    if (!len)
        return 0;
    if (data[0] == 0)
        packet(data + 1, len - 1);
    else if (data[0] == 1)
        must(!doctor_wire_dns_answer(data + 1, len - 1, 1, &rcode) || rcode < 16);
    else
        ruleset(data + 1, len - 1);
    return 0;
}
