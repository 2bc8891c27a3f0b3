/* SPDX-License-Identifier: Apache-2.0
 *
 * fork() does not copy the driver's threads. In a child of the process that opened OpenCL, every public
 * function must return at once; a function that needs the driver returns CLXENT_ERR_FORK. A child may open
 * OpenCL itself if its parents have not. The parent can still use OpenCL. The test calls each function in its
 * own child; an alarm ends a child that hangs. The test's process never opens OpenCL, and no child of it uses
 * cmocka. */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* OpenCL 1.2 has only clCreateCommandQueue() to make a queue */
#include <clxent/clxent_experimental.h>
#include <clxent/clxent_opencl.h>

#include "said.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 3, CLASSES = 5, SECONDS = 10, SECONDS_TO_OPEN = 300 };

/* The objects that a process has open when it forks. */
typedef struct opened {
    clxent_ctx *ctx; /* NULL: the process only listed devices */
    clxent_plan *plan;
    cl_command_queue queue; /* the program's queue; NULL: ctx made its own */
    cl_mem mem;             /* on the context's device */
} opened;

static long opener; /* the number of the process that opened OpenCL */

/* ---------------------------------------------------------------- processes --------------------------- */

/* Runs `work` in a child, for at most `seconds`. True when `work` returns true. */
static int in_child(const char *what, int (*work)(const opened *), const opened *o, unsigned seconds) {
    int status = -1;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        alarm(seconds);
        const int good = work(o);
        fflush(NULL);
        _exit(good ? 0 : 1); /* a driver's exit handlers may wait for its threads */
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 1;
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s: the child was ended by signal %d%s\n", what, WTERMSIG(status),
                WTERMSIG(status) == SIGALRM ? ", it hung" : "");
    else
        fprintf(stderr, "%s: not as it should be in the child\n", what);
    return 0;
}

static int complain(const char *what, clxent_status status, const char *message) {
    fprintf(stderr, "%s: %s: %s\n", what, clxent_status_name(status), message);
    return 0;
}

/* Checks that the refusal names both processes and the cure. */
static int is_refusal(clxent_status status, const char *message) {
    char parent[32], self[32];
    snprintf(parent, sizeof parent, "process %ld,", opener);
    snprintf(self, sizeof self, "process %ld,", (long)getpid());
    said(message);
    const int good = status == CLXENT_ERR_FORK && strstr(message, parent) && strstr(message, self) &&
                     strstr(message, "after fork()");
    return good ? 1 : complain("refusal", status, message);
}

/* ---------------------------------------------------------------- opening and using ------------------- */

static clxent_status run_zeros(clxent_plan *plan, float *loss) {
    static const float logits[ROWS * CLASSES];
    static const int64_t targets[ROWS] = {0, 1, 4};
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.logits = CLXENT_ARRAY(logits, sizeof logits);
    a.targets = CLXENT_ARRAY(targets, sizeof targets);
    a.loss = CLXENT_ARRAY(loss, sizeof *loss);
    return clxent_run(plan, &a);
}

static int run(clxent_ctx *ctx, clxent_plan *plan) {
    float loss = 0;
    const clxent_status status = run_zeros(plan, &loss);
    if (status != CLXENT_OK) return complain("clxent_run", status, clxent_ctx_last_error(ctx));
    if (loss > 1.6094F && loss < 1.6095F) return 1; /* log 5 */
    fprintf(stderr, "the loss is %g\n", (double)loss);
    return 0;
}

static clxent_desc describe(void) {
    clxent_desc d = CLXENT_DESC_INIT;
    d.rows = ROWS;
    d.classes = CLASSES;
    d.outputs = CLXENT_OUT_LOSS;
    return d;
}

