#include "tui/panel.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Columns: title, narrowest, widest, side, when it leaves (highest first), share of what is left.
 */

static const struct panel_column models_short[] = {
    {{"MODEL", 12, 30, W_LEFT, 0, 0}, KIND_TEXT, "name"},
    {{"TOK/MIN", 7, 8, W_RIGHT, 3, 0}, KIND_COUNT, "tokens_per_minute"},
    {{"LAST 15 MIN", 15, 15, W_LEFT, 9, 0}, KIND_SERIES, "series"},
    {{"LIMIT", 8, 20, W_LEFT, 6, 0}, KIND_LIMIT_SHORT, ""},
    {{"USED", 14, 26, W_LEFT, 0, 1}, KIND_LIMIT_GAUGE, ""},
    {{"EMPTY IN", 8, 8, W_RIGHT, 7, 0}, KIND_LIMIT_EMPTY, ""},
    {{"$/H", 6, 8, W_RIGHT, 5, 0}, KIND_USD, "usd_per_hour"},
    {{"DENIED", 6, 7, W_RIGHT, 2, 0}, KIND_COUNT, "denied"},
};

static const struct panel_column costs_short[] = {
    {{"COST CENTER", 8, 20, W_LEFT, 0, 0}, KIND_TEXT, "name"},
    {{"TODAY", 7, 9, W_RIGHT, 3, 0}, KIND_USD, "today_usd"},
    {{"MONTH", 7, 9, W_RIGHT, 4, 0}, KIND_USD, "month_usd"},
    {{"OF", 6, 9, W_RIGHT, 5, 0}, KIND_USD, "budget_usd"},
    {{"FORECAST", 8, 11, W_RIGHT, 6, 0}, KIND_FORECAST, "month_forecast_usd"},
    {{"USED", 5, 20, W_LEFT, 2, 1}, KIND_LIMIT_GAUGE, ""},
};

static const struct panel_column denied[] = {
    {{"LAST", 5, 5, W_LEFT, 3, 0}, KIND_TIME, "time"},
    {{"CALLER", 10, 30, W_LEFT, 0, 0}, KIND_CALLER, ""},
    {{"LIMIT", 9, 24, W_LEFT, 1, 1}, KIND_TEXT, "limit"},
    {{"MODEL", 20, 26, W_LEFT, 6, 1}, KIND_TEXT, "model"},
    {{"FREES IN", 8, 8, W_RIGHT, 5, 0}, KIND_UNTIL, "resets_at"},
    {{"N", 2, 4, W_RIGHT, 4, 0}, KIND_COUNT, "count"},
};

static const struct panel_column models[] = {
    {{"MODEL", 12, 36, W_LEFT, 0, 0}, KIND_TEXT, "name"},
    {{"TOK/MIN", 7, 8, W_RIGHT, 2, 0}, KIND_COUNT, "tokens_per_minute"},
    {{"LAST 15 MIN", 15, 15, W_LEFT, 14, 0}, KIND_SERIES, "series"},
    {{"LIMIT", 8, 20, W_LEFT, 12, 0}, KIND_LIMIT_NAME, ""},
    {{"USED", 12, 26, W_LEFT, 1, 1}, KIND_LIMIT_GAUGE, ""},
    {{"ADMITTED", 8, 8, W_RIGHT, 5, 0}, KIND_COUNT, "approved"},
    {{"OK", 5, 7, W_RIGHT, 9, 0}, KIND_OK_CALLS, ""},
    {{"FAILED", 6, 7, W_RIGHT, 6, 0}, KIND_COUNT, "failed"},
    {{"DENIED", 6, 7, W_RIGHT, 3, 0}, KIND_COUNT, "denied"},
    {{"OPEN", 4, 6, W_RIGHT, 10, 0}, KIND_COUNT, "open"},
    {{"INPUT", 5, 7, W_RIGHT, 7, 0}, KIND_COUNT, "input_tokens"},
    {{"OUTPUT", 6, 7, W_RIGHT, 7, 0}, KIND_COUNT, "output_tokens"},
    {{"CACHE R", 7, 7, W_RIGHT, 13, 0}, KIND_COUNT, "cache_read_tokens"},
    {{"CACHE W", 7, 7, W_RIGHT, 13, 0}, KIND_COUNT, "cache_write_tokens"},
    {{"$ 24 H", 7, 9, W_RIGHT, 4, 0}, KIND_USD, "usd"},
    {{"$/H", 6, 8, W_RIGHT, 8, 0}, KIND_USD, "usd_per_hour"},
    {{"PRICE", 8, 8, W_LEFT, 11, 0}, KIND_PRICED, "priced"},
};

