/* cur_import.h: reads AWS's CUR 2.0 export (CSV, also gzipped) into the ledger's bill. Streamed: a
 * report of gigabytes takes a few megabytes of memory. */
#ifndef TOLLGATE_CLOUD_CUR_IMPORT_H
#define TOLLGATE_CLOUD_CUR_IMPORT_H

#include "core/ledger/ledger_cur.h"

struct cur_counts {
    int64_t lines;              /* read, headers not counted */
    int64_t taken;              /* of Bedrock: imported */
    int64_t other;              /* of other services */
    int64_t left_out;           /* of Bedrock, but taxes, credits and refunds */
    int64_t malformed;          /* not as the header says: passed over */
    int64_t principals_missing; /* taken, but without an IAM principal */
    int64_t first_malformed;    /* its record's number in its file; 0: none */
    money_t usd;                /* of those taken */
};

/* Adds a file's lines (counts are added up over calls); nothing is committed. ERR_PARSE: no CUR 2.0
 * (the text names the column that is missing), or nothing but malformed lines; ERR_CORRUPT: a gzip
 * that is damaged or cut off; ERR_IO. */
enum err cur_import_file(struct ledger_cur *to, const char *path, struct cur_counts *counts,
                         struct err_info *ei) MUST_CHECK;

#endif