static int open_plan_and_run(opened *o) {
    cl_context context = NULL;
    cl_int code =
        clGetCommandQueueInfo(clxent_ctx_queue(o->ctx), CL_QUEUE_CONTEXT, sizeof context, &context, NULL);
    if (code == CL_SUCCESS) o->mem = clCreateBuffer(context, CL_MEM_READ_WRITE, 4096, NULL, &code);
    if (code != CL_SUCCESS) return 0;
    const clxent_desc d = describe();
    const clxent_status status = clxent_plan_create(&o->plan, o->ctx, &d);
    if (status != CLXENT_OK) return complain("clxent_plan_create", status, clxent_ctx_last_error(o->ctx));
    return run(o->ctx, o->plan);
}

static int open_ctx(opened *o) {
    clxent_error err;
    opener = (long)getpid();
    const clxent_status status = clxent_ctx_create(&o->ctx, NULL, &err);
    if (status != CLXENT_OK) return complain("clxent_ctx_create", status, err.message);
    return open_plan_and_run(o);
}

/* The program makes its own queue, so clxent looks for no device. */
static int open_queue(opened *o) {
    cl_platform_id platforms[8];
    cl_device_id device = NULL;
    cl_uint count = 0;
    cl_int code = CL_SUCCESS;
    clxent_error err;
    opener = (long)getpid();
    if (clGetPlatformIDs(8, platforms, &count) != CL_SUCCESS) return 0;
    for (cl_uint i = 0; i < count && i < 8 && !device; i++)
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, NULL) != CL_SUCCESS) device = NULL;
    const cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    if (code == CL_SUCCESS) o->queue = clCreateCommandQueue(context, device, 0, &code);
    if (code != CL_SUCCESS) return 0;
    const clxent_status status = clxent_ctx_create_from_queue(&o->ctx, o->queue, NULL, &err);
    if (status != CLXENT_OK) return complain("clxent_ctx_create_from_queue", status, err.message);
    return open_plan_and_run(o);
}

static int list(void) {
    size_t count = 0;
    clxent_error err;
    opener = (long)getpid();
    const clxent_status status = clxent_list_devices(NULL, 0, 0, &count, &err);
    return status == CLXENT_OK ? 1 : complain("clxent_list_devices", status, err.message);
}

/* ---------------------------------------------------------------- every function ---------------------- */

static int in_clxent_list_devices(const opened *o) {
    (void)o;
    clxent_error err = {.status = CLXENT_OK};
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    size_t count = 7;
    const clxent_status status = clxent_list_devices(&info, sizeof(clxent_device_info), 1, &count, &err);
    return is_refusal(status, err.message) && err.status == status && count == 0 &&
           clxent_list_devices(NULL, 0, 0, &count, NULL) == CLXENT_ERR_FORK;
}

static int in_clxent_ctx_create(const opened *o) {
    clxent_error err = {.status = CLXENT_OK};
    clxent_ctx *ctx = o->ctx;
    const clxent_status status = clxent_ctx_create(&ctx, NULL, &err);
    return is_refusal(status, err.message) && ctx == NULL &&
           clxent_ctx_create(&ctx, NULL, NULL) == CLXENT_ERR_FORK;
}

static int in_clxent_ctx_create_from_queue(const opened *o) {
    clxent_error err = {.status = CLXENT_OK};
    clxent_ctx *ctx = o->ctx;
    const clxent_status status = clxent_ctx_create_from_queue(&ctx, clxent_ctx_queue(o->ctx), NULL, &err);
    return is_refusal(status, err.message) && ctx == NULL;
}

static int in_clxent_plan_create(const opened *o) {
    clxent_plan *plan = o->plan;
    const clxent_desc d = describe();
    const clxent_status status = clxent_plan_create(&plan, o->ctx, &d);
    return is_refusal(status, clxent_ctx_last_error(o->ctx)) && plan == NULL;
}

static int in_clxent_plan_create_scheduled(const opened *o) {
    clxent_plan *plan = o->plan;
    const clxent_desc d = describe();
    const clxent_status status = clxent_plan_create_scheduled(&plan, o->ctx, &d, CLXENT_SCHEDULE_LANE);
    return is_refusal(status, clxent_ctx_last_error(o->ctx)) && plan == NULL;
}