#define SPENT_COLUMNS(title)                                                                       \
    {{title, 10, 32, W_LEFT, 0, 0}, KIND_TEXT, "name"},                                            \
        {{"TODAY", 7, 9, W_RIGHT, 2, 0}, KIND_USD, "today_usd"},                                   \
        {{"MONTH", 7, 9, W_RIGHT, 3, 0}, KIND_USD, "month_usd"},                                   \
        {{"FORECAST", 8, 11, W_RIGHT, 4, 0}, KIND_FORECAST, "month_forecast_usd"},                 \
    {                                                                                              \
        {"BUDGET", 6, 9, W_RIGHT, 6, 0}, KIND_USD, "budget_usd"                                    \
    }

#define SPENDER_COLUMNS                                                                            \
    {{"LIMIT", 16, 20, W_LEFT, 9, 0}, KIND_LIMIT_NAME, ""},                                        \
        {{"USED", 12, 26, W_LEFT, 1, 1}, KIND_LIMIT_GAUGE, ""},                                    \
        {{"$/H", 6, 8, W_RIGHT, 7, 0}, KIND_USD, "usd_per_hour"},                                  \
        {{"ADMITTED", 8, 8, W_RIGHT, 5, 0}, KIND_COUNT, "approved"},                               \
        {{"OK", 5, 7, W_RIGHT, 12, 0}, KIND_OK_CALLS, ""},                                         \
        {{"FAILED", 6, 7, W_RIGHT, 8, 0}, KIND_COUNT, "failed"},                                   \
        {{"DENIED", 6, 7, W_RIGHT, 4, 0}, KIND_COUNT, "denied"},                                   \
        {{"OPEN", 4, 6, W_RIGHT, 13, 0}, KIND_COUNT, "open"},                                      \
        {{"INPUT", 5, 7, W_RIGHT, 10, 0}, KIND_COUNT, "input_tokens"},                             \
        {{"OUTPUT", 6, 7, W_RIGHT, 10, 0}, KIND_COUNT, "output_tokens"},                           \
    {                                                                                              \
        {"CACHE R", 7, 7, W_RIGHT, 14, 0}, KIND_COUNT, "cache_read_tokens"                         \
    }

static const struct panel_column costs[] = {
    SPENT_COLUMNS("COST CENTER"),
    {{"BILLED", 6, 9, W_RIGHT, 8, 0}, KIND_BILLED, ""},
    SPENDER_COLUMNS,
};
static const struct panel_column applications[] = {SPENT_COLUMNS("APPLICATION"), SPENDER_COLUMNS};

static const struct panel_column refused[] = {
    {{"N", 2, 5, W_RIGHT, 0, 0}, KIND_COUNT, "count"},
    {{"LAST", 5, 5, W_LEFT, 5, 0}, KIND_TIME, "time"},
    {{"CALLER", 12, 30, W_LEFT, 0, 0}, KIND_CALLER, ""},
    {{"LIMIT", 10, 24, W_LEFT, 1, 0}, KIND_TEXT, "limit"},
    {{"GROUP", 18, 30, W_LEFT, 7, 0}, KIND_PAIRS, "group"},
    {{"MODEL", 16, 30, W_LEFT, 6, 0}, KIND_TEXT, "model"},
    {{"TO GET THROUGH", 16, 36, W_LEFT, 2, 1}, KIND_REMEDY, ""},
};

