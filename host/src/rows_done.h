/* SPDX-License-Identifier: Apache-2.0
 * The rows of a call that have been enqueued, for blocks in any order. */
#ifndef CLX_ROWS_DONE_H
#define CLX_ROWS_DONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct clx_range {
    int64_t first, end;
} clx_range;

/* Ranges in order, none of which touches the next. */
typedef struct clx_rows_done {
    clx_range *ranges;
    size_t count, capacity;
} clx_rows_done;

/* Makes room for one range more. False: no memory. */
bool clx_rows_reserve(clx_rows_done *done);

/* Adds rows that no range has. The caller has made room. */
void clx_rows_add(clx_rows_done *done, int64_t first, int64_t end);

/* The first rows of [first, end) that are done already; none: first == end. */
clx_range clx_rows_twice(const clx_rows_done *done, int64_t first, int64_t end);

/* The first rows of [0, rows) that are not done; none: first == end. */
clx_range clx_rows_missing(const clx_rows_done *done, int64_t rows);

void clx_rows_release(clx_rows_done *done);

#endif
