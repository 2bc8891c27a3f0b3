/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_plot.h.
 */
#include "bench_plot.h"
#include "files/dtype_values.h"
#include "files/file_write.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Pixels. */
enum { WIDTH = 860, LABELS = 140, RIGHT = 52, TOP = 96, BAR = 13, GAP = 3, GROUP_GAP = 14, FOOT = 44 };

/* The colours of Okabe and Ito. Colour-blind people can tell them apart, on white and on black. */
static const char *const colours[BENCH_OPS] = {"#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7"};

/* Writes text for XML. A byte that is not printable ASCII becomes '?'. */
static void put_text(FILE *f, const char *text) {
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '&')
            fputs("&amp;", f);
        else if (c == '<')
            fputs("&lt;", f);
        else if (c == '>')
            fputs("&gt;", f);
        else
            fputc(c >= ' ' && c < 0x7f ? c : '?', f);
    }
}

static int same_group(const bench_case *a, const bench_case *b) {
    return a->rows == b->rows && a->classes == b->classes && a->dtype == b->dtype;
}

/* The layout of the picture, computed in one pass before the file is written. */
typedef struct layout {
    int bars, groups, has_op[BENCH_OPS];
    double most; /* the end of the axis */
    int height;
} layout;

static layout arrange(const bench_result *results, size_t count) {
    layout l = {.most = 1.1};
    const bench_result *before = NULL;
    for (size_t i = 0; i < count; i++) {
        const bench_result *r = &results[i];
        if (r->skipped[0]) continue;
        l.groups += !before || !same_group(&before->what, &r->what);
        l.has_op[r->what.op] = 1;
        l.bars++;
        if (bench_ratio(r) > l.most) l.most = ceil(10 * bench_ratio(r)) / 10;
        before = r;
    }
    l.height = TOP + l.bars * (BAR + GAP) + l.groups * GROUP_GAP + FOOT;
    return l;
}

static double x_of(const layout *l, double ratio) {
    return LABELS + ratio / l->most * (WIDTH - LABELS - RIGHT);
}

static void put_head(FILE *f, const layout *l, const char *device, const char *date, const char *options) {
    fprintf(f,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "role=\"img\" aria-labelledby=\"title\">\n<title id=\"title\">clxent on ",
            WIDTH, l->height, WIDTH, l->height);
    put_text(f, device);
    fputs(": speed as a part of what the device's memory allows</title>\n"
          "<style>\n"
          "  text { font: 12px system-ui, sans-serif; fill: #222 }\n"
          "  .name { font-size: 16px; font-weight: 600 }\n"
          "  .axis { stroke: #ccc } .one { stroke: #222; stroke-dasharray: 4 3 }\n"
          "  @media (prefers-color-scheme: dark) {\n"
          "    text { fill: #ddd } .axis { stroke: #444 } .one { stroke: #ddd }\n"
          "  }\n"
          "</style>\n",
          f);
    fputs("<text class=\"name\" x=\"12\" y=\"26\">clxent: speed as a part of what memory allows</text>\n"
          "<text x=\"12\" y=\"46\">",
          f);
    put_text(f, device);
    fputs(", ", f);
    put_text(f, date);
    if (*options) fputs("; ", f);
    put_text(f, options);
    fputs("</text>\n", f);
}

static void put_legend(FILE *f, const layout *l) {
    double x = 12;
    for (int op = 0; op < BENCH_OPS; op++) {
        if (!l->has_op[op]) continue;
        fprintf(f, "<rect x=\"%.0f\" y=\"60\" width=\"11\" height=\"11\" fill=\"%s\"/>\n", x, colours[op]);
        fprintf(f, "<text x=\"%.0f\" y=\"70\">%s</text>\n", x + 16, bench_op_name((bench_op)op));
        x += 16 + 8 * 14 + 8;
    }
}

static void put_axis(FILE *f, const layout *l) {
    const int bottom = l->height - FOOT + 4;
    const double step = l->most > 3 ? 1 : 0.2;
    for (int i = 0; i * step <= l->most + 1e-9; i++) {
        const double x = x_of(l, i * step);
        fprintf(f, "<line class=\"axis\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n", x, TOP - 10, x,
                bottom);
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.1f</text>\n", x, bottom + 16,
                i * step);
    }
    fprintf(f, "<line class=\"one\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n", x_of(l, 1), TOP - 10,
            x_of(l, 1), bottom);
    fprintf(f,
            "<text x=\"%d\" y=\"%d\">1.0: the best read, update or copy kernel on the same buffers</text>\n",
            LABELS, bottom + 34);
}

static void put_bars(FILE *f, const layout *l, const bench_result *results, size_t count) {
    const bench_result *before = NULL;
    int y = TOP - GROUP_GAP;
    for (size_t i = 0; i < count; i++) {
        const bench_result *r = &results[i];
        if (r->skipped[0]) continue;
        if (!before || !same_group(&before->what, &r->what)) {
            y += GROUP_GAP;
            fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%" PRId64 "x%" PRId64 " %s</text>\n",
                    LABELS - 8, y + BAR - 2, r->what.rows, r->what.classes, clxent_dtype_name(r->what.dtype));
        }
        const double end = x_of(l, bench_ratio(r));
        fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", LABELS, y,
                end - LABELS, BAR, colours[r->what.op]);
        fprintf(f, "<text x=\"%.1f\" y=\"%d\">%.2f</text>\n", end + 5, y + BAR - 2, bench_ratio(r));
        y += BAR + GAP;
        before = r;
    }
}

int bench_plot(const char *path, const char *device, const char *date, const char *options,
               const bench_result *results, size_t count) {
    const layout l = arrange(results, count);
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);
    if (!f) return errno;
    put_head(f, &l, device, date, options);
    put_legend(f, &l);
    put_axis(f, &l);
    put_bars(f, &l, results, count);
    fputs("</svg>\n", f);
    int code = ferror(f) ? ENOMEM : 0;
    if (fclose(f) != 0 && !code) code = errno;
    if (!code) code = file_write(path, &(file_part){text, bytes}, 1);
    free(text);
    return code;
}