static const struct panel_column denials[] = {
    {{"TIME", 8, 8, W_LEFT, 0, 0}, KIND_TIME, "time"},
    {{"CALLER", 12, 30, W_LEFT, 0, 1}, KIND_CALLER, ""},
    {{"LIMIT", 10, 24, W_LEFT, 1, 1}, KIND_TEXT, "limit"},
    {{"MODEL", 16, 30, W_LEFT, 3, 1}, KIND_TEXT, "model"},
    {{"GROUP", 18, 30, W_LEFT, 5, 1}, KIND_PAIRS, "group"},
    {{"FREES IN", 8, 8, W_RIGHT, 2, 0}, KIND_UNTIL, "resets_at"},
    {{"REQUEST", 8, 36, W_LEFT, 8, 0}, KIND_TEXT, "request_id"},
};

static const struct panel_column limits[] = {
    {{"LIMIT", 12, 28, W_LEFT, 0, 0}, KIND_TEXT, "name"},
    {{"METRIC", 8, 16, W_LEFT, 7, 0}, KIND_TEXT, "metric"},
    {{"PER", 5, 6, W_LEFT, 16, 0}, KIND_TEXT, "window"},
    {{"AMOUNT", 6, 24, W_RIGHT, 1, 0}, KIND_LIMIT_AMOUNT, ""},
    {{"USED", 14, 30, W_LEFT, 0, 1}, KIND_LIMIT_GAUGE, ""},
    {{"SO FAR", 7, 9, W_RIGHT, 8, 0}, KIND_LIMIT_FIGURE, "used"},
    {{"RESERVED", 8, 9, W_RIGHT, 9, 0}, KIND_LIMIT_FIGURE, "reserved"},
    {{"LEFT", 7, 9, W_RIGHT, 10, 0}, KIND_LIMIT_FIGURE, "remaining"},
    {{"OVER", 7, 9, W_RIGHT, 12, 0}, KIND_LIMIT_FIGURE, "over"},
    {{"EMPTY IN", 8, 8, W_RIGHT, 5, 0}, KIND_LIMIT_EMPTY, ""},
    {{"PER MIN", 7, 9, W_RIGHT, 9, 0}, KIND_LIMIT_FIGURE, "rates.per_minute_1m"},
    {{"AVG 15 M", 8, 9, W_RIGHT, 14, 0}, KIND_LIMIT_FIGURE, "rates.per_minute_15m"},
    {{"AVG 1 H", 7, 9, W_RIGHT, 14, 0}, KIND_LIMIT_FIGURE, "rates.per_minute_1h"},
    {{"RESETS IN", 9, 9, W_RIGHT, 11, 0}, KIND_LIMIT_RESETS, ""},
    {{"GROUPS", 6, 6, W_RIGHT, 13, 0}, KIND_COUNT, "groups_total"},
    {{"DENIED", 6, 7, W_RIGHT, 3, 0}, KIND_COUNT, "denied"},
    {{"PHANTOM", 7, 12, W_RIGHT, 13, 0}, KIND_LIMIT_PHANTOM, ""},
    {{"WAITING", 7, 7, W_RIGHT, 15, 0}, KIND_COUNT, "waiting"},
    {{"STATE", 12, 40, W_LEFT, 4, 0}, KIND_LIMIT_STATE, ""},
};

static const struct panel_column limits_short[] = {
    {{"LIMIT", 12, 24, W_LEFT, 0, 0}, KIND_TEXT, "name"},
    {{"AMOUNT", 6, 16, W_RIGHT, 1, 0}, KIND_LIMIT_SHORT, ""},
    {{"USED", 13, 20, W_LEFT, 0, 1}, KIND_LIMIT_GAUGE, ""},
    {{"EMPTY IN", 8, 8, W_RIGHT, 4, 0}, KIND_LIMIT_EMPTY, ""},
    {{"DENIED", 6, 7, W_RIGHT, 5, 0}, KIND_COUNT, "denied"},
};

