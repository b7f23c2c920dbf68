/* load2.c: the load client for HTTP/2 with prior knowledge; one thread, nghttp2.
 *
 *   load2 rps PORT HEAD BODY CONNECTIONS SECONDS AT_ONCE       closed loop, AT_ONCE calls on each
 *   load2 streams PORT HEAD BODY CONNECTIONS SECONDS AT_ONCE   opens AT_ONCE streams on each, once
 *
 * HEAD is the file that `load` takes. Prints one line of JSON; `streams` prints "open" before it
 * when every stream has had its first bytes. */
#include "common.h"

#include <nghttp2/nghttp2.h>

#define SCRATCH     (256 * 1024)
#define HEADERS_MAX 16
#define WARM_UP_NS  500000000
#define GRACE_NS    3000000000
#define WINDOW      (1 << 20)

struct connection {
    int fd;
    nghttp2_session *session;
    bool writing;
};
struct stream {
    struct connection *c;
    size_t sent;
    bool good, heard;
};

static int epoll;
static bool stream_mode;
static nghttp2_nv headers[HEADERS_MAX + 3];
static size_t header_count;
static char *body;
static size_t body_len;
static int64_t measure_from, stop_at;
static long calls, measured, errors, open_now, first_seen, bytes;

static void header(const char *name, const char *value)
{
    if (header_count == sizeof(headers) / sizeof(headers[0])) {
        die("too many headers");
    }
    headers[header_count++] = (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
                                           strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

/* From an HTTP/1.1 request line and headers. */
static void headers_prepare(char *text)
{
    char *rest, *method = strtok_r(text, " ", &rest), *path = strtok_r(NULL, " ", &rest);
    static char length[24];

    if (!method || !path || !strtok_r(NULL, "\r\n", &rest)) {
        die("HEAD has no request line");
    }
    header(":method", method);
    header(":scheme", "http");
    header(":path", path);
    for (char *line; (line = strtok_r(NULL, "\r\n", &rest));) {
        char *colon = strchr(line, ':');
        if (!colon) {
            die("HEAD has a line without a colon");
        }
        *colon = '\0';
        for (char *p = line; *p; p++) {
            *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        }
        header(strcmp(line, "host") == 0 ? ":authority" : line, colon + 2);
    }
    (void)snprintf(length, sizeof(length), "%zu", body_len);
    header("content-length", length);
    /* Pseudo headers go first. */
    for (size_t i = 3; i < header_count; i++) {
        if (headers[i].name[0] == ':') {
            nghttp2_nv authority = headers[i];
            memmove(&headers[4], &headers[3], (i - 3) * sizeof(headers[0]));
            headers[3] = authority;
        }
    }
}

/* --- streams --- */

static ssize_t give_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t n,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct stream *s = source->ptr;
    size_t left = body_len - s->sent;

    (void)session;
    (void)id;
    (void)user;
    n = n < left ? n : left;
    memcpy(to, body + s->sent, n);
    s->sent += n;
    if (s->sent == body_len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

static void stream_open(struct connection *c)
{
    struct stream *s = calloc(1, sizeof(*s));
    nghttp2_data_provider give = {.source.ptr = s, .read_callback = give_body};

    if (!s) {
        die("no memory");
    }
    s->c = c;
    if (nghttp2_submit_request(c->session, NULL, headers, header_count, &give, s) < 0) {
        die("no stream");
    }
    open_now++;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)flags;
    (void)user;
    if (s && name_len == 7 && memcmp(name, ":status", 7) == 0) {
        s->good = value_len == 3 && memcmp(value, "200", 3) == 0;
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t n, void *user)
{
    struct stream *s = nghttp2_session_get_stream_user_data(session, id);

    (void)flags;
    (void)data;
    (void)user;
    bytes += (long)n;
    if (s && !s->heard) {
        s->heard = true;
        first_seen++;
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct stream *s = nghttp2_session_get_stream_user_data(session, id);
    int64_t now = now_ns();

    (void)user;
    if (!s) {
        return 0;
    }
    open_now--;
    calls++;
    if (code != 0 || !s->good || !s->heard) {
        errors++;
    } else if (now >= measure_from && now <= stop_at) {
        measured++;
    }
    if (!stream_mode && now < stop_at) {
        stream_open(s->c);
    }
    free(s);
    return 0;
}

/* --- connections --- */

static void want_write(struct connection *c, bool yes)
{
    struct epoll_event e = {.events = EPOLLIN | (yes ? EPOLLOUT : 0), .data.ptr = c};

    if (yes != c->writing && epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e) == 0) {
        c->writing = yes;
    }
}

static void flush(struct connection *c)
{
    if (nghttp2_session_send(c->session) != 0) {
        die("HTTP/2: cannot send");
    }
    want_write(c, nghttp2_session_want_write(c->session) != 0);
}

static ssize_t send_some(nghttp2_session *session, const uint8_t *data, size_t n, int flags,
                         void *user)
{
    struct connection *c = user;
    ssize_t done = send(c->fd, data, n, MSG_NOSIGNAL);

    (void)session;
    (void)flags;
    if (done >= 0) {
        return done;
    }
    return errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void connection_open(struct connection *c, const nghttp2_session_callbacks *callbacks,
                            long port)
{
    struct sockaddr_in a = loopback(port);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW};

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        die("connect to port %ld: %s", port, strerror(errno));
    }
    (void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
    no_delay(c->fd);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) != 0 ||
        nghttp2_session_client_new(&c->session, callbacks, c) != 0 ||
        nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &settings, 1) != 0 ||
        nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, WINDOW) != 0) {
        die("HTTP/2: cannot begin");
    }
}

