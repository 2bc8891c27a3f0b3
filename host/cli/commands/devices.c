/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `devices`. If there is no device, the library's message says what is missing.
 */
#include "commands.h"
#include "products.h"
#include "session/session.h"
#include "shell/options.h"
#include "shell/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *type_name(clxent_device_type type) {
    static const char *const names[] = {"other", "cpu", "gpu", "accelerator"};
    return type >= 0 && type < 4 ? names[type] : names[0];
}

#define SIZE_TEXT 32
static const char *size_text(char text[SIZE_TEXT], uint64_t bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    for (; value >= 1024 && unit < 4; unit++) value /= 1024;
    snprintf(text, SIZE_TEXT, "%.4g %s", value, units[unit]);
    return text;
}

static const char *yes_no(int32_t flag) {
    return flag ? "yes" : "no";
}

static void print_device(const clxent_device_info *d, const products *p, size_t number) {
    char memory[SIZE_TEXT], buffer[SIZE_TEXT], local[SIZE_TEXT];
    printf("%c %zu  %s\n", d->is_default ? '*' : ' ', number, d->name);
    printf("     platform    %s\n", d->platform);
    printf("     vendor      %s, driver %s\n", d->vendor, d->driver);
    printf("     type        %s, %" PRIu32 " compute units\n", type_name(d->type), d->compute_units);
    printf("     version     %s; %s\n", d->opencl_version, d->opencl_c_version);
    printf("     memory      %s, largest buffer %s, local %s%s\n", size_text(memory, d->global_memory_bytes),
           size_text(buffer, d->largest_buffer_bytes), size_text(local, d->local_memory_bytes),
           d->unified_memory ? ", shared with the host" : "");
    printf("     work-group  at most %" PRIu64 "\n", d->work_group_limit);
    printf("     has         f64 %s, f16 arithmetic %s, 64-bit atomics %s, sub-groups %s, compiler %s\n",
           yes_no(d->fp64), yes_no(d->fp16), yes_no(d->atomics_64), yes_no(d->subgroups),
           yes_no(d->compiler));
    printf("     schedule    %s\n", clxent_schedule_name(clxent_device_schedule(d)));
    printf("     products    %s%s%s\n", p->name, *p->name ? ": " : "", p->why);
    printf("     %s  %s\n", d->is_default ? "used because" : "not used:   ", d->why);
}

/* What the list says of a device beside its description; `failed` is the first failure, and its message. */
static void ask(products *p, size_t number, clxent_error *failed) {
    const clxent_status status = products_of_device(p, number);
    if (status == CLXENT_OK || failed->status != CLXENT_OK) return;
    failed->status = status;
    snprintf(failed->message, sizeof failed->message, "%s", p->why);
}

static void print_table(const clxent_device_info *devices, size_t count, clxent_error *failed) {
    for (size_t i = 0; i < count; i++) {
        products p;
        ask(&p, i, failed);
        print_device(&devices[i], &p, i);
        putchar('\n');
    }
    printf(
        "* is used unless --device SPEC or the environment variable CLXENT_DEVICE names another: gpu, cpu,\n"
        "accelerator, a number, or part of \"platform / device\".\n");
}

static json_t *device_json(const clxent_device_info *d, const products *p, size_t number) {
    json_t *o = json_object();
    json_object_set_new(o, "number", json_integer((json_int_t)number));
    json_object_set_new(o, "device", json_text(d->name));
    json_object_set_new(o, "platform", json_text(d->platform));
    json_object_set_new(o, "vendor", json_text(d->vendor));
    json_object_set_new(o, "driver", json_text(d->driver));
    json_object_set_new(o, "type", json_string(type_name(d->type)));
    json_object_set_new(o, "opencl_version", json_text(d->opencl_version));
    json_object_set_new(o, "opencl_c_version", json_text(d->opencl_c_version));
    json_object_set_new(o, "compute_units", json_integer(d->compute_units));
    json_object_set_new(o, "global_memory_bytes", json_integer((json_int_t)d->global_memory_bytes));
    json_object_set_new(o, "largest_buffer_bytes", json_integer((json_int_t)d->largest_buffer_bytes));
    json_object_set_new(o, "local_memory_bytes", json_integer((json_int_t)d->local_memory_bytes));
    json_object_set_new(o, "work_group_limit", json_integer((json_int_t)d->work_group_limit));
    json_object_set_new(o, "f64", json_boolean(d->fp64));
    json_object_set_new(o, "f16_arithmetic", json_boolean(d->fp16));
    json_object_set_new(o, "atomics_64", json_boolean(d->atomics_64));
    json_object_set_new(o, "subgroups", json_boolean(d->subgroups));
    json_object_set_new(o, "unified_memory", json_boolean(d->unified_memory));
    json_object_set_new(o, "compiler", json_boolean(d->compiler));
    json_object_set_new(o, "schedule", json_string(clxent_schedule_name(clxent_device_schedule(d))));
    json_object_set_new(o, "gemm", *p->name ? json_text(p->name) : json_null());
    json_object_set_new(o, "gemm_why", json_text(p->why));
    json_object_set_new(o, "is_default", json_boolean(d->is_default));
    json_object_set_new(o, "why", json_text(d->why));
    return o;
}

static void print_json(const clxent_device_info *devices, size_t count, clxent_error *failed) {
    json_t *list = json_array(), *object = json_object();
    for (size_t i = 0; i < count; i++) {
        products p;
        ask(&p, i, failed);
        json_array_append_new(list, device_json(&devices[i], &p, i));
    }
    json_object_set_new(object, "devices", list);
    report_json(object);
}

int devices_run(const tool_command *command, const tool_options *options) {
    clxent_error error, failed = {.status = CLXENT_OK};
    size_t capacity = 0, count = 0;
    clxent_status status = clxent_list_devices(NULL, 0, 0, &capacity, &error);
    if (status == CLXENT_OK) {
        clxent_device_info *devices = calloc(capacity ? capacity : 1, sizeof *devices);
        if (!devices) return tool_error(command, EXIT_DEVICE, "out of memory for %zu devices", capacity);
        status = clxent_list_devices(devices, sizeof(clxent_device_info), capacity, &count, &error);
        if (count > capacity) count = capacity; /* a device appeared between the two calls */
        if (status == CLXENT_OK && options->json) print_json(devices, count, &failed);
        if (status == CLXENT_OK && !options->json) print_table(devices, count, &failed);
        free(devices);
    }
    if (failed.status != CLXENT_OK)
        return tool_error(command, session_exit_code(failed.status), "%s", failed.message);
    if (status == CLXENT_OK) return EXIT_GOOD;
    if (options->json) print_json(NULL, 0, &failed);
    return tool_error(command, session_exit_code(status), "%s", error.message);
}
