/* ppp_mppe.h - one direction of MPPE (RFC 3078).
 *
 *     mppe_init(&m, start_key, ADIT_ENC_128, true);
 *     n = mppe_seal(&m, v, n);             // frames from their protocol field on
 *     switch (mppe_open(&m, frame)) {      // header off; protocol field in front
 *
 * Knows:  coherency counts, key changes, losses.
 * Leaves: CCP, which protocols may pass.
 */
#ifndef PPP_MPPE_H
#define PPP_MPPE_H

#include <stdbool.h>
#include <adit/frame.h>
#include "crypto/crypto.h"

#define MPPE_HEAD   2           /* bytes that a frame grows by, the outer protocol field aside */
#define MPPE_COUNTS 4096u       /* the coherency count is 12 bit */
#define MPPE_FLAG_A 0x8000u     /* FLUSHED: the tables were initialised before this packet */
#define MPPE_FLAG_B 0x4000u     /* MPPC's */
#define MPPE_FLAG_C 0x2000u     /* compressed, MPPC's */
#define MPPE_FLAG_D 0x1000u     /* encrypted */
#define MPPE_BAD_MAX 1600u      /* undecipherable packets in a row until MPPE_LOST */
#define MPPE_NEAR    8u         /* packets ahead that are always tried */
#define MPPE_CREDIT  4096u      /* key changes a second that may be in vain beyond that */

enum mppe_result {
    MPPE_OK,
    MPPE_LATE,                  /* a repetition, or overtaken: dropped */
    MPPE_BAD,                   /* nothing that MPPE would send: dropped */
    MPPE_GAP,                   /* stateful: packets are missing; a Reset-Request is due */
    MPPE_LOST                   /* both ends' keys have parted: negotiate again */
};

struct mppe {
    uint8_t start[16];          /* the start key */
    uint8_t session[16];        /* stateless: of packet `count`; else the one in use */
    uint32_t len, salt;         /* bytes of a key, and of them replaced */
    uint16_t count;             /* of the next packet */
    bool stateless;
    bool flush;                 /* sender: the peer asked for a reset */
    bool gap;                   /* receiver: packets are missing */
    uint32_t bad;               /* receiver: in a row */
    uint32_t credit;            /* receiver, stateless: key changes that may still be in vain */
    uint64_t credit_at;         /* when it was filled up, ms */
    uint64_t lost;              /* receiver: packets that never came */
    struct rc4 rc4;             /* stateful: the stream */
};

/* `enc` is one ADIT_ENC_* strength; `start` has 16 bytes, 8 of which count
 * for 40 and 56 bit. */
void mppe_init(struct mppe *m, const uint8_t start[16], uint32_t enc, bool stateless);
void mppe_fini(struct mppe *m);
/* DATA PATH: encrypts a vector in place; each frame grows by MPPE_HEAD in
 * front. Frames without that room are left out: how many remain. */
uint32_t mppe_seal(struct mppe *m, struct adit_frame **v, uint32_t n);
/* DATA PATH: decrypts one frame in place. Nothing of the state moves unless the
 * plain text looks like a datagram, so that forged packets do no harm. */
enum mppe_result mppe_open(struct mppe *m, struct adit_frame *f);
/* Stateless: to look at a packet that is n ahead costs n key changes, and who
 * forges one pays nothing. What was in vain is taken from a credit; when it is
 * used up, only packets that are near are looked at. The owner fills it up as
 * time goes by; a full one reaches as far as the count does. */
static inline void mppe_credit(struct mppe *m, uint64_t now_ms)
{
    if (now_ms - m->credit_at < 1000)
        return;
    m->credit_at = now_ms;
    m->credit = MPPE_CREDIT;
}
void mppe_reset(struct mppe *m);    /* sender, stateful: the peer sent a Reset-Request */

#endif
