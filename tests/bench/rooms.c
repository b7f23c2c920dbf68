/* rooms.c: rooms measured alone.
 *
 *   rooms decide THREADS SECONDS   a call is admitted and settled against ten limits that match it
 *   rooms fill STATE_DIR CALLS     calls of the last hour are stored in a ledger
 *   rooms try STATE_DIR CALLS STORED   what-if over the newest of those: first question, next
 * amount
 *
 * Prints one line of JSON. */
#include "core/base/clock.h"
#include "core/ledger/ledger.h"
#include "core/limit/limit.h"
#include "core/limit/whatif.h"
#include "tests/bench/common.h"

#include <pthread.h>

#define LIMITS        10
#define THREADS_MAX   64
#define CHUNK         256 /* decisions between two looks at the clock */
#define FLUSH_EVERY   10000
#define HOUR_MS       3600000
#define DENIED_ONE_OF 50
#define COST_CENTERS  8

static const struct model model = {.name = "haiku",
                                   .base_id = "anthropic.haiku",
                                   .max_output = 8192,
                                   .burndown = 5,
                                   .overhead_call = 10,
                                   .overhead_message = 4};

static const char *const centers[COST_CENTERS] = {"sales",   "support", "services", "research",
                                                  "finance", "legal",   "people",   "design"};

static struct call call_of(const char *cost_center)
{
    struct call c = {
        .operation = "Converse", .principal = STR("TGKAAAAAAAAAAAAAAAAA"), .max_output = 128};
    c.resolved.model = &model;
    c.resolved.upstream_id = "us.anthropic.haiku-v1:0";
    c.tags.at[0] = (struct tag){STR("applicationId"), STR("bench")};
    c.tags.at[1] = (struct tag){STR("costCenter"), str_of(cost_center)};
    c.tags.count = 2;
    c.reserved_usage = (struct usage){.input = 600, .output = 128};
    c.price = (struct price){800000000, 4000000000, 80000000, 1000000000, 1600000000};
    c.priced = true;
    return c;
}

static void call_ends(struct call *c)
{
    c->outcome = OUTCOME_APPROVED;
    c->http_status = 200;
    c->usage = (struct usage){.input = 550, .output = 90};
    c->usage_reported = true;
    c->usd = usage_cost(&c->usage, &c->price);
    c->ended_us = c->arrived_us + 950000;
}

/* --- decisions --- */

static struct limits *engine(void)
{
    static const struct {
        const char *name;
        enum config_metric metric;
        enum config_window window;
        const char *per;
    } plan[LIMITS] = {
        {"tokens-minute", METRIC_TOKENS, WINDOW_1M, NULL},
        {"tokens-minute-center", METRIC_TOKENS, WINDOW_1M, "costCenter"},
        {"tokens-hour-center", METRIC_TOKENS, WINDOW_1H, "costCenter"},
        {"tokens-hour-application", METRIC_TOKENS, WINDOW_1H, "applicationId"},
        {"requests-minute", METRIC_REQUESTS, WINDOW_1M, NULL},
        {"requests-minute-center", METRIC_REQUESTS, WINDOW_1M, "costCenter"},
        {"usd-day", METRIC_USD, WINDOW_DAY, NULL},
        {"usd-day-center", METRIC_USD, WINDOW_DAY, "costCenter"},
        {"output-minute", METRIC_OUTPUT_TOKENS, WINDOW_1M, "applicationId"},
        {"at-once", METRIC_CONCURRENCY, WINDOW_NONE, "costCenter"},
    };
    static struct config_limit limits[LIMITS];
    static struct config config = {
        .path = "", .timezone = "UTC", .references = 1, .limits = limits, .limit_count = LIMITS};
    struct err_info ei = {.code = ERR_OK};

