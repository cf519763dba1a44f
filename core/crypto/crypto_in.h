/* crypto_in.h - what the files of core/crypto share. */
#ifndef CRYPTO_IN_H
#define CRYPTO_IN_H

#include <adit/bytes.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include "crypto/crypto.h"

/* Fetched once, ours; NULL: this host forbids it. */
EVP_MD *crypto_md(uint32_t algorithm);
EVP_CIPHER *crypto_des(void);
EVP_KDF *crypto_scrypt(void);

#endif