static const struct panel_column held[] = {
    {{"LIMIT", 10, 24, W_LEFT, 0, 0}, KIND_TEXT, "name"},
    {{"AMOUNT", 6, 16, W_RIGHT, 1, 0}, KIND_LIMIT_SHORT, ""},
    {{"USED", 11, 24, W_LEFT, 0, 1}, KIND_LIMIT_GAUGE, ""},
    {{"EMPTY IN", 8, 8, W_RIGHT, 3, 0}, KIND_LIMIT_EMPTY, ""},
    {{"STATE", 7, 26, W_LEFT, 4, 0}, KIND_LIMIT_STATE, ""},
};

static const struct panel_column its_denials[] = {
    {{"TIME", 8, 8, W_LEFT, 0, 0}, KIND_TIME, "time"},
    {{"CALLER", 12, 30, W_LEFT, 1, 0}, KIND_CALLER, ""},
    {{"LIMIT", 10, 24, W_LEFT, 0, 0}, KIND_TEXT, "limit"},
    {{"MODEL", 12, 30, W_LEFT, 2, 1}, KIND_TEXT, "model"},
    {{"FREES IN", 8, 8, W_RIGHT, 3, 0}, KIND_UNTIL, "resets_at"},
};

static const struct panel_column groups[] = {
    {{"GROUP", 12, 44, W_LEFT, 0, 0}, KIND_PAIRS, "group"},
    {{"AMOUNT", 6, 24, W_RIGHT, 1, 0}, KIND_LIMIT_AMOUNT, ""},
    {{"USED", 14, 26, W_LEFT, 0, 1}, KIND_LIMIT_GAUGE, ""},
    {{"SO FAR", 7, 9, W_RIGHT, 4, 0}, KIND_LIMIT_FIGURE, "used"},
    {{"RESERVED", 8, 9, W_RIGHT, 6, 0}, KIND_LIMIT_FIGURE, "reserved"},
    {{"EMPTY IN", 8, 8, W_RIGHT, 5, 0}, KIND_LIMIT_EMPTY, ""},
    {{"PER MIN", 7, 9, W_RIGHT, 7, 0}, KIND_LIMIT_FIGURE, "rates.per_minute_1m"},
    {{"AVG 15 M", 8, 9, W_RIGHT, 8, 0}, KIND_LIMIT_FIGURE, "rates.per_minute_15m"},
    {{"AVG 1 H", 7, 9, W_RIGHT, 8, 0}, KIND_LIMIT_FIGURE, "rates.per_minute_1h"},
    {{"DENIED", 6, 7, W_RIGHT, 3, 0}, KIND_COUNT, "denied"},
    {{"STATE", 7, 26, W_LEFT, 2, 0}, KIND_LIMIT_STATE, ""},
};

static const struct panel_column history[] = {
    {{"WHEN", 11, 11, W_LEFT, 0, 0}, KIND_DAY_TIME, "time"},
    {{"WHO", 6, 16, W_LEFT, 0, 0}, KIND_WHO, ""},
    {{"WHAT", 9, 16, W_LEFT, 2, 0}, KIND_WHAT, ""},
    {{"CHANGE", 14, 40, W_LEFT, 0, 1}, KIND_CHANGE, ""},
    {{"GROUP", 8, 30, W_LEFT, 3, 0}, KIND_PAIRS, "group"},
    {{"UNTIL", 11, 11, W_LEFT, 4, 0}, KIND_DAY_TIME, "until"},
    {{"REASON", 8, 60, W_LEFT, 1, 2}, KIND_TEXT, "reason"},
};

static const struct panel_column sources[] = {
    {{"SOURCE", 14, 24, W_LEFT, 0, 0}, KIND_TEXT, "source"},
    {{"STATE", 7, 12, W_LEFT, 0, 0}, KIND_TEXT, "state"},
    {{"LAST", 11, 11, W_LEFT, 1, 0}, KIND_DAY_TIME, "at"},
    {{"NEXT IN", 7, 8, W_RIGHT, 2, 0}, KIND_UNTIL, "next_at"},
    {{"$/MONTH", 7, 9, W_RIGHT, 3, 0}, KIND_USD, "usd_per_month"},
    {{"ERROR", 10, 160, W_LEFT, 4, 1}, KIND_TEXT, "error"},
};