    for (size_t i = 0; i < LIMITS; i++) {
        limits[i] = (struct config_limit){.name = plan[i].name,
                                          .metric = plan[i].metric,
                                          .amount = INT64_C(1) << 56,
                                          .window = plan[i].window,
                                          .ceiling = -1,
                                          .floor = -1,
                                          .action = ACTION_DENY};
        if (plan[i].per) {
            limits[i].per[0] = plan[i].per;
            limits[i].per_count = 1;
        }
    }
    struct limits *l = limits_new(&config, NULL, &ei);
    if (!l) {
        die("%s", ei.text);
    }
    return l;
}

struct decider {
    pthread_t thread;
    struct limits *limits;
    const char *cost_center;
    int64_t until, decided, busy_ns;
};

static void decide_once(struct decider *d, int64_t wall_ms)
{
    struct call c = call_of(d->cost_center);
    struct limit_hold *hold = NULL;
    struct limit_denial denial;

    c.admitted_wall_ms = wall_ms;
    if (limits_reserve(d->limits, &c, &hold, &denial) != ERR_OK) {
        die("a call was refused by %s", denial.limit);
    }
    call_ends(&c);
    c.usage_reported = false; /* learning is no part of a decision */
    limits_settle(d->limits, hold, &c);
}

static void *decide_all(void *arg)
{
    struct decider *d = arg;
    int64_t began = now_ns(), now;

    do {
        int64_t wall_ms = clock_wall_ms();
        for (int i = 0; i < CHUNK; i++) {
            decide_once(d, wall_ms);
        }
        d->decided += CHUNK;
        now = now_ns();
    } while (now < d->until);
    d->busy_ns = now - began;
    return NULL;
}

static void decide(long threads, long seconds)
{
    struct decider all[THREADS_MAX] = {{.limits = NULL}};
    struct limits *l = engine();
    int64_t until = now_ns() + seconds * 1000000000, decided = 0;
    double rate = 0;

    for (long i = 0; i < threads; i++) {
        all[i] =
            (struct decider){.limits = l, .cost_center = centers[i % COST_CENTERS], .until = until};
        if (pthread_create(&all[i].thread, NULL, decide_all, &all[i]) != 0) {
            die("no thread");
        }
    }
    for (long i = 0; i < threads; i++) {
        (void)pthread_join(all[i].thread, NULL);
        decided += all[i].decided;
        rate += (double)all[i].decided * 1e9 / (double)all[i].busy_ns;
    }
    (void)printf("{\"decided\":%lld,\"per_second\":%.0f,\"ns\":%.0f}\n", (long long)decided, rate,
                 (double)threads * 1e9 / rate);
    limits_free(l);
}

/* --- a ledger --- */

static void store(struct ledger *g, long n, int64_t wall_ms)
{
    struct call c = call_of(centers[n % COST_CENTERS]);
    uint64_t slot;

    (void)snprintf(c.request_id, sizeof(c.request_id), "00000000-0000-4000-8000-%012lx", n);
    c.arrived_wall_ms = c.admitted_wall_ms = wall_ms;
    c.arrived_us = 1000000;
    if (n % DENIED_ONE_OF == 0) {
        c.outcome = OUTCOME_DENIED;
        c.http_status = 429;
        c.usage_reported = true;
        c.limit = "tokens-minute";
        c.error = STR("limit");
        ledger_refused(g, 0, &c, "costCenter=sales", wall_ms + 60000);
        return;
    }
    if (ledger_admitted(g, 0, &c, &slot) != ERR_OK) {
        die("the journal is full");
    }
    call_ends(&c);
    ledger_settled(g, 0, slot, &c);
}