static int in_clxent_run(const opened *o) {
    float loss = 7;
    return is_refusal(run_zeros(o->plan, &loss), clxent_ctx_last_error(o->ctx)) && loss == 7;
}

static int in_clxent_enqueue(const opened *o) {
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    cl_event event = (cl_event)o->queue;
    b.logits = (clxent_buffer){o->mem, 0};
    b.targets = (clxent_buffer){o->mem, 256};
    b.loss = (clxent_buffer){o->mem, 512};
    const clxent_status status = clxent_enqueue(o->plan, &b, 0, NULL, &event);
    return is_refusal(status, clxent_ctx_last_error(o->ctx)) && event == NULL;
}

static int in_clxent_enqueue_begin(const opened *o) {
    const clxent_buffers b = CLXENT_BUFFERS_INIT;
    return is_refusal(clxent_enqueue_begin(o->plan, &b, 0, NULL, NULL), clxent_ctx_last_error(o->ctx));
}

static int in_clxent_enqueue_rows(const opened *o) {
    const clxent_buffers b = CLXENT_BUFFERS_INIT;
    return is_refusal(clxent_enqueue_rows(o->plan, 0, 0, &b, 0, NULL, NULL), clxent_ctx_last_error(o->ctx));
}

static int in_clxent_enqueue_end(const opened *o) {
    const clxent_buffers b = CLXENT_BUFFERS_INIT;
    return is_refusal(clxent_enqueue_end(o->plan, &b, 0, NULL, NULL), clxent_ctx_last_error(o->ctx));
}

static int in_clxent_enqueue_merge_states(const opened *o) {
    const clxent_buffer b = {o->mem, 0};
    return is_refusal(clxent_enqueue_merge_states(o->plan, NULL, 0, 1, b, b, 0, NULL, NULL),
                      clxent_ctx_last_error(o->ctx));
}

static int in_clxent_merge_states(const opened *o) { /* needs no device, so it answers as in the parent */
    return o->plan == NULL || clxent_merge_states(o->plan, NULL, 0, 1, CLXENT_ARRAY(NULL, 0),
                                                  CLXENT_ARRAY(NULL, 0)) == CLXENT_ERR_UNSUPPORTED;
}

static int in_clxent_state_columns(const opened *o) {
    const clxent_desc desc = CLXENT_DESC_INIT;
    (void)o;
    return clxent_state_columns(&desc) == CLXENT_STATE_COLUMNS;
}

static int in_clxent_ctx_export_programs(const opened *o) {
    size_t bytes = 7;
    const clxent_status status = clxent_ctx_export_programs(o->ctx, NULL, 0, &bytes);
    return is_refusal(status, clxent_ctx_last_error(o->ctx)) && bytes == 0;
}

static int in_clxent_ctx_import_programs(const opened *o) {
    return is_refusal(clxent_ctx_import_programs(o->ctx, "blob", 4), clxent_ctx_last_error(o->ctx));
}

static int in_clxent_ctx_enqueue_product(const opened *o) {
    cl_event event = (cl_event)1;
    return is_refusal(clxent_ctx_enqueue_product(o->ctx, NULL, 0, NULL, &event),
                      clxent_ctx_last_error(o->ctx)) &&
           event == NULL;
}

static int in_clxent_ctx_gemm(const opened *o) {
    const char *name = "", *why = "";
    return is_refusal(clxent_ctx_gemm(o->ctx, CLXENT_F32, &name, &why), clxent_ctx_last_error(o->ctx)) &&
           name == NULL && why == NULL;
}

/* The library frees the context when both are destroyed. */
static int in_clxent_ctx_destroy(const opened *o) {
    clxent_ctx_destroy(o->ctx);
    clxent_plan_destroy(o->plan);
    return 1;
}

static int in_clxent_plan_destroy(const opened *o) {
    clxent_plan_destroy(o->plan);
    clxent_ctx_destroy(o->ctx);
    return 1;
}

