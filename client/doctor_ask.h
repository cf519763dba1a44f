/* doctor_ask.h - servers that the doctor asks in the words of their protocols.
 *
 *     doctor_ask_radius(&s->radius[i]);        // ANY THREAD, after crypto_init()
 *     doctor_ask_dhcp(&s->pools[i]);
 *
 * Each waits a few seconds at most, names of hosts aside.
 */
#ifndef DOCTOR_ASK_H
#define DOCTOR_ASK_H

#include "diagnose/doctor.h"

/* Status-Server, and a login of nobody where that is not answered: whether the answer is
 * signed with our secret. Over TLS only whether somebody listens. */
void doctor_ask_radius(struct doctor_radius *r);
/* A DHCPDISCOVER as the pool sends it; the offer is not taken. Works beside the daemon. */
void doctor_ask_dhcp(struct doctor_pool *p);
int64_t doctor_now_ms(void);

#endif
