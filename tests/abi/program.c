/* SPDX-License-Identifier: Apache-2.0
 *
 * A program of another version. It is compiled with the headers of that version, and runs with this library
 * or a later one. It uses every struct that may grow, and prints each status and result; compare.sh compares
 * the output of all builds. With the argument `unknown`, a build with grown headers also sets fields that 0.1
 * does not have, one struct at a time, and prints the library's messages. */
#include <clxent/clxent_opencl.h>

#include <stdio.h>
#include <string.h>

enum { ROWS = 3, CLASSES = 5 };

static void print_bytes(const char *what, const void *data, size_t bytes) {
    printf("%s:", what);
    for (size_t i = 0; i < bytes; i++) printf(" %02x", ((const unsigned char *)data)[i]);
    printf("\n");
}

static void print_status(const char *what, clxent_status status) {
    printf("%s: %s\n", what, clxent_status_name(status));
}

static const float logits[ROWS][CLASSES] = {{2, 1, 0.5f, -1, 0}, {0, 3, 0, 1, -2}, {1, 1, 1, 1, 1}};
static const int64_t targets[ROWS] = {0, 3, 4};

static void run(clxent_plan *plan, const clxent_scalars *scalars) {
    float loss = -1, row_loss[ROWS] = {0}, grad[ROWS][CLASSES] = {{0}};
    int64_t counts[4] = {0};
    clxent_arrays a = CLXENT_ARRAYS_INIT;
    a.scalars = scalars;
    a.logits = CLXENT_ARRAY(logits, sizeof logits);
    a.targets = CLXENT_ARRAY(targets, sizeof targets);
    a.loss = CLXENT_ARRAY(&loss, sizeof loss);
    a.row_loss = CLXENT_ARRAY(row_loss, sizeof row_loss);
    a.grad = CLXENT_ARRAY(grad, sizeof grad);
    a.counts = CLXENT_ARRAY(counts, sizeof counts);
    print_status("clxent_run", clxent_run(plan, &a));
    print_bytes("loss", &loss, sizeof loss);
    print_bytes("row_loss", row_loss, sizeof row_loss);
    print_bytes("grad", grad, sizeof grad);
    print_bytes("counts", counts, sizeof counts);
    a.rows = ROWS + 1;
    print_status("clxent_run of too many rows", clxent_run(plan, &a));
}

static int enqueue(clxent_ctx *ctx, clxent_plan *plan) {
    cl_command_queue queue = clxent_ctx_queue(ctx);
    cl_context context = NULL;
    float loss = -1;
    size_t workspace = 0;
    if (clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL)) return 1;
    print_status("clxent_workspace_bytes", clxent_workspace_bytes(plan, &workspace));
    const cl_mem_flags copy = CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR;
    cl_mem x = clCreateBuffer(context, copy, sizeof logits, (void *)logits, NULL);
    cl_mem y = clCreateBuffer(context, copy, sizeof targets, (void *)targets, NULL);
    cl_mem out = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof loss, NULL, NULL);
    cl_mem scratch = clCreateBuffer(context, CL_MEM_READ_WRITE, workspace, NULL, NULL);
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    b.logits.mem = x;
    b.targets.mem = y;
    b.loss.mem = out;
    b.workspace.mem = scratch;
    cl_event done = NULL;
    print_status("clxent_enqueue", clxent_enqueue(plan, &b, 0, NULL, &done));
    const int failed =
        done == NULL || clEnqueueReadBuffer(queue, out, CL_TRUE, 0, sizeof loss, &loss, 1, &done, NULL);
    print_bytes("loss", &loss, sizeof loss);
    if (done) clReleaseEvent(done);
    clReleaseMemObject(x);
    clReleaseMemObject(y);
    clReleaseMemObject(out);
    clReleaseMemObject(scratch);
    return failed;
}

