/* SPDX-License-Identifier: Apache-2.0
 * Finds out why there is no device, from the .icd files on this machine, the libraries that they name, and
 * vendors' driver libraries that no .icd file names. The library does this and not the tool, since every
 * program that finds no device shows the library's message. */
#include <dirent.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diagnose.h"
#include "error.h"
#include "opencl_api.h"

#define VENDORS_FOLDER "/etc/OpenCL/vendors"

typedef struct text {
    char *at;
    size_t left;
} text;

__attribute__((format(printf, 2, 3))) static void say(text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(t->at, t->left, format, args);
    va_end(args);
    if (n < 0) return;
    const size_t used = (size_t)n < t->left ? (size_t)n : t->left - 1;
    t->at += used;
    t->left -= used;
}

static bool ends_with(const char *s, const char *end) {
    const size_t length = strlen(s), end_length = strlen(end);
    return length >= end_length && strcmp(s + length - end_length, end) == 0;
}

static void say_load_failure(text *t, const char *path, const char *library, const char *message) {
    const char *fault = "is there but does not load", *cure = "install its package again";
    switch (clx_load_failure_of(library, message)) {
    case CLX_LIBRARY_MISSING:
        fault = "is not there";
        break;
    case CLX_LIBRARY_NEEDS_ANOTHER:
        fault = "is there but needs another library, which does not load";
        cure = "install that one";
        break;
    case CLX_LIBRARY_BROKEN:
        break;
    }
    say(t, " %s names %s, which %s (%s): %s;", path, library, fault, message, cure);
}

/* Says which library the .icd file names, and why it does not load. */
static void say_icd(text *t, const char *path) {
    char library[512] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(library, sizeof library, file) == NULL) {
        say(t, " %s cannot be read;", path);
    } else {
        library[strcspn(library, "\r\n")] = '\0';
        void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
        const char *message = handle ? NULL : dlerror();
        if (handle)
            say(t, " %s names %s, which loads but offers no device;", path, library);
        else if (message)
            say_load_failure(t, path, library, message);
    }
    if (file) fclose(file);
}

static int say_folder(text *t, const char *folder) {
    DIR *dir = opendir(folder);
    int found = 0;
    if (dir == NULL) return 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL && found < 8;) {
        char path[1024];
        if (!ends_with(entry->d_name, ".icd")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        say_icd(t, path);
        found++;
    }
    closedir(dir);
    return found;
}

/* Says which drivers are here although no .icd file names them. Containers often bring such drivers. */
static void say_unnamed_drivers(text *t) {
    static const char *const drivers[] = {"libnvidia-opencl.so.1", "libamdocl64.so", "libigdrcl.so",
                                          "libpocl.so.2"};
    static const char *const folders[] = {"/usr/lib/x86_64-linux-gnu",
                                          "/usr/lib/aarch64-linux-gnu",
                                          "/usr/lib64",
                                          "/usr/lib",
                                          "/usr/local/nvidia/lib64",
                                          "/opt/rocm/lib"};
    for (size_t d = 0; d < sizeof drivers / sizeof drivers[0]; d++) {
        const char *where = NULL;
        char path[256] = "";
        for (size_t f = 0; f < sizeof folders / sizeof folders[0] && where == NULL; f++) {
            snprintf(path, sizeof path, "%s/%s", folders[f], drivers[d]);
            if (access(path, R_OK) == 0) where = path;
        }
        if (where == NULL && dlopen(drivers[d], RTLD_LAZY | RTLD_LOCAL) != NULL) where = drivers[d];
        if (where)
            say(t,
                " the driver %s is here but no .icd file names it: write that path into a file x.icd in a "
                "folder "
                "and set OCL_ICD_VENDORS to the folder;",
                where);
    }
}

clxent_status clx_no_device(clxent_error *err, unsigned platforms, const char *names) {
    char message[1800] = "";
    text t = {message, sizeof message};
    const char *vendors = getenv("OCL_ICD_VENDORS");
    const char *folder = vendors && *vendors ? vendors : VENDORS_FOLDER;

    if (platforms > 0) {
        say(&t, "%u OpenCL platform%s (%s) but no device:", platforms, platforms == 1 ? "" : "s", names);
        if (strstr(names, "rusticl")) say(&t, " rusticl needs RUSTICL_ENABLE=llvmpipe (or a GPU's driver);");
        if (strstr(names, "Portable Computing"))
            say(&t,
                " PoCL offers none when its cache folder (POCL_CACHE_DIR, or ~/.cache/pocl) cannot be made;");
        say(&t, " a GPU's device file may be missing or not readable for this user");
        return clx_fail(err, CLXENT_ERR_NO_DEVICE, "%s", message);
    }
    say(&t, "no OpenCL platform:");
    const int found = ends_with(folder, ".icd") ? (say_icd(&t, folder), 1) : say_folder(&t, folder);
    if (found == 0) {
        say(&t, " no .icd file in %s%s;", folder, vendors && *vendors ? " (OCL_ICD_VENDORS)" : "");
        say_unnamed_drivers(&t);
    }
    say(&t, " %s (for the CPU, Debian and Ubuntu: pocl-opencl-icd)",
        found == 0 ? "install a driver" : "or install another driver");
    return clx_fail(err, CLXENT_ERR_NO_DEVICE, "%s", message);
}
