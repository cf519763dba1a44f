/* ppp_fake_auth.h - the keys of the authentication that tests use. */
#ifndef PPP_FAKE_AUTH_H
#define PPP_FAKE_AUTH_H

#include <adit/bytes.h>
#include "ppp/ppp_auth.h"

extern uint32_t fake_key_len;   /* that it gives; 16 */
void fake_keys(struct adit_auth_answer *a, uint32_t method, bool server);

#endif