static void readable(struct connection *c)
{
    static uint8_t scratch[SCRATCH];
    ssize_t n = recv(c->fd, scratch, sizeof(scratch), 0);

    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0 || nghttp2_session_mem_recv(c->session, scratch, (size_t)n) != n) {
        die("the connection ended after %ld calls", calls);
    }
}

static void run(long connections)
{
    struct epoll_event ready[256];
    int64_t end = stop_at + GRACE_NS;
    bool said = false;
    long all = open_now;

    while (now_ns() < end && open_now > 0) {
        int n = wait_until(epoll, ready, 256, end);
        for (int i = 0; i < n; i++) {
            if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                readable(ready[i].data.ptr);
            }
            flush(ready[i].data.ptr);
        }
        if (stream_mode && !said && first_seen == all) {
            said = true;
            (void)puts("open");
            (void)fflush(stdout);
        }
    }
    (void)connections;
}

int main(int argc, char **argv)
{
    if (argc != 8 || (strcmp(argv[1], "rps") != 0 && strcmp(argv[1], "streams") != 0)) {
        die("usage: load2 rps|streams PORT HEAD BODY CONNECTIONS SECONDS AT_ONCE");
    }
    (void)prctl(PR_SET_PDEATHSIG, 15);
    (void)be_precise_and_large();
    stream_mode = strcmp(argv[1], "streams") == 0;
    long port = number_arg(argv[2], "PORT", 1, 65535);
    size_t ignored;
    body = read_whole(argv[4], &body_len);
    headers_prepare(read_whole(argv[3], &ignored));
    long connections = number_arg(argv[5], "CONNECTIONS", 1, 10000);
    int64_t seconds = number_arg(argv[6], "SECONDS", 1, 600);
    long at_once = number_arg(argv[7], "AT_ONCE", 1, 1000);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        die("no memory");
    }
    nghttp2_session_callbacks_set_send_callback(callbacks, send_some);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    struct connection *c = calloc((size_t)connections, sizeof(*c));
    if (!c) {
        die("no memory");
    }
    measure_from = now_ns() + (stream_mode ? 0 : WARM_UP_NS);
    stop_at = measure_from + seconds * 1000000000;
    for (long i = 0; i < connections; i++) {
        connection_open(&c[i], callbacks, port);
        for (long k = 0; k < at_once; k++) {
            stream_open(&c[i]);
        }
        flush(&c[i]);
    }
    run(connections);
    (void)printf("{\"calls\":%ld,\"errors\":%ld,\"rps\":%.0f,\"bytes\":%ld,\"cpu_us\":%.0f}\n",
                 calls, errors + open_now, (double)measured / (double)seconds, bytes,
                 (double)clock() * 1e6 / CLOCKS_PER_SEC);
    return 0;
}
