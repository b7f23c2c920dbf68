/* trial.c: the what-if beside an amount that is being typed or stepped: what it would deny
 * of the last hour's calls. Asked a moment after the last change, one question at a time; nothing
 * waits for the answer. */
#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#define DEBOUNCE_MS  250
#define APPLICATIONS 3

static bool same_question(const struct ui_trial *q, const struct ui_edit *e)
{
    return q->amount == e->amount && strcmp(q->limit, e->limit) == 0 &&
           ((!q->group && !e->group) || (q->group && e->group && json_equal(q->group, e->group)));
}

void trial_want(struct ui *ui, const struct ui_edit *e)
{
    struct ui_trial *q = &ui->trial;
    if (q->wanted && same_question(q, e)) {
        return;
    }
    json_decref(q->group);
    q->group = json_incref(e->group);
    str_copy(q->limit, sizeof q->limit, str_of(e->limit));
    str_copy(q->metric, sizeof q->metric, str_of(e->metric));
    q->amount = e->amount;
    q->wanted = true;
    q->answered = false;
    q->due_ms = ui->now_ms + DEBOUNCE_MS;
}

void trial_drop(struct ui *ui)
{
    bool asked = ui->trial.asked;
    json_decref(ui->trial.group);
    memset(&ui->trial, 0, sizeof ui->trial);
    ui->trial.asked = asked; /* its answer still comes */
}

/* "docs-helper 11, crm 1, 3 more" */
static void list_applications(const json_t *by, char *out, size_t size)
{
    size_t n = 0;
    size_t i;
    json_t *one;
    size_t all = json_array_size(by);
    out[0] = '\0';
    json_array_foreach((json_t *)(uintptr_t)by, i, one)
    {
        char count[FORMAT_TEXT];
        char name[64];
        format_exact(count, json_integer_value(json_object_get(one, "denied")));
        str_printable(name, sizeof name, str_of(snapshot_text(one, "name")));
        int more = i < APPLICATIONS ? snprintf(out + n, size - n, "%s%.40s %s", i ? ", " : "",
                                               *name ? name : "none", count)
                                    : snprintf(out + n, size - n, ", %zu more", all - i);
        n += more > 0 && n + (size_t)more < size ? (size_t)more : 0;
        if (i == APPLICATIONS) {
            return;
        }
    }
}

static void take_answer(struct ui_trial *q, const json_t *result)
{
    char denied[FORMAT_TEXT];
    char calls[FORMAT_TEXT];
    char who[120];
    int64_t refused = json_integer_value(json_object_get(result, "denied"));
    format_exact(denied, refused);
    format_exact(calls, json_integer_value(json_object_get(result, "calls")));
    list_applications(json_object_get(result, "by_application"), who, sizeof who);
    q->role = refused > 0 ? W_WARN : W_OK;
    if (refused > 0) {
        snprintf(q->text, sizeof q->text, "last hour: would deny %s of %s calls: %.120s", denied,
                 calls, who);
    } else if (json_integer_value(json_object_get(result, "calls")) == 0) {
        snprintf(q->text, sizeof q->text, "last hour: no call under it");
    } else {
        snprintf(q->text, sizeof q->text, "last hour: would deny none of %s calls", calls);
    }
}

static void got_trial(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    struct ui_trial *q = &ui->trial;
    q->asked = false;
    if (!q->wanted || q->sent_amount != q->amount) {
        return; /* of an amount that is not meant any more; the next question is due */
    }
    q->answered = true;
    q->text[0] = '\0';
    if (result) {
        take_answer(q, result);
    } else if (ei->code != ERR_UNSUPPORTED) { /* an older core cannot tell */
        char why[128];
        str_printable(why, sizeof why, str_of(ei->text));
        snprintf(q->text, sizeof q->text, "what-if: %.120s", why);
        q->role = W_MUTED;
    }
    ui->changed = true;
}

void trial_step(struct ui *ui)
{
    struct ui_trial *q = &ui->trial;
    char amount[FORMAT_TEXT];
    if (!q->wanted || q->answered || q->asked || ui->now_ms < q->due_ms) {
        return;
    }
    format_amount_typed(amount, q->metric, q->amount);
    json_t *params = json_pack("{s:s, s:s, s:s, s:s}", "name", q->limit, "metric", q->metric,
                               "amount", amount, "since", "1h");
    if (q->group) {
        (void)json_object_set(params, "group", q->group);
    }
    q->sent_amount = q->amount;
    if (link_send(&ui->link, "limit.try", params, got_trial, ui, NULL) == ERR_OK) {
        q->asked = true;
    } else {
        q->due_ms = ui->now_ms + 1000;
    }
}

int64_t trial_due(const struct ui *ui)
{
    const struct ui_trial *q = &ui->trial;
    return q->wanted && !q->answered && !q->asked ? q->due_ms : INT64_MAX;
}

const char *trial_text(const struct ui *ui, const struct ui_edit *e, enum w_role *role)
{
    const struct ui_trial *q = &ui->trial;
    *role = W_MUTED;
    if (!q->wanted || !same_question(q, e)) {
        return "";
    }
    if (!q->answered) {
        return ui->link.state == LINK_UP ? "last hour: ..." : "";
    }
    *role = q->role;
    return q->text;
}
