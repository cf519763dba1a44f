/* lib_error.c - numbers and their sentences.
 *
 * Knows:  the numbers that users of RAS know, the names of states and of the daemon's errors.
 * Leaves: which one it is, to the daemon.
 */
#include "lib_int.h"

#include <string.h>

#ifndef ADIT_VERSION
#define ADIT_VERSION "0"
#endif

static const struct { int number; const char *text; } errors[] = {
    { 0, "No error." },
    { 5, "Access is denied: the daemon does not let this user do it." },
    { 6, "No connection has this handle." },
    { 8, "Out of memory." },
    { 13, "The daemon's answer makes no sense." },
    { 50, "The daemon does not offer this." },
    { 87, "An argument is not usable." },
    { 600, "The operation is under way." },
    { 602, "The port is open already." },
    { 619, "The connection was closed before it was up." },
    { 621, "The phone book cannot be opened." },
    { 623, "The phone book has no such entry." },
    { 625, "A setting of the phone book's entry is wrong." },
    { 628, "The connection was ended by the remote computer before it was up." },
    { 629, "The remote computer ended the connection." },
    { 631, "The user ended the connection." },
    { 632, "A structure has a size that this library does not know." },
    { 633, "The port is in use or not there: the server or this host has none free, or no address." },
    { 645, "The authentication failed for a reason inside the server." },
    { 646, "The account may not connect at this time of day." },
    { 647, "The account is disabled." },
    { 648, "The password has expired." },
    { 649, "The account has no permission to dial in." },
    { 651, "The device or the tunnel reported an error." },
    { 668, "The connection was dropped." },
    { 691, "The user name or the password is wrong, or the server refuses them." },
    { 703, "The connection needs a user name, a password or a key that nobody gave." },
    { 708, "The account has expired." },
    { 709, "The password could not be changed." },
    { 711, "No daemon answers: is aditd running?" },
    { 718, "The server did not answer in time while the link or the login was negotiated." },
    { 720, "No network protocol could be agreed on with the server." },
    { 721, "The remote computer does not answer." },
    { 732, "The server and this host could not agree on addresses." },
    { 733, "The server does not support a protocol that this host demands." },
    { 734, "The link control protocol ended the connection: no authentication method suits both." },
    { 737, "The link is looped back." },
    { 741, "The server does not support the encryption that is demanded." },
    { 742, "Encryption is demanded and was not agreed on." },
    { 756, "This connection is being dialled already." },
    { 766, "No certificate was found for IPsec." },
    { 768, "The data could not be encrypted." },
    { 769, "The destination cannot be reached." },
    { 778, "The server could not prove who it is." },
    { 781, "No certificate of this host is usable." },
    { 788, "IPsec found no algorithms that both ends permit." },
    { 789, "IPsec could not be negotiated with the server." },
    { 792, "IPsec's negotiation took too long." },
    { 798, "No certificate can be used with EAP, or the server's is not acceptable." },
    { 800, "No tunnel could be made by any type: the server may be unreachable." },
    { 806, "The tunnel's control connection is up, but no GRE packet arrives: a firewall or router "
           "does not let IP protocol 47 pass." },
    { 807, "The connection to the server was interrupted or refused." },
    { 809, "The server does not answer: a firewall or router may block UDP 500, 4500 and 1701, or TCP "
           "1723." },
    { 812, "A policy of the server does not permit the connection: the authentication method of both "
           "must be the same." },
    { 828, "The connection ended after an idle time, or at its time limit." },
    { 829, "The link was lost, or its end was ordered." },
    { 835, "The L2TP server could not be authenticated: the wrong kind of certificate or key." },
    { 868, "The server's name could not be resolved." },
    { 919, "The server and this host have no authentication method in common." },
    { 930, "The server's authentication service does not answer." },
    { 1460, "It took too long." },
};

const char *adit_error_text(int error)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].number == error)
            return errors[i].text;
    return "The connection failed for a reason that this library has no sentence for.";
}

const char *adit_version(void) { return ADIT_VERSION; }

static const struct { uint32_t state; const char *text; } states[] = {
    { ADIT_STATE_OTHER, "other" },
    { ADIT_STATE_PREPARING, "preparing" },
    { ADIT_STATE_RESOLVING, "resolving" },
    { ADIT_STATE_CONNECTING, "connecting" },
    { ADIT_STATE_AUTHENTICATING, "authenticating" },
    { ADIT_STATE_PROJECTED, "projected" },
    { ADIT_STATE_CONNECTED, "connected" },
    { ADIT_STATE_FAILED, "failed" },
    { ADIT_STATE_ENDED, "ended" },
    { ADIT_STATE_WAITING, "waiting" },
    { ADIT_STATE_REDIALLING, "redialling" },
    { ADIT_STATE_ENDED, "disconnected" },       /* as the dialler calls it */
};

const char *adit_state_text(uint32_t state)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (states[i].state == state)
            return states[i].text;
    return states[0].text;
}

uint32_t lib_state_of(const char *text)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(states[i].text, text) == 0)
            return states[i].state;
    return ADIT_STATE_OTHER;
}

int lib_code_error(const char *code, int not_found)
{
    static const struct { const char *code; int error; } codes[] = {
        { "ADIT_EINVAL", ADIT_RAS_INVALID_PARAMETER },
        { "ADIT_ENOMEM", ADIT_RAS_NOT_ENOUGH_MEMORY },
        { "ADIT_ECONF", ADIT_RAS_INVALID_ENTRY },
        { "ADIT_EAUTH", ADIT_RAS_NEEDS_CREDENTIALS },
        { "ADIT_EDENIED", ADIT_RAS_ACCESS_DENIED },
        { "ADIT_EBUSY", ADIT_RAS_PORT_NOT_AVAILABLE },
        { "ADIT_EEXIST", ADIT_RAS_ALREADY_DIALING },
        { "ADIT_ETIMEDOUT", ADIT_RAS_TIMEOUT },
        { "ADIT_ECANCELED", ADIT_RAS_USER_DISCONNECTION },
        { "ADIT_ENOSYS", ADIT_RAS_NOT_SUPPORTED },
        { "ADIT_ESTATE", ADIT_RAS_ALREADY_DIALING },
        { "ADIT_ENOSPC", ADIT_RAS_PORT_NOT_AVAILABLE },
        { "ADIT_EUNREACH", ADIT_RAS_NO_ANSWER },
    };
    if (strcmp(code, "ADIT_ENOENT") == 0)
        return not_found;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].error;
    return ADIT_RAS_NOT_SUPPORTED;
}