/* The functions that need no driver answer as in the parent. */
static int in_clxent_ctx_device(const opened *o) {
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    return clxent_ctx_device(o->ctx, &info) == CLXENT_OK && info.name[0] != '\0';
}

static int in_clxent_device_schedule(const opened *o) {
    clxent_device_info info = CLXENT_DEVICE_INFO_INIT;
    const clxent_status status = clxent_ctx_device(o->ctx, &info);
    return status == CLXENT_OK && clxent_device_schedule(&info) != CLXENT_SCHEDULE_AUTO;
}

static int in_clxent_ctx_tuning(const opened *o) {
    clxent_tuning tuning = CLXENT_TUNING_INIT;
    return clxent_ctx_tuning(o->ctx, &tuning) == CLXENT_OK && tuning.wide_width > 0;
}

static int in_clxent_ctx_set_tuning(const opened *o) {
    return clxent_ctx_set_tuning(o->ctx, NULL) == CLXENT_OK;
}

static int in_clxent_ctx_set_gemm(const opened *o) {
    return clxent_ctx_set_gemm(o->ctx, NULL) == CLXENT_OK;
}

static int in_clxent_plan_scalars(const opened *o) {
    clxent_scalars scalars = CLXENT_SCALARS_INIT;
    return clxent_plan_scalars(o->plan, &scalars) == CLXENT_OK;
}

static int in_clxent_plan_schedule(const opened *o) {
    clxent_schedule schedule = CLXENT_SCHEDULE_AUTO;
    return clxent_plan_schedule(o->plan, &schedule) == CLXENT_OK && schedule != CLXENT_SCHEDULE_AUTO;
}

static int in_clxent_workspace_bytes(const opened *o) {
    size_t bytes = 0;
    return clxent_workspace_bytes(o->plan, &bytes) == CLXENT_OK && bytes > 0;
}

static int in_clxent_ctx_error(const opened *o) {
    return o->ctx == NULL || clxent_ctx_error(o->ctx)->status == CLXENT_OK;
}

static int in_clxent_ctx_last_error(const opened *o) {
    return strcmp(clxent_ctx_last_error(o->ctx), "") == 0;
}

static int in_clxent_ctx_build_log(const opened *o) {
    return strcmp(clxent_ctx_build_log(o->ctx), "") == 0;
}

static int in_clxent_ctx_programs_compiled(const opened *o) {
    return clxent_ctx_programs_compiled(o->ctx) > 0;
}

static int in_clxent_ctx_queue(const opened *o) {
    return clxent_ctx_queue(o->ctx) != NULL && (o->queue == NULL || clxent_ctx_queue(o->ctx) == o->queue);
}

static int in_clxent_status_name(const opened *o) {
    (void)o;
    return strcmp(clxent_status_name(CLXENT_ERR_FORK), "CLXENT_ERR_FORK") == 0;
}

static int in_clxent_status_text(const opened *o) {
    (void)o;
    return strstr(clxent_status_text(CLXENT_ERR_FORK), "forked") != NULL;
}

static int in_clxent_version(const opened *o) {
    (void)o;
    return strlen(clxent_version()) > 0;
}

static int in_clxent_dtype_size(const opened *o) {
    (void)o;
    return clxent_dtype_size(CLXENT_F32) == 4;
}

#define NAMES(type, value, text)                                        \
    static int in_clxent_##type##_name(const opened *o) {               \
        (void)o;                                                        \
        return strcmp(clxent_##type##_name(CLXENT_##value), text) == 0; \
    }
NAMES(op, CROSS_ENTROPY, "cross-entropy")
NAMES(dtype, F32, "f32")
NAMES(reduction, MEAN, "mean")
NAMES(targets, TARGETS_CLASS, "class")
NAMES(empty_mean, EMPTY_MEAN_ZERO, "zero")
NAMES(schedule, SCHEDULE_AUTO, "auto")
#undef NAMES

