/* SPDX-License-Identifier: Apache-2.0
 * Matrix products by CLBlast, whose kernels are tuned for many GPUs. The library loads CLBlast at run time.
 *
 * CLBlast knows nothing of rows that do not count. Its first product of a kind compiles kernels, which takes
 * seconds; it keeps them for the process. Large products of odd sizes, and transposes, take buffers of its
 * own, up to the size of all three matrices together: they are in no budget of this library.
 *
 * Its kernels count the elements of a matrix in 32 bits, and it does not check that. So the library's own
 * kernel computes the products of larger matrices.
 *
 * On a driver that loses events (held.h) nobody can hold those of CLBlast's own commands. So an event that
 * fails may end the process there, and "auto" does not choose CLBlast. */
#include "gemm_provider.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static const clx_gemm_library library = {"CLXENT_CLBLAST_LIBRARY", "libclblast.so.1", "libclblast1"};

/* The numbers and the types of clblast_c.h, version 1. */
enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };
typedef int sgemm_function(int layout, int trans_a, int trans_b, size_t m, size_t n, size_t k, float alpha,
                           cl_mem a, size_t a_offset, size_t a_ld, cl_mem b, size_t b_offset, size_t b_ld,
                           float beta, cl_mem c, size_t c_offset, size_t c_ld, cl_command_queue *queue,
                           cl_event *event);

typedef struct clblast {
    clxent_ctx *ctx;
    sgemm_function *sgemm;
    clx_gemm own; /* for large matrices; open if its enqueue is not NULL */
} clblast;

/* Whether CLBlast can count the elements, also when it rounds the sizes up to whole tiles. */
static bool is_countable(const clxent_matrix *x, int64_t rows, int64_t columns) {
    enum { MOST_TILE = 256 };
    const int64_t lines = (x->transposed ? columns : rows) + MOST_TILE, line = x->row_stride + MOST_TILE;
    return lines <= INT32_MAX && line <= INT32_MAX &&
           clx_first_element(&x->buffer) <= INT32_MAX - lines * line;
}

static clxent_status enqueue_own(clblast *b, cl_command_queue queue, const clxent_product *product,
                                 cl_uint n_wait, const cl_event *wait, cl_event *event) {
    const clxent_status status = b->own.gemm.enqueue ? CLXENT_OK : clx_gemm_open_clxent(b->ctx, &b->own);
    if (status != CLXENT_OK) return status;
    return b->own.gemm.enqueue(b->own.gemm.user, queue, product, n_wait, wait, event);
}

static clxent_status enqueue(void *user, cl_command_queue queue, const clxent_product *p, cl_uint n_wait,
                             const cl_event *wait, cl_event *event) {
    clblast *b = user;
    const clx_cl *cl = &b->ctx->cl;
    clxent_error *err = &b->ctx->error;
    if (!is_countable(&p->a, p->m, p->k) || !is_countable(&p->b, p->k, p->n) ||
        !is_countable(&p->c, p->m, p->n))
        return enqueue_own(b, queue, p, n_wait, wait, event);
    if (n_wait > 0) { /* CLBlast takes no wait list */
        const cl_int code = cl->EnqueueBarrierWithWaitList(queue, n_wait, wait, NULL);
        if (code != CL_SUCCESS) return clx_fail_cl(err, code, "clEnqueueBarrierWithWaitList");
    }
    const int code =
        b->sgemm(ROW_MAJOR, p->a.transposed ? TRANS : NO_TRANS, p->b.transposed ? TRANS : NO_TRANS,
                 (size_t)p->m, (size_t)p->n, (size_t)p->k, 1, p->a.buffer.mem,
                 (size_t)clx_first_element(&p->a.buffer), (size_t)p->a.row_stride, p->b.buffer.mem,
                 (size_t)clx_first_element(&p->b.buffer), (size_t)p->b.row_stride, p->beta, p->c.buffer.mem,
                 (size_t)clx_first_element(&p->c.buffer), (size_t)p->c.row_stride, &queue, event);
    if (code == 0) return CLXENT_OK;
    return clx_fail_cl(err, code, "CLBlastSgemm(m %lld, n %lld, k %lld)", (long long)p->m, (long long)p->n,
                       (long long)p->k);
}

static void close_clblast(clxent_ctx *ctx, void *user) {
    clblast *b = user;
    if (b->own.gemm.enqueue) b->own.close(ctx, b->own.gemm.user);
    free(b);
}

clxent_status clx_gemm_open_clblast(clxent_ctx *ctx, clx_gemm *out) {
    const char *name = clx_gemm_library_name(&library);
    void *loaded = dlopen(name, RTLD_NOW | RTLD_LOCAL); /* never closed: it keeps compiled kernels */
    if (loaded == NULL) return clx_gemm_not_loaded(&library, out);
    void *entry = dlsym(loaded, "CLBlastSgemm");
    if (entry == NULL) {
        dlclose(loaded);
        return clx_gemm_lacks(out, "%s lacks CLBlastSgemm", name);
    }
    clblast *b = calloc(1, sizeof *b);
    if (b == NULL) return clx_fail(&ctx->error, CLXENT_ERR_MEMORY, "no host memory for a matrix product");
    b->ctx = ctx;
    memcpy(&b->sgemm, &entry, sizeof entry);
    out->gemm.enqueue = enqueue;
    out->gemm.user = b;
    out->gemm.heeds_row_count = 0;
    out->close = close_clblast;
    snprintf(out->why, sizeof out->why, "CLBlast (%s)", name);
    return CLXENT_OK;
}
