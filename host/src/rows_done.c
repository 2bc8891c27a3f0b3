/* SPDX-License-Identifier: Apache-2.0 */
#include "rows_done.h"

#include <stdlib.h>
#include <string.h>

bool clx_rows_reserve(clx_rows_done *d) {
    if (d->count < d->capacity) return true;
    const size_t capacity = d->capacity ? 2 * d->capacity : 4;
    clx_range *ranges = realloc(d->ranges, capacity * sizeof *ranges);
    if (ranges == NULL) return false;
    d->ranges = ranges;
    d->capacity = capacity;
    return true;
}

/* The number of ranges that begin before the row. */
static size_t ranges_before(const clx_rows_done *d, int64_t row) {
    size_t i = 0;
    while (i < d->count && d->ranges[i].first < row) i++;
    return i;
}

void clx_rows_add(clx_rows_done *d, int64_t first, int64_t end) {
    if (first == end) return;
    const size_t at = ranges_before(d, first);
    const bool joins_before = at > 0 && d->ranges[at - 1].end == first;
    const bool joins_behind = at < d->count && d->ranges[at].first == end;
    if (joins_before && joins_behind) {
        d->ranges[at - 1].end = d->ranges[at].end;
        memmove(&d->ranges[at], &d->ranges[at + 1], (d->count - at - 1) * sizeof *d->ranges);
        d->count--;
    } else if (joins_before) {
        d->ranges[at - 1].end = end;
    } else if (joins_behind) {
        d->ranges[at].first = first;
    } else {
        memmove(&d->ranges[at + 1], &d->ranges[at], (d->count - at) * sizeof *d->ranges);
        d->ranges[at] = (clx_range){first, end};
        d->count++;
    }
}

clx_range clx_rows_twice(const clx_rows_done *d, int64_t first, int64_t end) {
    for (size_t i = 0; i < d->count; i++) {
        const clx_range r = d->ranges[i];
        if (r.first < end && r.end > first)
            return (clx_range){r.first > first ? r.first : first, r.end < end ? r.end : end};
    }
    return (clx_range){first, first};
}

clx_range clx_rows_missing(const clx_rows_done *d, int64_t rows) {
    int64_t first = 0;
    size_t i = 0;
    if (d->count > 0 && d->ranges[0].first == 0) first = d->ranges[i++].end;
    return (clx_range){first, i < d->count ? d->ranges[i].first : rows};
}

void clx_rows_release(clx_rows_done *d) {
    free(d->ranges);
    *d = (clx_rows_done){0};
}
