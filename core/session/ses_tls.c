/* ses_tls.c - the TLS context for EAP-TLS: certificate, key, authorities.
 *
 * Knows:  loading them, with an error that names the setting.
 * Leaves: the handshake to ppp's EAP.
 */
#include "session/ses_int.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include "log/log.h"

static SSL_CTX *context;

void *ses_tls_context(void) { return context; }

static int32_t failed(SSL_CTX *ctx, const char *setting, const char *file)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    int32_t rc = log_fail("session", ADIT_ECONF, "ppp.%s: %s cannot be used: %s", setting, file,
                          why ? why : "unknown reason");
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return rc;
}

int32_t ses_tls_open(const struct ses_conf *c)
{
    if (!(c->auth & ADIT_AUTH_EAP_TLS)) {
        SSL_CTX_free(context);
        context = NULL;
        return 0;
    }
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (!ctx)
        return log_fail("session", ADIT_ENOMEM, "no TLS context: out of memory");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (SSL_CTX_use_certificate_chain_file(ctx, c->tls_certificate) != 1)
        return failed(ctx, "tls-certificate", c->tls_certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, c->tls_key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return failed(ctx, "tls-key", c->tls_key);
    if (SSL_CTX_load_verify_locations(ctx, c->tls_ca, NULL) != 1)
        return failed(ctx, "tls-ca", c->tls_ca);
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(c->tls_ca);
    if (names)
        SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_free(context);
    context = ctx;
    return 0;
}
