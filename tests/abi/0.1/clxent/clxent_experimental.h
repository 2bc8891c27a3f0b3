/* SPDX-License-Identifier: Apache-2.0
 *
 * clxent for tests, reports and tuning: how the library cuts rows for a device. This header promises nothing:
 * any version may change or remove what it declares, so a program that uses it runs with one version only.
 * Read clxent.h first. */
#ifndef CLXENT_CLXENT_EXPERIMENTAL_H
#define CLXENT_CLXENT_EXPERIMENTAL_H

#include <clxent/clxent.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a row is spread over the device. All schedules give the same numbers within the error bound. AUTO
 * chooses by device and shape. */
#define CLXENT_SCHEDULE_MAP(X)                                                                  \
    X(0, SCHEDULE_AUTO, "auto")                                                                 \
    X(1, SCHEDULE_LANE, "lane")   /* a work-item a row: few classes, or classes not adjacent */ \
    X(2, SCHEDULE_GROUP, "group") /* a work-group a row: GPUs */                                \
    X(3, SCHEDULE_WIDE, "wide")   /* a work-item a row with 16-wide vectors: CPU devices */     \
    X(4, SCHEDULE_SPLIT, "split") /* several work-items or work-groups a row: few rows of many classes */
typedef enum clxent_schedule { CLXENT_SCHEDULE_MAP(CLXENT_ENUM_) } clxent_schedule;

/* "lane"; "unknown" for a value that is not in the list. The strings are static. Any thread may call. */
CLXENT_API const char *clxent_schedule_name(clxent_schedule schedule);

/* clxent_plan_create() with a forced schedule. CLXENT_SCHEDULE_AUTO forces none. ERR_ARGUMENT: the schedule
 * is not in the list. ERR_UNSUPPORTED: the driver would leave its loops before the end of such a row, or the
 * plan has states and the schedule is not SPLIT. NLL and CLXENT_GRAD_FROM_LSE have nothing to sum up: in
 * place of SPLIT they take the schedule that AUTO takes for long rows. */
CLXENT_API clxent_status clxent_plan_create_scheduled(clxent_plan **out, clxent_ctx *ctx,
                                                      const clxent_desc *desc, clxent_schedule schedule);

/* The schedule that the plan uses; never AUTO. ERR_ARGUMENT. */
CLXENT_API clxent_status clxent_plan_schedule(const clxent_plan *plan, clxent_schedule *out);

/* The schedule that AUTO takes for long rows on a device that clxent_list_devices() or clxent_ctx_device()
 * has described. AUTO for NULL. Any thread may call. */
CLXENT_API clxent_schedule clxent_device_schedule(const clxent_device_info *info);

/* How rows are cut for a device. These values change the speed, and of the results only the last bits. The
 * library has a table of them by device; `clxent tune` searches for better values, and
 * host/doc/manual/tuning.md explains them. X(field, least, most, 1: a power of two) */
#define CLXENT_TUNING_MAP(X)                                                                          \
    X(group_width, 1, 16, 1)              /* GROUP: classes that a work-item loads at once */         \
    X(group_tile, 1, 16, 1)               /* GROUP: such loads that a work-item holds in registers */ \
    X(group_size_short, 1, 1024, 1)       /* GROUP: work-items of a row of up to 1024 classes */      \
    X(group_size, 1, 1024, 1)             /* GROUP: work-items of a longer row */                     \
    X(wide_width, 1, 16, 1)               /* WIDE: classes of a vector */                             \
    X(wide_tile, 1, 8, 1)                 /* WIDE: vectors that a work-item holds in registers */     \
    X(lane_group_size, 1, 1024, 1)        /* LANE: work-items of a work-group */                      \
    X(few_classes, 1, 65536, 0)           /* rows of fewer classes are LANE */                        \
    X(split_part_classes, 16, 1 << 30, 0) /* SPLIT: the least number of classes in a part of a row */ \
    X(teams_per_unit, 1, 64, 0)           /* SPLIT: rows or parts that keep a compute unit busy */

/* 0: the value of the library's table. The library lowers a group size to what the device and the kernel
 * allow. struct_size must be the size that the library knows: unlike the structs of clxent.h, this one does
 * not fit a library of another version. */
typedef struct clxent_tuning {
    size_t struct_size;
#define CLXENT_TUNING_FIELD_(field, least, most, power) int32_t field;
    CLXENT_TUNING_MAP(CLXENT_TUNING_FIELD_)
#undef CLXENT_TUNING_FIELD_
} clxent_tuning;
#define CLXENT_TUNING_INIT \
    { sizeof(clxent_tuning), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
CLXENT_API void clxent_tuning_init(clxent_tuning *tuning);

/* Sets the tuning for the plans that the context creates from now on; NULL: the table's. The library copies
 * the struct. ERR_ARGUMENT: a field is out of range, and the tuning stays as it was. */
CLXENT_API clxent_status clxent_ctx_set_tuning(clxent_ctx *ctx, const clxent_tuning *tuning);

/* Gives the tuning in effect; no field is 0. The caller sets out->struct_size. */
CLXENT_API clxent_status clxent_ctx_tuning(const clxent_ctx *ctx, clxent_tuning *out);

#ifdef __cplusplus
}
#endif
#endif
