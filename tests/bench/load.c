/* load.c: the load client; one thread, HTTP/1.1, no answer goes unchecked.
 *
 *   load rps PORT HEAD BODY CONNECTIONS SECONDS          closed loop
 *   load rate PORT HEAD BODY CONNECTIONS SECONDS RATE    open loop; a delay counts from the moment
 *                                                        a call was due, not from when it was sent
 *   load streams PORT HEAD BODY STREAMS SECONDS EVENTS RAMP_MS
 *   load aborts PORT HEAD BODY CONNECTIONS SECONDS STREAMS    each is closed after its first event
 *
 * HEAD is a file with the request line and headers without Content-Length and the empty line. The
 * first half second of rps and rate is not measured. Prints one line of JSON; `streams` prints
 * "open" before it when every stream has had its first event. SECONDS bounds every mode. */
#include "common.h"

#include <zlib.h>

#define SCRATCH         (256 * 1024)
#define HEADER_LINE_MAX 2048
#define FRAME_MAX       4096
#define GRACE_NS        3000000000
#define WARM_UP_NS      500000000
#define SAMPLES_MAX     8000000

enum state { STATUS, HEADERS, FIXED, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILERS };

struct connection {
    int fd;
    bool busy, writing, ok;
    enum state state;
    size_t sent;
    int64_t started, left; /* left: of the body or chunk */
    size_t line_len, frame_len;
    long events;
    char *line, *frame; /* parts of what has come, only while incomplete */
};

struct samples {
    int64_t *at;
    size_t count, room;
};

static char scratch[SCRATCH];
static int epoll;
static long port;
static char *request;
static size_t request_len;
static bool stream_mode, abort_mode;
static struct samples delays, first_delays;
static int64_t measure_from, stop_at;
static long calls, measured, errors, events_seen, broken_frames, first_seen, streams_done;
static void (*finished)(struct connection *c);

static void sample(struct samples *s, int64_t ns)
{
    if (s->count == s->room) {
        if (s->room >= SAMPLES_MAX) {
            return;
        }
        s->room = s->room ? s->room * 2 : 65536;
        s->at = realloc(s->at, s->room * sizeof(*s->at));
        if (!s->at) {
            die("no memory");
        }
    }
    s->at[s->count++] = ns;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* In microseconds. Sorts. */
static double percentile(struct samples *s, double p)
{
    if (s->count == 0) {
        return 0;
    }
    qsort(s->at, s->count, sizeof(*s->at), by_size);
    size_t i = (size_t)(p * (double)s->count);
    return (double)s->at[i < s->count ? i : s->count - 1] / 1000;
}

/* --- connections --- */

static void connection_open(struct connection *c)
{
    struct sockaddr_in a = loopback(port);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        die("socket: %s", strerror(errno));
    }
    if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        die("connect to port %ld: %s", port, strerror(errno));
    }
    (void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
    no_delay(c->fd);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) != 0) {
        die("epoll: %s", strerror(errno));
    }
}

static void connection_close(struct connection *c)
{
    if (c->fd >= 0) {
        (void)close(c->fd);
    }
    free(c->line);
    free(c->frame);
    *c = (struct connection){.fd = -1};
}

static void want_write(struct connection *c, bool yes)
{
    struct epoll_event e = {.events = EPOLLIN | (yes ? EPOLLOUT : 0), .data.ptr = c};

    if (yes != c->writing && epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e) == 0) {
        c->writing = yes;
    }
}

static void failed(struct connection *c)
{
    errors++;
    connection_close(c);
    c->ok = false;
    finished(c);
}