static const struct panel_column bypass[] = {
    {{"MODEL", 10, 30, W_LEFT, 0, 1}, KIND_TEXT, "model"},
    {{"BEDROCK", 7, 9, W_RIGHT, 0, 0}, KIND_COUNT, "aws_calls"},
    {{"HERE", 5, 9, W_RIGHT, 0, 0}, KIND_COUNT, "calls"},
    {{"PASSED BY", 9, 9, W_RIGHT, 0, 0}, KIND_COUNT, "bypass_calls"},
};

static const struct panel_column metrics[] = {
    {{"METRIC", 12, 26, W_LEFT, 0, 0}, KIND_TEXT, "metric"},
    {{"MODEL", 8, 30, W_LEFT, 1, 1}, KIND_TEXT, "model"},
    {{"SUM", 6, 10, W_RIGHT, 0, 0}, KIND_COUNT, "sum"},
};

static const struct panel_column bill[] = {
    {{"COST CENTER", 10, 26, W_LEFT, 0, 1}, KIND_TEXT, "cost_center"},
    {{"TODAY", 7, 10, W_RIGHT, 3, 0}, KIND_USD, "today_usd"},
    {{"MONTH", 7, 10, W_RIGHT, 0, 0}, KIND_USD, "month_usd"},
    {{"HERE", 6, 10, W_RIGHT, 0, 0}, KIND_LEDGER, ""},
    {{"DAY BY DAY", 10, 15, W_LEFT, 2, 0}, KIND_VERDICT, ""},
};

static const struct panel_column budgets[] = {
    {{"BUDGET", 10, 26, W_LEFT, 0, 1}, KIND_TEXT, "name"},
    {{"SPENT", 7, 10, W_RIGHT, 0, 0}, KIND_USD, "actual_usd"},
    {{"OF", 7, 10, W_RIGHT, 1, 0}, KIND_USD, "limit_usd"},
    {{"FORECAST", 8, 10, W_RIGHT, 2, 0}, KIND_USD, "forecast_usd"},
    {{"HEALTH", 7, 10, W_LEFT, 3, 0}, KIND_TEXT, "health"},
};

static const struct panel_column alarms[] = {
    {{"ALARM", 10, 40, W_LEFT, 0, 1}, KIND_TEXT, "name"},
    {{"STATE", 5, 18, W_LEFT, 0, 0}, KIND_TEXT, "state"},
};

static const struct panel_column running[] = {
    {{"SINCE", 8, 8, W_LEFT, 0, 0}, KIND_TIME, "since"},
    {{"FOR", 6, 8, W_RIGHT, 0, 0}, KIND_AGE, "since"},
    {{"CALLER", 12, 30, W_LEFT, 0, 0}, KIND_CALLER, ""},
    {{"MODEL", 16, 30, W_LEFT, 2, 0}, KIND_TEXT, "model"},
    {{"WAITS FOR", 9, 24, W_LEFT, 4, 0}, KIND_TEXT, "waiting.limit"},
    {{"FIRST", 6, 8, W_RIGHT, 4, 0}, KIND_MS, "first_token_ms"},
    {{"INPUT", 5, 7, W_RIGHT, 5, 0}, KIND_COUNT, "input_tokens"},
    {{"OUTPUT", 6, 7, W_RIGHT, 1, 0}, KIND_COUNT, "output_tokens"},
    {{"$", 6, 9, W_RIGHT, 3, 0}, KIND_USD, "usd"},
    {{"OPERATION", 9, 16, W_LEFT, 6, 0}, KIND_TEXT, "operation"},
    {{"KEY", 8, 24, W_LEFT, 7, 0}, KIND_TEXT, "principal"},
    {{"REQUEST", 8, 36, W_LEFT, 8, 1}, KIND_TEXT, "request_id"},
};

