/* listener_tls.c: the TLS context of an address: its certificate, its key, the authority of
 * clients. */
#include "core/proxy/front_private.h"

#include <openssl/err.h>
#include <signal.h>
#include <string.h>

static enum err tls_failed(struct err_info *ei, const char *what, const char *file)
{
    unsigned long first = ERR_peek_error(); /* what came of it stands behind */
    const char *reason = ERR_SYSTEM_ERROR(first) ? strerrordesc_np(ERR_GET_REASON(first))
                                                 : ERR_reason_error_string(first);

    ERR_clear_error();
    return err_set(ei, ERR_IO, "cannot use %s %s: %s", what, file, reason ? reason : "not usable");
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *in, unsigned int in_length, void *arg)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen = NULL;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_length, ours, sizeof ours - 1, in, in_length) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static enum err read_client_ca(SSL_CTX *t, const char *file, struct err_info *ei)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);

    if (!names || SSL_CTX_load_verify_locations(t, file, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return tls_failed(ei, "client_ca", file);
    }
    SSL_CTX_set_client_CA_list(t, names);
    /* Not demanded: a caller may have a key instead, and /healthz needs neither. */
    SSL_CTX_set_verify(t, SSL_VERIFY_PEER, NULL);
    return ERR_OK;
}

static enum err read_tls(SSL_CTX *t, const struct config_listen *c, struct err_info *ei)
{
    if (SSL_CTX_use_certificate_chain_file(t, c->certificate) != 1) {
        return tls_failed(ei, "certificate", c->certificate);
    }
    const char *key = c->private_key ? c->private_key : c->certificate;
    if (SSL_CTX_use_PrivateKey_file(t, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(t) != 1) {
        return tls_failed(ei, "private_key", key);
    }
    return c->client_ca ? read_client_ca(t, c->client_ca, ei) : ERR_OK;
}

static bool set_up(SSL_CTX *t)
{
    static const unsigned char session_context[] = "tollgate";

    if (SSL_CTX_set_min_proto_version(t, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(t, session_context, sizeof session_context - 1) != 1 ||
        SSL_CTX_set_num_tickets(t, 1) != 1) {
        return false;
    }
    SSL_CTX_set_mode(t, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(t, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Sessions travel in tickets; a cache would only hold memory. */
    SSL_CTX_set_session_cache_mode(t, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(t, choose_protocol, NULL);
    return true;
}

SSL_CTX *listener_tls_new(const struct config_listen *c, struct err_info *ei)
{
    /* OpenSSL writes with write(2), which has no MSG_NOSIGNAL. */
    (void)signal(SIGPIPE, SIG_IGN);
    SSL_CTX *t = SSL_CTX_new(TLS_server_method());
    enum err e = t && set_up(t)
                     ? read_tls(t, c, ei)
                     : err_set(ei, ERR_NOMEM, "cannot set up TLS for %s:%d", c->host, c->port);
    if (e != ERR_OK) {
        SSL_CTX_free(t);
        return NULL;
    }
    return t;
}

enum err listener_check(const struct config_listen *c, struct err_info *ei)
{
    SSL_CTX *t = c->certificate ? listener_tls_new(c, ei) : NULL;
    enum err e = c->certificate && !t ? ERR_IO : ERR_OK;
    SSL_CTX_free(t);
    return e;
}
