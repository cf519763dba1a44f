/* rad_conf.c - what is wrong with options that the tables let through.
 *
 * Knows:  which attributes are ours to write.
 * Leaves: servers' rows to rad_client, CoA's clients to rad_coa.
 */
#include "rad_conf.h"

#include "rad_dict.h"

/* Each login, record or packet has its own of these. */
static bool reserved(uint32_t vendor, uint32_t type)
{
    if (vendor == RAD_VENDOR_MICROSOFT)
        return type <= RAD_MS_CHAP_NT_ENC_PW || type == RAD_MS_CHAP_CHALLENGE ||
               type == RAD_MS_CHAP_MPPE_KEYS || type == RAD_MS_MPPE_SEND_KEY ||
               type == RAD_MS_MPPE_RECV_KEY || (type >= RAD_MS_CHAP2_RESPONSE && type <= RAD_MS_CHAP2_CPW);
    switch (vendor ? 0 : type) {
    case RAD_USER_NAME: case RAD_USER_PASSWORD: case RAD_CHAP_PASSWORD: case RAD_CHAP_CHALLENGE:
    case RAD_STATE: case RAD_VENDOR_SPECIFIC: case RAD_PROXY_STATE: case RAD_EAP_MESSAGE:
    case RAD_MESSAGE_AUTHENTICATOR: case RAD_EVENT_TIMESTAMP: case RAD_FRAMED_MTU:
    case RAD_ACCT_STATUS_TYPE: case RAD_ACCT_DELAY_TIME: case RAD_ACCT_INPUT_OCTETS:
    case RAD_ACCT_OUTPUT_OCTETS: case RAD_ACCT_SESSION_ID: case RAD_ACCT_AUTHENTIC:
    case RAD_ACCT_SESSION_TIME: case RAD_ACCT_INPUT_PACKETS: case RAD_ACCT_OUTPUT_PACKETS:
    case RAD_ACCT_TERMINATE_CAUSE: case RAD_ACCT_MULTI_SESSION_ID: case RAD_ACCT_LINK_COUNT:
    case RAD_ACCT_INPUT_GIGAWORDS: case RAD_ACCT_OUTPUT_GIGAWORDS:
        return true;
    default:
        return false;
    }
}

int32_t rad_conf_nas(struct adit_self *self, const struct rad_nas_conf *nas)
{
    for (uint32_t i = 0; i < nas->send.count; i++) {
        const char *const *line = (const char *const *)
            (const void *)((const char *)nas->send.items + (size_t)i * nas->send.stride);
        struct rad_pair p;
        char why[256], name[RAD_NAME_TEXT];
        if (!rad_dict_parse(*line, &p, why, sizeof why))
            return adit_fail(self, ADIT_ECONF, "nas: send: %s", why);
        if (reserved(p.vendor, p.type))
            return adit_fail(self, ADIT_ECONF, "nas: send: %s is written for each login, take it away",
                             rad_dict_name(p.vendor, p.type, name));
    }
    if (nas->identifier && strlen(nas->identifier) > sizeof ((struct rad_pair *)0)->value)
        return adit_fail(self, ADIT_ECONF, "nas: identifier: at most 253 characters");
    return 0;
}