static const struct panel_column recent[] = {
    {{"TIME", 8, 8, W_LEFT, 0, 0}, KIND_TIME, "time"},
    {{"CALLER", 12, 30, W_LEFT, 0, 0}, KIND_CALLER, ""},
    {{"MODEL", 16, 30, W_LEFT, 2, 0}, KIND_TEXT, "model"},
    {{"OUTCOME", 8, 10, W_LEFT, 1, 0}, KIND_WHAT, ""},
    {{"INPUT", 5, 7, W_RIGHT, 4, 0}, KIND_COUNT, "usage.input_tokens"},
    {{"OUTPUT", 6, 7, W_RIGHT, 4, 0}, KIND_COUNT, "usage.output_tokens"},
    {{"FIRST", 6, 8, W_RIGHT, 5, 0}, KIND_MS, "first_token_ms"},
    {{"TOOK", 6, 8, W_RIGHT, 3, 0}, KIND_MS, "duration_ms"},
    {{"$", 6, 9, W_RIGHT, 6, 0}, KIND_USD, "usd"},
    {{"OPERATION", 9, 16, W_LEFT, 7, 0}, KIND_TEXT, "operation"},
    {{"KEY", 8, 24, W_LEFT, 9, 0}, KIND_TEXT, "principal"},
    {{"REQUEST", 36, 36, W_LEFT, 10, 0}, KIND_TEXT, "request_id"},
    {{"ERROR", 10, 80, W_LEFT, 8, 1}, KIND_TEXT, "error"},
};

#define PART_COLUMNS(title)                                                                        \
    {{title, 12, 36, W_LEFT, 0, 0}, KIND_TEXT, "name"},                                            \
        {{"TOKENS", 15, 15, W_LEFT, 7, 0}, KIND_SERIES, "series"},                                 \
        {{"SPENT", 7, 9, W_RIGHT, 0, 0}, KIND_USD, "usd"},                                         \
        {{"ADMITTED", 8, 8, W_RIGHT, 2, 0}, KIND_COUNT, "approved"},                               \
        {{"FAILED", 6, 7, W_RIGHT, 5, 0}, KIND_COUNT, "failed"},                                   \
        {{"DENIED", 6, 7, W_RIGHT, 1, 0}, KIND_COUNT, "denied"},                                   \
        {{"INPUT", 5, 7, W_RIGHT, 3, 0}, KIND_COUNT, "input_tokens"},                              \
        {{"OUTPUT", 6, 7, W_RIGHT, 4, 0}, KIND_COUNT, "output_tokens"},                            \
        {{"CACHE R", 7, 7, W_RIGHT, 8, 0}, KIND_COUNT, "cache_read_tokens"},                       \
    {                                                                                              \
        {"CACHE W", 7, 7, W_RIGHT, 9, 0}, KIND_COUNT, "cache_write_tokens"                         \
    }

static const struct panel_column part_models[] = {PART_COLUMNS("MODEL")};
static const struct panel_column part_centers[] = {PART_COLUMNS("COST CENTER")};
static const struct panel_column part_applications[] = {PART_COLUMNS("APPLICATION")};

static const struct panel_column audit[] = {
    {{"TIME", 8, 8, W_LEFT, 0, 0}, KIND_TIME, "time"},
    {{"WHAT", 9, 16, W_LEFT, 0, 0}, KIND_WHAT, ""},
    {{"WHO", 8, 30, W_LEFT, 1, 0}, KIND_WHO, ""},
    {{"MODEL", 16, 26, W_LEFT, 4, 0}, KIND_TEXT, "model"},
    {{"LIMIT", 12, 22, W_LEFT, 5, 0}, KIND_TEXT, "limit"},
    {{"CHANGE OR ANSWER", 16, 60, W_LEFT, 2, 1}, KIND_CHANGE, ""},
    {{"INPUT", 5, 7, W_RIGHT, 6, 0}, KIND_COUNT, "usage.input_tokens"},
    {{"OUTPUT", 6, 7, W_RIGHT, 6, 0}, KIND_COUNT, "usage.output_tokens"},
    {{"$", 7, 9, W_RIGHT, 6, 0}, KIND_USD, "usd"},
    {{"REASON", 8, 40, W_LEFT, 8, 1}, KIND_TEXT, "reason"},
};

