/* front_tls.c: reads and writes of a connection through OpenSSL, without blocking. The handshake is
 * part of the first reads. */
#include "core/proxy/front_private.h"

#include "core/identity/key.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

bool front_tls_start(struct conn *c, SSL_CTX *context)
{
    c->ssl = SSL_new(context);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd.fd) != 1) {
        ERR_clear_error();
        return false;
    }
    SSL_set_accept_state(c->ssl);
    c->transport = &front_tls;
    return true;
}

bool front_tls_ready(const struct conn *c)
{
    return SSL_is_init_finished(c->ssl);
}

bool front_tls_is_http2(const struct conn *c)
{
    const unsigned char *name = NULL;
    unsigned int n = 0;

    SSL_get0_alpn_selected(c->ssl, &name, &n);
    return n == 2 && name[0] == 'h' && name[1] == '2';
}

/* NULL: none, or one that stands for nobody. */
static char *read_subject(SSL *ssl)
{
    X509 *x = SSL_get0_peer_certificate(ssl);
    BIO *out = NULL;
    char *text = NULL;
    struct str written = {NULL, 0};

    /* A resumed session was verified when it began: the certificate may have ended since. */
    if (!x || SSL_get_verify_result(ssl) != X509_V_OK ||
        X509_cmp_current_time(X509_get0_notAfter(x)) <= 0) {
        return NULL;
    }
    out = BIO_new(BIO_s_mem());
    if (out && X509_NAME_print_ex(out, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) > 0) {
        char *data = NULL;
        long n = BIO_get_mem_data(out, &data);
        written = (struct str){data, n > 0 && n <= KEY_SUBJECT_MAX ? (size_t)n : 0};
    }
    text = written.n > 0 ? str_dup(written) : NULL;
    BIO_free(out);
    ERR_clear_error();
    return text;
}

struct str front_tls_subject(struct conn *c)
{
    if (c->ssl && !c->subject) {
        c->subject = read_subject(c->ssl);
        c->subject = c->subject ? c->subject : calloc(1, 1);
    }
    return str_of(c->subject);
}

/* What a call that moved nothing means. */
static ssize_t why_not(struct conn *c, int result)
{
    int e = SSL_get_error(c->ssl, result);

    ERR_clear_error();
    switch (e) {
    case SSL_ERROR_WANT_WRITE:
        c->blocked = true;
        return IO_AGAIN;
    case SSL_ERROR_WANT_READ:
        return IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return IO_END;
    default:
        return IO_BROKEN;
    }
}

/* A record at a time comes out of OpenSSL: takes as many as there are. */
static ssize_t tls_read(struct conn *c, void *to, size_t n)
{
    size_t got = 0;

    while (got < n) {
        size_t more = 0;
        int result = SSL_read_ex(c->ssl, (char *)to + got, n - got, &more);
        if (result != 1) {
            ssize_t why = why_not(c, result);
            /* An end or an error shows again at the next read. */
            return got > 0 ? (ssize_t)got : why;
        }
        got += more;
        if (!SSL_pending(c->ssl)) {
            break;
        }
    }
    return (ssize_t)got;
}

static ssize_t tls_write(struct conn *c, const void *from, size_t n)
{
    size_t sent = 0;
    int result = SSL_write_ex(c->ssl, from, n, &sent);

    if (result == 1) {
        return (ssize_t)sent;
    }
    ssize_t why = why_not(c, result);
    return why == IO_AGAIN ? IO_AGAIN : IO_BROKEN;
}

static bool tls_pending(const struct conn *c)
{
    return SSL_pending(c->ssl) > 0;
}

static void tls_shut(struct conn *c)
{
    if (front_tls_ready(c)) {
        (void)SSL_shutdown(c->ssl); /* the answer to it is not waited for */
        ERR_clear_error();
    }
}

const struct transport front_tls = {
    .read = tls_read, .write = tls_write, .pending = tls_pending, .shut = tls_shut};