static void push(struct connection *c)
{
    ssize_t n = send(c->fd, request + c->sent, request_len - c->sent, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN) {
        failed(c);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    want_write(c, c->sent < request_len);
}

static void call_begin(struct connection *c, int64_t due)
{
    if (c->fd < 0) {
        connection_open(c);
    }
    c->busy = true;
    c->ok = true;
    c->state = STATUS;
    c->sent = 0;
    c->events = 0;
    c->started = due;
    push(c);
}

static void call_end(struct connection *c)
{
    int64_t now = now_ns();

    c->busy = false;
    calls++;
    if (!c->ok) {
        errors++;
    } else if (!stream_mode && c->started >= measure_from && now <= stop_at) {
        measured++;
        sample(&delays, now - c->started);
    }
    finished(c);
}

/* --- answers --- */

static uint32_t get32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void frame_whole(struct connection *c, const char *f, size_t n)
{
    char digits[STAMP_DIGITS + 1] = "";
    const char *stamp = memmem(f, n, STAMP, strlen(STAMP));

    if (crc32(0, (const Bytef *)f, (uInt)(n - 4)) != get32(f + n - 4)) {
        broken_frames++;
        return;
    }
    if (!stamp) {
        return;
    }
    int64_t now = now_ns();
    memcpy(digits, stamp + strlen(STAMP), STAMP_DIGITS);
    sample(&delays, now - (int64_t)strtoull(digits, NULL, 16));
    if (c->events++ == 0) {
        sample(&first_delays, now - c->started);
        first_seen++;
    }
    events_seen++;
}

static void frames(struct connection *c, const char *p, size_t n)
{
    while (n > 0) {
        size_t have = c->frame_len + n;
        const char *f = p;
        if (c->frame_len > 0 || n < 12 || get32(p) > n) {
            if (!c->frame && !(c->frame = malloc(FRAME_MAX))) {
                die("no memory");
            }
            size_t add = n < FRAME_MAX - c->frame_len ? n : FRAME_MAX - c->frame_len;
            memcpy(c->frame + c->frame_len, p, add);
            f = c->frame;
        }
        size_t whole = have >= 4 ? get32(f) : FRAME_MAX;
        if (have >= 4 && (whole < 16 || whole > FRAME_MAX)) {
            broken_frames++;
            return;
        }
        if (have < whole) {
            c->frame_len = have;
            return;
        }
        size_t used = whole - c->frame_len;
        frame_whole(c, f, whole);
        c->frame_len = 0;
        p += used;
        n -= used;
    }
}

/* One line of a head or between chunks. False: the answer is no HTTP. */
static bool line_whole(struct connection *c, const char *l, size_t n)
{
    switch (c->state) {
    case STATUS:
        c->ok = n >= 12 && memcmp(l + 8, " 200", 4) == 0;
        c->left = -1;
        c->state = HEADERS;
        return n >= 12;
    case HEADERS:
        if (n > 15 && strncasecmp(l, "content-length:", 15) == 0) {
            c->left = strtoll(l + 15, NULL, 10);
        } else if (n > 18 && strncasecmp(l, "transfer-encoding:", 18) == 0) {
            c->left = -2;
        } else if (n == 0) {
            c->state = c->left == -2 ? CHUNK_SIZE : FIXED;
            return c->left != -1;
        }
        return true;
    case CHUNK_SIZE:
        c->left = strtoll(l, NULL, 16);
        c->state = c->left > 0 ? CHUNK : TRAILERS;
        return true;
    case CHUNK_END:
        c->state = CHUNK_SIZE;
        return n == 0;
    case TRAILERS:
    case FIXED:
    case CHUNK:
        break;
    }
    return true;
}

/* Takes a line, whole or in part. Returns the bytes used; 0: no HTTP. *ended: the answer is. */
static size_t lines(struct connection *c, const char *p, size_t n, bool *ended)
{
    const char *end = memchr(p, '\n', n), *l = p;
    size_t used = end ? (size_t)(end - p) + 1 : n, len = used;

    if (!end || c->line_len > 0) {
        if (c->line_len + used > HEADER_LINE_MAX ||
            (!c->line && !(c->line = malloc(HEADER_LINE_MAX + 1)))) {
            return 0;
        }
        memcpy(c->line + c->line_len, p, used);
        c->line_len += used;
        if (!end) {
            return used;
        }
        l = c->line;
        len = c->line_len;
        c->line_len = 0;
    }
    len -= len > 1 && l[len - 2] == '\r' ? 2 : 1;
    bool last = c->state == TRAILERS && len == 0;
    if (!line_whole(c, l, len)) {
        return 0;
    }
    *ended = last || (c->state == FIXED && c->left == 0);
    return used;
}

static void take(struct connection *c, const char *p, size_t n)
{
    while (n > 0 && c->busy) {
        bool ended = false;
        size_t used = n;
        if (c->state == FIXED || c->state == CHUNK) {
            used = (int64_t)n < c->left ? n : (size_t)c->left;
            if (stream_mode) {
                frames(c, p, used);
            }
            c->left -= (int64_t)used;
            ended = c->left == 0 && c->state == FIXED;
            c->state = c->left == 0 && c->state == CHUNK ? CHUNK_END : c->state;
        } else {
            used = lines(c, p, n, &ended);
        }
        if (used == 0) {
            failed(c);
            return;
        }
        p += used;
        n -= used;
        if (ended) {
            call_end(c);
            return;
        }
    }
}

static void turn(int64_t until)
{
    struct epoll_event ready[256];
    int n = wait_until(epoll, ready, 256, until);

    for (int i = 0; i < n; i++) {
        struct connection *c = ready[i].data.ptr;
        if (ready[i].events & EPOLLOUT && c->busy && c->sent < request_len) {
            push(c);
        }
        if (c->fd < 0 || !(ready[i].events & ~(uint32_t)EPOLLOUT)) {
            continue;
        }
        ssize_t got = recv(c->fd, scratch, sizeof(scratch), 0);
        if (got > 0) {
            take(c, scratch, (size_t)got);
            if (abort_mode && c->busy && c->events > 0) {
                connection_close(c);
                finished(c);
            }
        } else if (got == 0 || errno != EAGAIN) {
            if (c->busy) {
                failed(c);
            } else {
                connection_close(c);
            }
        }
    }
}

/* --- modes --- */

static struct connection *connections;
static long connection_count, in_flight;
static struct connection **idle;
static long idle_count;

static struct connection *connections_new(long n, bool open)
{
    connections = calloc((size_t)n, sizeof(*connections));
    idle = calloc((size_t)n, sizeof(*idle));
    if (!connections || !idle) {
        die("no memory");
    }
    connection_count = n;
    for (long i = 0; i < n; i++) {
        connections[i].fd = -1;
        if (open) {
            connection_open(&connections[i]);
        }
    }
    return connections;
}

static void again(struct connection *c)
{
    in_flight--;
    if (now_ns() < stop_at && errors < 1000) {
        in_flight++;
        call_begin(c, now_ns());
    }
}

static void run_rps(void)
{
    finished = again;
    for (long i = 0; i < connection_count; i++) {
        in_flight++;
        call_begin(&connections[i], now_ns());
    }
    while (in_flight > 0 && now_ns() < stop_at + GRACE_NS) {
        turn(stop_at + GRACE_NS);
    }
}

static void rest(struct connection *c)
{
    in_flight--;
    idle[idle_count++] = c;
}

static void run_rate(long rate)
{
    int64_t begin = now_ns(), started = 0, gap = 1000000000 / rate;

    finished = rest;
    for (long i = 0; i < connection_count; i++) {
        idle[idle_count++] = &connections[i];
    }
    for (int64_t now = begin; now < stop_at + GRACE_NS; now = now_ns()) {
        int64_t due = begin + started * gap;
        if (due < stop_at && due <= now && idle_count > 0) {
            in_flight++;
            started++;
            call_begin(idle[--idle_count], due);
            continue;
        }
        if (due >= stop_at && in_flight == 0) {
            break;
        }
        turn(due < stop_at && idle_count > 0 ? due : stop_at + GRACE_NS);
    }
}

static void stream_over(struct connection *c)
{
    streams_done++;
    connection_close(c);
}

static void run_streams(long ramp_ms)
{
    int64_t begin = now_ns();
    long started = 0;
    bool said = false;

    finished = stream_over;
    while (streams_done < connection_count && now_ns() < stop_at) {
        int64_t due = begin + started * ramp_ms * 1000000 / connection_count;
        if (started < connection_count && due <= now_ns()) {
            connection_open(&connections[started]);
            call_begin(&connections[started++], now_ns());
        }
        turn(started < connection_count ? due : stop_at);
        if (!said && first_seen == connection_count) {
            said = true;
            (void)puts("open");
            (void)fflush(stdout);
        }
    }
}

static long streams_wanted;

static void another(struct connection *c)
{
    streams_done++;
    if (streams_done + in_flight <= streams_wanted && errors < 1000) {
        call_begin(c, now_ns());
    } else {
        in_flight--;
    }
}

static void run_aborts(void)
{
    finished = another;
    for (long i = 0; i < connection_count && i < streams_wanted; i++) {
        in_flight++;
        call_begin(&connections[i], now_ns());
    }
    while (in_flight > 0 && now_ns() < stop_at) {
        turn(stop_at);
    }
}

/* --- the whole --- */

static void request_prepare(const char *head_path, const char *body_path)
{
    size_t head_len, body_len;
    char *head = read_whole(head_path, &head_len), *body = read_whole(body_path, &body_len);

    request = malloc(head_len + body_len + 64);
    if (!request) {
        die("no memory");
    }
    memcpy(request, head, head_len);
    request_len = head_len;
    request_len += (size_t)sprintf(request + head_len, "Content-Length: %zu\r\n\r\n", body_len);
    memcpy(request + request_len, body, body_len);
    request_len += body_len;
    free(head);
    free(body);
}

static double cpu_us(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void report_calls(double seconds)
{
    (void)printf("{\"calls\":%ld,\"errors\":%ld,\"rps\":%.0f,\"p50\":%.1f,", calls,
                 errors + in_flight, (double)measured / seconds, percentile(&delays, 0.50));
    (void)printf("\"p99\":%.1f,\"cpu_us\":%.0f}\n", percentile(&delays, 0.99), cpu_us());
}

static void report_streams(long events)
{
    (void)printf("{\"streams\":%ld,\"done\":%ld,\"errors\":%ld,\"broken\":%ld,\"events\":%ld,",
                 connection_count, streams_done, errors, broken_frames, events_seen);
    (void)printf("\"missing\":%ld,\"first_p50\":%.1f,\"first_p99\":%.1f,",
                 events * connection_count - events_seen, percentile(&first_delays, 0.50),
                 percentile(&first_delays, 0.99));
    (void)printf("\"p50\":%.1f,\"p99\":%.1f,\"cpu_us\":%.0f}\n", percentile(&delays, 0.50),
                 percentile(&delays, 0.99), cpu_us());
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    bool rps = strcmp(mode, "rps") == 0, rate = strcmp(mode, "rate") == 0;

    abort_mode = strcmp(mode, "aborts") == 0;
    stream_mode = abort_mode || strcmp(mode, "streams") == 0;
    if (argc != (rps ? 7 : rate || abort_mode ? 8 : stream_mode ? 9 : 0)) {
        die("usage: load rps|rate|aborts|streams PORT HEAD BODY CONNECTIONS SECONDS [RATE | "
            "STREAMS | EVENTS RAMP_MS]");
    }
    (void)prctl(PR_SET_PDEATHSIG, 15);
    long most = be_precise_and_large() - 16;
    port = number_arg(argv[2], "PORT", 1, 65535);
    request_prepare(argv[3], argv[4]);
    long n = number_arg(argv[5], "CONNECTIONS", 1, most);
    int64_t seconds = number_arg(argv[6], "SECONDS", 1, 600);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    connections_new(n, !stream_mode);
    measure_from = now_ns() + WARM_UP_NS;
    stop_at = measure_from + seconds * 1000000000;
    if (rps) {
        run_rps();
    } else if (rate) {
        run_rate(number_arg(argv[7], "RATE", 1, 1000000));
    } else if (abort_mode) {
        streams_wanted = number_arg(argv[7], "STREAMS", 1, 1000000);
        run_aborts();
    } else {
        run_streams(number_arg(argv[8], "RAMP_MS", 0, 60000));
    }
    if (stream_mode) {
        report_streams(abort_mode ? 0 : number_arg(argv[7], "EVENTS", 1, 1000000));
    } else {
        report_calls((double)seconds);
    }
    return 0;
}
