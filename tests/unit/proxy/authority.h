/* authority.h: a certificate authority of the tests' own, and TLS servers it vouches for. Included
 * by one test program each. */
#ifndef TOLLGATE_TESTS_AUTHORITY_H
#define TOLLGATE_TESTS_AUTHORITY_H

#include "tests/unit/proxy/upstream_rig.h"

static char ca_file[64], other_ca_file[64];
static EVP_PKEY *ca_key, *server_key;
static X509 *ca;

static X509 *certificate(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key,
                         const char *extension, int nid)
{
    static long serial = 1;
    X509 *x = X509_new();
    assert_non_null(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, extension);
    assert_non_null(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
    return x;
}

static void write_certificate(char path[64], X509 *x)
{
    (void)snprintf(path, 64, "/tmp/upstream_ca_XXXXXX");
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, x), 1);
    fclose(f);
}

static int make_authorities(void **state)
{
    (void)state;
    ca_key = EVP_EC_gen("P-256");
    server_key = EVP_EC_gen("P-256");
    ca = certificate(ca_key, "test authority", NULL, ca_key, "critical,CA:TRUE",
                     NID_basic_constraints);
    X509 *other = certificate(server_key, "other authority", NULL, server_key, "critical,CA:TRUE",
                              NID_basic_constraints);
    write_certificate(ca_file, ca);
    write_certificate(other_ca_file, other);
    X509_free(other);
    return 0;
}

static int forget_authorities(void **state)
{
    (void)state;
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(server_key);
    return unlink(ca_file) | unlink(other_ca_file);
}

/* A server of that name, e.g. "DNS:localhost". */
UNUSED_FUNCTION static SSL_CTX *server_of(const char *alternative_name, int version)
{
    SSL_CTX *t = SSL_CTX_new(TLS_server_method());
    X509 *x = certificate(server_key, "server", ca, ca_key, alternative_name, NID_subject_alt_name);
    assert_non_null(t);
    assert_int_equal(SSL_CTX_use_certificate(t, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(t, server_key), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(t, version), 1);
    SSL_CTX_set_session_id_context(t, (const unsigned char *)"test", 4);
    X509_free(x);
    return t;
}

#endif
