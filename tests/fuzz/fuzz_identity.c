/* Credentials of a request: a signed request stays good only while nothing of what is signed
 * changes; a request made up freely is never good. */
#include "core/aws/credentials.h"
#include "core/aws/sigv4.h"
#include "core/identity/identity_private.h"
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

#define KEY_ID    "TGKAAAAAAAAAAAAAAAAA"
#define NOW_MS    1795225000000LL
#define FIELDS    8
#define PIECE_MAX 512

static struct identity *identity(void)
{
    static struct identity *made;
    static const uint8_t master[MASTER_BYTES] = "a master key for fuzzing only..";
    char path[] = "/tmp/tollgate-fuzz-XXXXXX";
    struct key_record k = {.name = "fuzz", .access_key_id = KEY_ID, .tag_count = 1};
    struct err_info ei = {0};

    if (made != NULL) {
        return made;
    }
    int fd = mkstemp(path);
    MUST(fd >= 0 && write(fd, master, sizeof(master)) == (ssize_t)sizeof(master));
    close(fd);
    made = identity_new(path, "us-east-1", false, &ei);
    MUST(made != NULL && unlink(path) == 0);
    memset(k.bearer_sha256, 0x5A, sizeof(k.bearer_sha256)); /* of no token that anybody knows */
    strncpy(k.tags[0].key, "costCenter", sizeof(k.tags[0].key) - 1);
    strncpy(k.tags[0].value, "sales", sizeof(k.tags[0].value) - 1);
    MUST(identity_put(made, &k) == ERR_OK);
    return made;
}

enum field { METHOD, TARGET, AUTHORITY, DATE, METADATA, OTHER, AUTHORIZATION, BODY };

/* What a client signs, then what arrives. */
struct request {
    char text[FIELDS][PIECE_MAX * 2];
    size_t n[FIELDS];
    struct http_header headers[8];
    uint8_t hash[32];
};

static struct str field(const struct request *q, enum field f)
{
    return (struct str){q->text[f], q->n[f]};
}

static void set(struct request *q, enum field f, struct str value)
{
    q->n[f] = value.n < sizeof(q->text[f]) ? value.n : sizeof(q->text[f]);
    if (q->n[f] > 0) {
        memcpy(q->text[f], value.p, q->n[f]);
    }
}

/* False: more parameters than can be signed. */
static bool sign(struct request *q)
{
    char secret[KEY_SECRET_TEXT], body[SIGV4_HEX];
    struct sigv4_signer signer = {0};
    struct http_header headers[] = {{STR("host"), field(q, AUTHORITY)},
                                    {STR("x-amzn-bedrock-request-metadata"), field(q, METADATA)}};
    struct sigv4_request r = {.method = field(q, METHOD), .headers = headers, .header_count = 2};
    struct buf lines = {0};
    struct err_info ei = {0};

    key_secret(secret, identity()->master, KEY_ID);
    struct credentials *c = credentials_new(STR(KEY_ID), str_of(secret), STR(""), 0, "fuzz");
    MUST(c != NULL);
    r.path = str_cut(field(q, TARGET), '?', &r.query);
    sigv4_sha256_hex(body, q->text[BODY], q->n[BODY]);
    r.body_sha256_hex = body;
    sigv4_signer_init(&signer, "us-east-1", "bedrock");
    enum err e = sigv4_sign(&signer, c, &r, NOW_MS, &lines, &ei);
    MUST(e == ERR_OK || e == ERR_TOO_BIG);
    struct str rest = buf_str(&lines);
    while (rest.n > 0) {
        struct str value, line = str_cut(rest, '\n', &rest);
        struct str name = str_cut(line, ':', &value);
        value = str_trim(str_sub(value, 0, value.n - 1));
        set(q, str_is(name, "Authorization") ? AUTHORIZATION : DATE, value);
    }
    buf_free(&lines);
    sigv4_signer_free(&signer);
    credentials_unref(c);
    return e == ERR_OK;
}

static enum err check(struct request *q)
{
    struct identity_request r = {.method = field(q, METHOD),
                                 .target = field(q, TARGET),
                                 .headers = q->headers,
                                 .header_count = 4,
                                 .authority = field(q, AUTHORITY),
                                 .body_sha256 = q->hash,
                                 .now_ms = NOW_MS};
    struct identity_result result;
    struct tags tags = {0};
    struct arena a = {0};
    struct err_info ei = {0};

