#include "widgets/columns.h"

#define FIRM    1
#define WELCOME 4 /* what may come back: the columns that leave last */
#define APART   2 /* figures and the words to their right, or they read as one */

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

static int wanted(const struct w_column *c, int seen)
{
    int title = w_text_width(c->title);
    return clamp(seen > title ? seen : title, c->min, c->max);
}

int w_columns_gap(const struct w_column *columns, const int *width, size_t column, int gap)
{
    for (size_t i = column; i-- > 0;) {
        if (width[i] >= 0) {
            bool touch = columns[i].align == W_RIGHT && columns[column].align == W_LEFT;
            return touch && gap < APART ? APART : gap;
        }
    }
    return 0;
}

/* What the row needs at least: the columns that matter most count with all they want, so that
 * others leave before these are cut. */
static int needed(const struct w_column *columns, size_t n, const int *seen, int gap,
                  const int *width)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (width[i] >= 0) {
            int w = columns[i].drop <= FIRM ? wanted(&columns[i], seen[i]) : columns[i].min;
            sum += w + w_columns_gap(columns, width, i, gap);
        }
    }
    return sum;
}

static void drop_columns(const struct w_column *columns, size_t n, const int *seen, int total,
                         int gap, int *width)
{
    while (needed(columns, n, seen, gap, width) > total) {
        size_t worst = 0;
        for (size_t i = 1; i < n; i++) {
            if (width[i] >= 0 && columns[i].drop > 0 &&
                (worst == 0 || columns[i].drop >= columns[worst].drop)) {
                worst = i;
            }
        }
        if (worst == 0) {
            return;
        }
        width[worst] = -1;
    }
}

/* A wide column that left may have made room for narrow ones that left before it. */
static void take_back(const struct w_column *columns, size_t n, const int *seen, int total, int gap,
                      int *width)
{
    for (int drop = 1; drop <= WELCOME; drop++) {
        for (size_t i = 1; i < n; i++) {
            if (width[i] >= 0 || columns[i].drop != drop) {
                continue;
            }
            width[i] = 0;
            int firm = drop <= FIRM ? wanted(&columns[i], seen[i]) - columns[i].min : 0;
            if (needed(columns, n, seen, gap, width) - firm > total) {
                width[i] = -1;
            }
        }
    }
}

static int sum_widths(const struct w_column *columns, const int *width, size_t n, int gap)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += width[i] >= 0 ? width[i] + w_columns_gap(columns, width, i, gap) : 0;
    }
    return sum;
}

/* Gives columns what they want while there is room: the firm ones, or the others. */
static void widen(const struct w_column *columns, size_t n, const int *seen, bool firm, int *rest,
                  int *width)
{
    for (size_t i = 0; i < n; i++) {
        bool mine = (columns[i].drop <= FIRM) == firm;
        int want = mine && width[i] >= 0 ? wanted(&columns[i], seen[i]) - width[i] : 0;
        int more = want > 0 && *rest > 0 ? (want < *rest ? want : *rest) : 0;
        width[i] += more;
        *rest -= more;
    }
}

static void share_rest(const struct w_column *columns, size_t n, int rest, int *width)
{
    int shares = 0;
    for (size_t i = 0; i < n; i++) {
        shares += width[i] >= 0 ? columns[i].grow : 0;
    }
    for (size_t i = 0; i < n && shares > 0; i++) {
        if (width[i] >= 0 && columns[i].grow > 0) {
            int more = rest * columns[i].grow / shares;
            int room = columns[i].max - width[i];
            more = more > room && room >= 0 ? room : more;
            width[i] += more;
            rest -= more;
            shares -= columns[i].grow;
        }
    }
}

void w_columns_fit(const struct w_column *columns, size_t n, const int *seen, int total, int gap,
                   int *width)
{
    for (size_t i = 0; i < n; i++) {
        width[i] = columns[i].drop == W_COLUMN_HIDDEN ? -1 : 0;
    }
    drop_columns(columns, n, seen, total, gap, width);
    take_back(columns, n, seen, total, gap, width);
    for (size_t i = 0; i < n; i++) {
        if (width[i] >= 0) {
            width[i] = columns[i].min;
        }
    }
    int rest = total - sum_widths(columns, width, n, gap);
    widen(columns, n, seen, true, &rest, width);
    widen(columns, n, seen, false, &rest, width);
    if (rest > 0) {
        share_rest(columns, n, rest, width);
    } else if (rest < 0 && n > 0) {
        width[0] = clamp(width[0] + rest, 0, total);
    }
}
