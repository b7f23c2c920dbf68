/* fold_row.h: one finished call -> its row and its share of the rollups. Private to the room. */
#ifndef TOLLGATE_LEDGER_FOLD_ROW_H
#define TOLLGATE_LEDGER_FOLD_ROW_H

#include "core/ledger/fold.h"

enum err fold_row_open(struct fold *f, struct err_info *ei) MUST_CHECK;
void fold_row_close(struct fold *f);
/* Corrects in `call` what cannot be. */
enum err fold_row_add(struct fold *f, struct record_call *call, struct err_info *ei) MUST_CHECK;
/* Adds the group's sums to the rollups table. */
enum err fold_row_flush(struct fold *f, struct err_info *ei) MUST_CHECK;
void fold_row_forget(struct fold *f);

#endif
