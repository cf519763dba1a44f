/* fuzz_ike_cert.c - what a peer sends to prove who it is: certificates, identity, signature.
 *
 * Byte 0: the method. Byte 1: the type of the identity, byte 2 its length, itself; then
 * certificates, two bytes of length before each. What is left is the signature.
 */
#include "../../plugins/ipsec-ike/ike_cert.h"
#include "../../plugins/ipsec-ike/ike_crypto.h"
#include "../unit/ike_ca.h"

#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>

/* the CA of tests/golden/ike/cert-ecdsa.hex */
static const char ca_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBqjCCAU+gAwIBAgIUGOzBlOgXrL/ABy1imYr0eqs5/2swCgYIKoZIzj0EAwIw\n"
    "IjEMMAoGA1UECgwDbGFiMRIwEAYDVQQDDAlsYWIgRUMgQ0EwHhcNMjYxMTIxMTI0\n"
    "OTU3WhcNMjYxMjIxMTI0OTU3WjAiMQwwCgYDVQQKDANsYWIxEjAQBgNVBAMMCWxh\n"
    "YiBFQyBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOlcnrg+j2D9uWFkgkFd\n"
    "k8N7mSL9S8bLlAvQ0BKe1hHdOsuDuYAZUmMWWdmC8uUIiMWtX9GMrrUy/vgLBBlJ\n"
    "J8mjYzBhMB0GA1UdDgQWBBR5Xtu00FEcSWRtG4rXTRiBS3aIIzAfBgNVHSMEGDAW\n"
    "gBR5Xtu00FEcSWRtG4rXTRiBS3aIIzAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB\n"
    "/wQEAwIBBjAKBggqhkjOPQQDAgNJADBGAiEA3RX1PThYMWx6bmH45KFk2j9WuqLj\n"
    "I+GKbJw7224kjmoCIQC9D1EeIuTJgYwZiTm2S8Ke7ZlJWCvhqUPee7v11kG3Aw==\n"
    "-----END CERTIFICATE-----\n";
#define THAT_DAY 1795265600u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct ike_auth *auth;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char dir[] = "/tmp/fuzz_ike_cert.XXXXXX", cert[64], key[64], ca[64], why[256] = "";
    const char *lib_why;
    (void)argc;
    (void)argv;
    OSSL_LIB_CTX *lib = ike_lib_new(&lib_why);
    ca_must(lib && mkdtemp(dir));
    snprintf(cert, sizeof cert, "%s/our.pem", dir);
    snprintf(key, sizeof key, "%s/our.key", dir);
    snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    EVP_PKEY *k = ca_key(lib, "P-256");
    X509 *x = ca_issue(&(struct ca_wish){ .lib = lib, .subject = "CN=our", .key = k });
    ca_write(cert, x, NULL);
    ca_write_key(lib, key, k);
    ca_must(chmod(key, 0600) == 0);
    FILE *f = fopen(ca, "w");
    ca_must(f && fputs(ca_pem, f) >= 0);
    fclose(f);
    const struct ike_auth_conf c = { .certificate = cert, .key = key, .ca = ca };
    auth = ike_auth_new(lib, &c, why, sizeof why);
    if (!auth)
        fprintf(stderr, "%s\n", why);
    ca_must(auth != NULL);
    X509_free(x);
    EVP_PKEY_free(k);
    unlink(cert);
    unlink(key);
    unlink(ca);
    rmdir(dir);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t hash[32];
    static const char *const wants[] = { NULL, "client.lab", "*.lab", "O=lab, CN=client", "192.0.2.1" };
    struct ike_cert_in certs[4];
    uint8_t *copies[4];
    uint32_t n = 0;
    char identity[80], why[200] = "";
    struct rd r = rd_of(data, len);
    uint8_t method = rd_u8(&r);
    struct ike_id id = { .type = rd_u8(&r) };
    id.len = rd_u8(&r);
    id.data = rd_bytes(&r, id.len);
    while (n < 4 && rd_left(&r) > 2) {
        size_t k = rd_u16(&r);
        if (k > rd_left(&r))
            break;
        copies[n] = malloc(k ? k : 1);          /* an overread shows */
        rd_copy(&r, copies[n], k);
        certs[n].der = copies[n];
        certs[n].len = k;
        n++;
    }
    size_t sig_len;
    const uint8_t *sig = rd_rest(&r, &sig_len);
    if (id.data) {
        int32_t rc = ike_auth_verify(auth, method & 15u, certs, n, &id, hash, sizeof hash, sig, sig_len,
                                     THAT_DAY, wants[method % 5u], identity, sizeof identity, why,
                                     sizeof why);
        ca_must(rc == ADIT_EAUTH && why[0] && strlen(identity) < sizeof identity);
        ca_must(ERR_peek_error() == 0);
    }
    for (uint32_t i = 0; i < n; i++) {
        const unsigned char *at = copies[i];
        X509 *x = d2i_X509(NULL, &at, (long)certs[i].len);
        for (uint32_t k = 1; x && k < 5; k++)
            (void)ike_cert_named(x, wants[k]);
        X509_free(x);
        free(copies[i]);
    }
    ERR_clear_error();
    return 0;
}