#define SETS(type)                                              \
    static int in_clxent_##type##_init_sized(const opened *o) { \
        (void)o;                                                \
        clxent_##type value;                                    \
        memset(&value, 0, sizeof value);                        \
        clxent_##type##_init_sized(&value, sizeof value);       \
        return value.struct_size == sizeof value;               \
    }
SETS(arrays)
SETS(buffers)
SETS(ctx_options)
SETS(desc)
SETS(device_info)
SETS(scalars)
#undef SETS

static int in_clxent_tuning_init(const opened *o) {
    clxent_tuning value = {0};
    (void)o;
    clxent_tuning_init(&value);
    return value.struct_size == sizeof value;
}

/* In the order of tests/consumer/symbols.txt, which lists every function that the library exports. */
static const struct {
    const char *name;
    int (*call)(const opened *);
} functions[] = {
#define FUNCTION(name) \
    { #name, in_##name }
    FUNCTION(clxent_arrays_init_sized),
    FUNCTION(clxent_buffers_init_sized),
    FUNCTION(clxent_ctx_build_log),
    FUNCTION(clxent_ctx_create),
    FUNCTION(clxent_ctx_create_from_queue),
    FUNCTION(clxent_ctx_destroy),
    FUNCTION(clxent_ctx_device),
    FUNCTION(clxent_ctx_enqueue_product),
    FUNCTION(clxent_ctx_error),
    FUNCTION(clxent_ctx_export_programs),
    FUNCTION(clxent_ctx_gemm),
    FUNCTION(clxent_ctx_import_programs),
    FUNCTION(clxent_ctx_last_error),
    FUNCTION(clxent_ctx_options_init_sized),
    FUNCTION(clxent_ctx_programs_compiled),
    FUNCTION(clxent_ctx_queue),
    FUNCTION(clxent_ctx_set_gemm),
    FUNCTION(clxent_ctx_set_tuning),
    FUNCTION(clxent_ctx_tuning),
    FUNCTION(clxent_desc_init_sized),
    FUNCTION(clxent_device_info_init_sized),
    FUNCTION(clxent_device_schedule),
    FUNCTION(clxent_dtype_name),
    FUNCTION(clxent_dtype_size),
    FUNCTION(clxent_empty_mean_name),
    FUNCTION(clxent_enqueue),
    FUNCTION(clxent_enqueue_begin),
    FUNCTION(clxent_enqueue_end),
    FUNCTION(clxent_enqueue_merge_states),
    FUNCTION(clxent_enqueue_rows),
    FUNCTION(clxent_list_devices),
    FUNCTION(clxent_merge_states),
    FUNCTION(clxent_op_name),
    FUNCTION(clxent_plan_create),
    FUNCTION(clxent_plan_create_scheduled),
    FUNCTION(clxent_plan_destroy),
    FUNCTION(clxent_plan_scalars),
    FUNCTION(clxent_plan_schedule),
    FUNCTION(clxent_reduction_name),
    FUNCTION(clxent_run),
    FUNCTION(clxent_scalars_init_sized),
    FUNCTION(clxent_schedule_name),
    FUNCTION(clxent_state_columns),
    FUNCTION(clxent_status_name),
    FUNCTION(clxent_status_text),
    FUNCTION(clxent_targets_name),
    FUNCTION(clxent_tuning_init),
    FUNCTION(clxent_version),
    FUNCTION(clxent_workspace_bytes),
#undef FUNCTION
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static int every_function_in_a_child(const opened *o) {
    int good = 1;
    for (int i = 0; i < FUNCTIONS; i++) good &= in_child(functions[i].name, functions[i].call, o, SECONDS);
    return good;
}

static int discovery_in_a_child(const opened *o) {
    return in_child("clxent_list_devices", in_clxent_list_devices, o, SECONDS) &
           in_child("clxent_ctx_create", in_clxent_ctx_create, o, SECONDS);
}

static int discovery_in_a_grandchild(const opened *o) {
    return in_child("a child", discovery_in_a_child, o, 4 * SECONDS);
}

/* ---------------------------------------------------------------- who opens, who forks ---------------- */

/* The process lists devices and opens no context. A driver may already start its threads then. */
static int listed(const opened *none) {
    return list() && discovery_in_a_child(none) && discovery_in_a_grandchild(none) && list();
}

static int opened_a_context(const opened *none) {
    opened o = *none, more = *none;
    return open_ctx(&o) && every_function_in_a_child(&o) && discovery_in_a_grandchild(&o) &&
           run(o.ctx, o.plan) && open_ctx(&more); /* the parent still uses OpenCL */
}

static int opened_a_queue(const opened *none) {
    opened o = *none;
    return open_queue(&o) && every_function_in_a_child(&o) && discovery_in_a_grandchild(&o) &&
           run(o.ctx, o.plan);
}

/* Opens OpenCL in a process whose parents have not opened it. */
static int opens(const opened *none) {
    opened o = *none;
    if (!open_ctx(&o)) return 0;
    clxent_plan_destroy(o.plan);
    clxent_ctx_destroy(o.ctx);
    return 1;
}

static int opens_in_a_child(const opened *none) {
    return in_child("a child", opens, none, SECONDS_TO_OPEN);
}

static int opens_after_its_child(const opened *none) {
    return opens_in_a_child(none) && opens(none);
}

/* Another thread may be inside the library at the fork, and may hold the library's lock and the loader's. */
static atomic_int listing;

static void *keep_listing(void *unused) {
    while (list() && atomic_load(&listing) < 2) atomic_store(&listing, 1);
    return unused;
}

static int forks_while_a_thread_lists(const opened *none) {
    pthread_t thread;
    int good = 1;
    opener = (long)getpid();
    if (pthread_create(&thread, NULL, keep_listing, NULL) != 0) return 0;
    while (atomic_load(&listing) == 0) {
    }
    for (int i = 0; i < 50 && good; i++)
        good = in_child("clxent_list_devices", in_clxent_list_devices, none, SECONDS);
    atomic_store(&listing, 2);
    return pthread_join(thread, NULL) == 0 && good;
}

static void check(const char *what, int (*work)(const opened *)) {
    const opened nothing = {0};
    if (!in_child(what, work, &nothing, SECONDS_TO_OPEN)) fail_msg("%s: see above", what);
}

static void functions_are_all_there_are(void **state) {
    (void)state;
    FILE *symbols = fopen(CLXENT_TEST_SYMBOLS, "r");
    char line[128];
    int count = 0;
    assert_non_null(symbols);
    while (fgets(line, sizeof line, symbols)) {
        if (line[0] == '#') continue;
        line[strcspn(line, "\n")] = '\0';
        assert_true(count < FUNCTIONS);
        assert_string_equal(functions[count++].name, line);
    }
    assert_int_equal(fclose(symbols), 0);
    assert_int_equal(count, FUNCTIONS);
}

static void child_of_a_process_that_listed(void **state) {
    (void)state;
    check("listed", listed);
}

static void child_of_a_process_with_a_context(void **state) {
    (void)state;
    check("a context", opened_a_context);
}

static void child_of_a_process_with_a_queue(void **state) {
    (void)state;
    check("a queue of the program's", opened_a_queue);
}

static void child_of_a_process_that_opened_nothing(void **state) {
    (void)state;
    check("a child", opens);
    check("a grandchild", opens_in_a_child);
    check("a child and its parent", opens_after_its_child);
}

static void child_of_a_process_with_threads(void **state) {
    (void)state;
    check("a thread that lists", forks_while_a_thread_lists);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_all_there_are),
        cmocka_unit_test(child_of_a_process_that_listed),
        cmocka_unit_test(child_of_a_process_with_a_context),
        cmocka_unit_test(child_of_a_process_with_a_queue),
        cmocka_unit_test(child_of_a_process_that_opened_nothing),
        cmocka_unit_test(child_of_a_process_with_threads),
    };
    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