#define COLUMNS(c) (c), COUNT_OF(c)

const struct panel_def panel_defs[PANEL_COUNT] = {
    [PANEL_MODELS_SHORT] = {"Models, calls of the last 24 h", ROWS_SNAPSHOT, "models", "name", NULL,
                            COLUMNS(models_short), SUBJECT_MODEL, 1, true, false, 5000,
                            "No model was called yet, and the configuration names none."},
    [PANEL_COSTS_SHORT] =
        {"Cost centers", ROWS_SNAPSHOT, "cost_centers", "name", NULL, COLUMNS(costs_short),
         SUBJECT_COST_CENTER, 1, true, false, 5000,
         "No call named a cost center yet; a key can: tollgate key add --cost-center C."},
    [PANEL_LIMITS_SHORT] = {"Limits, running windows", ROWS_SNAPSHOT, "limits", "name", NULL,
                            COLUMNS(limits_short), SUBJECT_LIMIT, 2, true, false, 5000,
                            "The configuration sets no limits; they stand under `limits:` there."},
    [PANEL_DENIED] = {"Denials, of the last 50", ROWS_SNAPSHOT, "denied", "who", NULL,
                      COLUMNS(denied), SUBJECT_NAMED, 0, true, false, 5000, "Nothing was denied."},
    [PANEL_MODELS] = {"Models, last 24 h", ROWS_SNAPSHOT, "models", "name", NULL, COLUMNS(models),
                      SUBJECT_MODEL, 1, true, false, 5000,
                      "No model was called yet, and the configuration names none."},
    [PANEL_COSTS] =
        {"Cost centers, calls of the last 24 h", ROWS_SNAPSHOT, "cost_centers", "name", NULL,
         COLUMNS(costs), SUBJECT_COST_CENTER, 1, true, false, 5000,
         "No call named a cost center yet; a key can: tollgate key add --cost-center C."},
    [PANEL_APPLICATIONS] =
        {"Applications, calls of the last 24 h", ROWS_SNAPSHOT, "applications", "name", NULL,
         COLUMNS(applications), SUBJECT_APPLICATION, 1, true, false, 5000,
         "No call named an application yet; a key does: tollgate key add --application A."},
    [PANEL_REFUSED] = {"Who is refused, of the last 50 denials", ROWS_SNAPSHOT, "denied", "who",
                       NULL, COLUMNS(refused), SUBJECT_NAMED, 0, true, false, 5000,
                       "Nothing was denied."},
    [PANEL_DENIALS] = {"Denials, newest first", ROWS_SNAPSHOT, "denials", "request_id", NULL,
                       COLUMNS(denials), SUBJECT_NAMED, 0, true, true, 0, "Nothing was denied."},
    [PANEL_LIMITS] = {"Limits, running windows", ROWS_SNAPSHOT, "limits", "name", NULL,
                      COLUMNS(limits), SUBJECT_LIMIT, 0, false, true, 5000,
                      "The configuration sets no limits; they stand under `limits:` there."},
    [PANEL_SOURCES] =
        {"AWS sources", ROWS_SNAPSHOT, "cloud", "source", NULL, COLUMNS(sources), SUBJECT_NONE, 0,
         false, true, 0,
         "AWS is not asked for anything; `poll:` in the configuration says for what."},
    [PANEL_BYPASS] = {"Calls that Bedrock counted, 24 h", ROWS_SNAPSHOT, "reconcile.models",
                      "model", NULL, COLUMNS(bypass), SUBJECT_NONE, 3, true, false, 0,
                      "Not compared yet; `poll: cloudwatch` in the configuration has it done."},
    [PANEL_METRICS] = {"CloudWatch, GenAIRateLimiting", ROWS_SNAPSHOT, "aws.metrics", "metric",
                       "model", COLUMNS(metrics), SUBJECT_NONE, 0, false, true, 0,
                       "No figures yet; `poll: cloudwatch` in the configuration asks for them."},
    [PANEL_BILL] = {"Cost Explorer", ROWS_SNAPSHOT, "aws.costs", "cost_center", NULL, COLUMNS(bill),
                    SUBJECT_NONE, 2, true, false, 0,
                    "No bill yet; `poll: cost_explorer` in the configuration asks for it."},
    [PANEL_BUDGETS] = {"AWS Budgets", ROWS_SNAPSHOT, "aws.budgets.budgets", "name", NULL,
                       COLUMNS(budgets), SUBJECT_NONE, 0, false, true, 0,
                       "No budgets in AWS; tollgate aws budgets create makes one."},
    [PANEL_ALARMS] = {"Alarms", ROWS_SNAPSHOT, "aws.alarms.alarms", "name", NULL, COLUMNS(alarms),
                      SUBJECT_NONE, 1, false, false, 0,
                      "No alarms in AWS; tollgate aws alarms create makes one."},
    [PANEL_AUDIT] = {"Audit: calls, denials and changes, newest first", ROWS_AUDIT, "", "seq", NULL,
                     COLUMNS(audit), SUBJECT_NAMED, 0, true, true, 0, "Nothing recorded yet."},
    [PANEL_GROUPS] = {"Groups", ROWS_GROUPS, "", "group", NULL, COLUMNS(groups), SUBJECT_GROUP, 2,
                      true, false, 5000, "One counter for all calls; no group is in use."},
    [PANEL_HISTORY] = {"Changes, newest first", ROWS_HISTORY, "", "change_id", "seq",
                       COLUMNS(history), SUBJECT_NONE, 0, true, true, 0,
                       "Never changed while running."},
    [PANEL_RUNNING] = {"Running", ROWS_RUNNING, "", "request_id", NULL, COLUMNS(running),
                       SUBJECT_NONE, 0, false, false, 5000, "No call is running."},
    [PANEL_RECENT] = {"Ended, newest first", ROWS_RECENT, "", "seq", NULL, COLUMNS(recent),
                      SUBJECT_NAMED, 0, true, true, 0, "No call has ended yet."},
    [PANEL_DRILL_MODELS] = {"Its models", ROWS_DRILL, "models", "name", NULL, COLUMNS(part_models),
                            SUBJECT_MODEL, 2, true, false, 5000, "No call in this time."},
    [PANEL_DRILL_CENTERS] = {"Its cost centers", ROWS_DRILL, "cost_centers", "name", NULL,
                             COLUMNS(part_centers), SUBJECT_COST_CENTER, 2, true, false, 5000,
                             "No call with a cost center in this time."},
    [PANEL_DRILL_APPLICATIONS] = {"Its applications", ROWS_DRILL, "applications", "name", NULL,
                                  COLUMNS(part_applications), SUBJECT_APPLICATION, 2, true, false,
                                  5000, "No call with an application in this time."},
    [PANEL_HELD] = {"Its limits", ROWS_HELD, "", "name", NULL, COLUMNS(held), SUBJECT_HELD, 2, true,
                    false, 5000, "No limit holds it."},
    [PANEL_ITS_DENIALS] = {"Its denials, newest first", ROWS_ITS_DENIALS, "", "request_id", NULL,
                           COLUMNS(its_denials), SUBJECT_NAMED, 0, true, true, 0,
                           "None of its calls was denied."},
    [PANEL_DRILL_CALLS] = {"Its calls, newest first", ROWS_DRILL_CALLS, "", "seq", NULL,
                           COLUMNS(recent), SUBJECT_NAMED, 0, true, true, 0,
                           "No call has ended in this time."},
};