#ifdef CLXENT_GROWN
/* Gives the library each struct in turn, with one unknown field set. */
static void set_unknown(clxent_ctx *ctx, clxent_plan *plan) {
    clxent_error err = {CLXENT_OK, 0, ""};
    clxent_ctx *other = NULL;
    clxent_plan *second = NULL;
    clxent_ctx_options options = CLXENT_CTX_OPTIONS_INIT;
    clxent_desc desc = CLXENT_DESC_INIT;
    clxent_scalars scalars = CLXENT_SCALARS_INIT;
    clxent_arrays a = CLXENT_ARRAYS_INIT, with_scalars = CLXENT_ARRAYS_INIT;
    clxent_buffers b = CLXENT_BUFFERS_INIT;
    desc.rows = desc.classes = 1;
    a.rows = b.rows = with_scalars.rows = 0;
    with_scalars.scalars = &scalars;
    options.grown_[2] = desc.grown_[0] = scalars.grown_[1] = a.grown_[2] = b.grown_[2] = 7;
    print_status("clxent_ctx_options", clxent_ctx_create(&other, &options, &err));
    printf("%s\n", err.message);
    print_status("clxent_desc", clxent_plan_create(&second, ctx, &desc));
    printf("%s\n", clxent_ctx_last_error(ctx));
    print_status("clxent_scalars", clxent_run(plan, &with_scalars));
    printf("%s\n", clxent_ctx_last_error(ctx));
    print_status("clxent_arrays", clxent_run(plan, &a));
    printf("%s\n", clxent_ctx_last_error(ctx));
    print_status("clxent_buffers", clxent_enqueue(plan, &b, 0, NULL, NULL));
    printf("%s\n", clxent_ctx_last_error(ctx));
    clxent_plan_destroy(second);
    clxent_ctx_destroy(other);
}
#endif

int main(int argc, char **argv) {
    clxent_error err;
    clxent_ctx *ctx = NULL;
    clxent_plan *plan = NULL;
    clxent_device_info devices[4], info;
    size_t count = 0;
    int failed = 0;

    memset(devices, 0xa5, sizeof devices);
    memset(&info, 0xa5, sizeof info);
    info.struct_size = sizeof info;
    print_status("clxent_list_devices", clxent_list_devices(devices, sizeof *devices, 4, &count, &err));
    for (size_t i = 0; i < count && i < 4; i++) printf("%s, %s\n", devices[i].name, devices[i].why);

    clxent_ctx_options options;
    clxent_ctx_options_init(&options);
    options.memory_bytes = UINT64_C(1) << 30;
    print_status("clxent_ctx_create", clxent_ctx_create(&ctx, &options, &err));
    if (ctx == NULL) return 1;
    print_status("clxent_ctx_device", clxent_ctx_device(ctx, &info));
    printf("%s, %s, struct_size is %s\n", info.name, info.why,
           info.struct_size == sizeof info ? "as it was" : "another");

    clxent_desc desc;
    clxent_desc_init(&desc);
    desc.rows = ROWS;
    desc.classes = CLASSES;
    desc.label_smoothing = 0.1;
    print_status("clxent_plan_create", clxent_plan_create(&plan, ctx, &desc));
    if (plan == NULL) return 1;
    run(plan, NULL);
    clxent_scalars scalars = CLXENT_SCALARS_INIT;
    print_status("clxent_plan_scalars", clxent_plan_scalars(plan, &scalars));
    printf("%g %g\n", scalars.label_smoothing, scalars.grad_output);
    scalars.z_loss = 0.01;
    scalars.grad_output = 3;
    run(plan, &scalars);
    failed = enqueue(ctx, plan);

    desc.struct_size = 24; /* no version has this size */
    clxent_plan *none = NULL;
    print_status("clxent_plan_create", clxent_plan_create(&none, ctx, &desc));
    printf("%s\n", clxent_status_name(clxent_ctx_error(ctx)->status));
#ifdef CLXENT_GROWN
    for (int i = 0; i < 3; i++) /* the library sets fields of an output that it does not know to 0 */
        if (info.grown_[i] || devices[0].grown_[i]) failed = 1;
    if (argc > 1 && strcmp(argv[1], "unknown") == 0) set_unknown(ctx, plan);
#else
    (void)argc;
    (void)argv;
#endif
    clxent_plan_destroy(plan);
    clxent_ctx_destroy(ctx);
    return failed;
}