static void fill(const char *dir, long calls)
{
    struct err_info ei = {.code = ERR_OK};
    struct ledger_options o = {.state_dir = dir, .workers = 1};
    struct ledger *g = ledger_open(&o, &ei);
    int64_t now_ms = clock_wall_ms(), folding = 0;

    if (!g) {
        die("%s", ei.text);
    }
    for (long i = 0; i < calls; i++) {
        store(g, i, now_ms - HOUR_MS + (int64_t)i * HOUR_MS / calls);
        if (i % FLUSH_EVERY == FLUSH_EVERY - 1 || i == calls - 1) {
            int64_t began = now_ns();
            if (ledger_flush(g, 60000) != ERR_OK) {
                die("the ledger cannot be written");
            }
            folding += now_ns() - began;
        }
    }
    (void)printf("{\"calls\":%ld,\"fold_us\":%.2f}\n", calls,
                 (double)folding / 1000 / (double)calls);
    ledger_close(g);
    sync(); /* what is asked next is not to wait for these pages */
}

/* --- what-if --- */

struct question {
    struct whatif *whatif;
    struct whatif_names names[2 * COST_CENTERS];
    size_t count;
};

static void *on_names(void *arg, struct str name, const struct tags *tags, struct str principal)
{
    struct question *q = arg;
    (void)name;
    if (q->count == sizeof(q->names) / sizeof(*q->names) ||
        whatif_find(q->whatif, &model, tags, principal, &q->names[q->count]) != ERR_OK) {
        die("more names than were filled in");
    }
    return &q->names[q->count++];
}

static bool on_spent(void *arg, void *names, const struct ledger_spent *spent)
{
    const struct question *q = arg;
    bool denied = spent->outcome == OUTCOME_DENIED;
    struct whatif_call call = {.admitted_ms = spent->admitted_ms,
                               .duration_ms = spent->duration_ms,
                               .outcome = spent->outcome};
    amounts_of(&call.used, denied ? &spent->reserved : &spent->usage, &model, spent->charged);
    amounts_of(&call.reserved, &spent->reserved, &model, spent->charged);
    return whatif_load_found(q->whatif, names, &call) == ERR_OK;
}

/* The calls were filled in at even distances over an hour that ends about now. */
static void try(const char *dir, long calls, long stored)
{
    struct err_info ei = {.code = ERR_OK};
    const struct config_limit tried = {.name = "tried",
                                       .metric = METRIC_TOKENS,
                                       .window = WINDOW_1M,
                                       .per = {"costCenter"},
                                       .per_count = 1};
    struct ledger *g = ledger_open_read(dir, &ei);
    struct whatif_result result;
    int64_t now_ms = clock_wall_ms(), since_ms = now_ms - (int64_t)HOUR_MS * calls / stored;
    struct question q = {.count = 0};

    int64_t began = now_ns();
    q.whatif = g ? whatif_new(&tried, "", "UTC", NULL, since_ms, &ei) : NULL;
    if (!q.whatif ||
        ledger_read_spent(g, since_ms, now_ms + HOUR_MS, on_names, on_spent, &q, &ei) ||
        whatif_try(q.whatif, 100000, &result)) {
        die("%s", ei.text);
    }
    int64_t first = now_ns();
    if (whatif_try(q.whatif, 200000, &result)) {
        die("no memory");
    }
    int64_t next = now_ns();
    (void)printf("{\"calls\":%lld,\"first_ms\":%.1f,\"next_ms\":%.1f}\n", (long long)result.calls,
                 (double)(first - began) / 1e6, (double)(next - first) / 1e6);
    whatif_free(q.whatif);
    ledger_close(g);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    if (argc == 4 && strcmp(mode, "decide") == 0) {
        decide(number_arg(argv[2], "THREADS", 1, THREADS_MAX),
               number_arg(argv[3], "SECONDS", 1, 60));
    } else if (argc == 4 && strcmp(mode, "fill") == 0) {
        fill(argv[2], number_arg(argv[3], "CALLS", 1, 100000000));
    } else if (argc == 5 && strcmp(mode, "try") == 0) {
        try(argv[2], number_arg(argv[3], "CALLS", 1, 1000000),
            number_arg(argv[4], "STORED", 1, 100000000));
    } else {
        die("usage: rooms decide THREADS SECONDS | fill STATE_DIR CALLS | try STATE_DIR CALLS "
            "STORED");
    }
    return 0;
}