    q->headers[0] = (struct http_header){STR("X-Amz-Date"), field(q, DATE)};
    q->headers[1] = (struct http_header){STR("Authorization"), field(q, AUTHORIZATION)};
    q->headers[2] =
        (struct http_header){STR("X-Amzn-Bedrock-Request-Metadata"), field(q, METADATA)};
    q->headers[3] = (struct http_header){STR("X-Other"), field(q, OTHER)};
    sigv4_sha256(q->hash, q->text[BODY], q->n[BODY]);
    struct err_info pre = {0};
    enum err before = identity_precheck(identity(), &r, &pre);
    enum err e = identity_check(identity(), &r, &tags, &a, &result, &ei);
    if (e == ERR_OK) {
        MUST(before == ERR_OK);
        MUST(result.kind == IDENTITY_SIGV4 && strcmp(result.access_key_id, KEY_ID) == 0);
        MUST(str_is(tags_get(&tags, "costCenter"), "sales"));
    } else {
        MUST((e == ERR_AUTH || e == ERR_NOT_FOUND || e == ERR_RANGE) &&
             result.kind == IDENTITY_NONE);
        MUST(ei.text[0] != '\0' && tags.count == 0);
    }
    arena_free(&a);
    return e;
}

/* Blanks may change in a header's value; nothing else that is signed may. */
static bool same_but_blanks(struct str a, struct str b)
{
    size_t i = 0, k = 0;

    for (;;) {
        while (i < a.n && strchr(" \t\r\n", a.p[i]) != NULL && a.p[i] != '\0') {
            i++;
        }
        while (k < b.n && strchr(" \t\r\n", b.p[k]) != NULL && b.p[k] != '\0') {
            k++;
        }
        if (i == a.n || k == b.n) {
            return i == a.n && k == b.n;
        }
        if (a.p[i++] != b.p[k++]) {
            return false;
        }
    }
}

/* Changes one place of one field. */
static void change(struct request *q, struct input *in)
{
    enum field f = (enum field)(input_byte(in) % FIELDS);
    uint8_t how = input_byte(in);
    size_t at = q->n[f] > 0 ? (size_t)input_int(in, 2) % q->n[f] : 0;

    if (how % 4 == 0 && q->n[f] > 0) { /* another byte */
        q->text[f][at] = (char)input_byte(in);
    } else if (how % 4 == 1 && q->n[f] > 0) { /* one less */
        memmove(q->text[f] + at, q->text[f] + at + 1, q->n[f] - at - 1);
        q->n[f]--;
    } else if (q->n[f] < sizeof(q->text[f])) { /* one more */
        memmove(q->text[f] + at + 1, q->text[f] + at, q->n[f] - at);
        q->text[f][at] = (char)input_byte(in);
        q->n[f]++;
    }
}

static bool holds_nul_or_lf(struct str s)
{
    return s.n > 0 && (memchr(s.p, '\0', s.n) != NULL || memchr(s.p, '\n', s.n) != NULL);
}

static void check_changed(struct request *q, struct input *in)
{
    struct request *then = malloc(sizeof(*then));
    struct str was_query, is_query;

    MUST(then != NULL);
    *then = *q;
    for (int i = 0; i < 4 && in->n > 0; i++) {
        change(q, in);
    }
    if (check(q) == ERR_OK && !holds_nul_or_lf(field(q, METADATA)) &&
        !holds_nul_or_lf(field(q, AUTHORITY)) && !holds_nul_or_lf(field(q, METHOD))) {
        struct str was = str_cut(field(then, TARGET), '?', &was_query);
        struct str is = str_cut(field(q, TARGET), '?', &is_query);
        MUST(str_eq(was, is) ||
             was.n + is.n == 1); /* an empty path, which no parser lets in, is "/" */
        MUST(str_eq(field(then, METHOD), field(q, METHOD)));
        MUST(was_query.n == is_query.n || was_query.n > 0);
        MUST(str_eq(field(then, BODY), field(q, BODY)));
        MUST(str_eq(field(then, DATE), field(q, DATE)));
        MUST(same_but_blanks(field(then, METADATA), field(q, METADATA)));
        MUST(same_but_blanks(field(then, AUTHORITY), field(q, AUTHORITY)));
    }
    free(then);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {data, n};
    struct request *q = calloc(1, sizeof(*q));
    uint8_t mode = input_byte(&in);

    MUST(q != NULL);
    for (int f = METHOD; f <= OTHER; f++) {
        set(q, (enum field)f, str_sub(input_line(&in), 0, PIECE_MAX));
    }
    if (mode % 2 == 0) {
        set(q, BODY, str_sub(input_line(&in), 0, PIECE_MAX));
        if (sign(q)) {
            MUST(check(q) == ERR_OK);
            check_changed(q, &in);
        }
    } else {
        set(q, AUTHORIZATION, input_rest(&in));
        MUST(check(q) != ERR_OK);
    }
    free(q);
    return 0;
}
