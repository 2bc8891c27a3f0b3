/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives a fuzz target without libFuzzer.
 *
 *   replay [-q] [-k N] PATH...
 *
 * It gives the target each file, and all files in each folder. From a file of up to 1024 bytes it also makes
 * damaged copies: cut at every length, and with every byte changed in some ways. It prints how many inputs it
 * gave. -q silences the target's own output; -k N makes only every Nth damaged copy.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 20, DAMAGED_BYTES = 1 << 10 };

static int out = 1, err = 2; /* this file prints here, also if -q silences the target */
static char current[4096] = "";
static unsigned long files, inputs, damages, every = 1;

/* Names the file when the process aborts. The number of the input says which damaged copy it was. */
static void tell(int signal_number) {
    dprintf(err, "replay: signal %d at %s, or damage of it (input %lu)\n", signal_number, current, inputs);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void fail(const char *path, const char *what) {
    dprintf(err, "replay: %s: %s\n", path, what);
    exit(1);
}

/* Gives the input in memory of exactly its size, so that a memory checker sees a read beyond it. */
static void give(const uint8_t *bytes, size_t size) {
    fuzz_limit_allocations(size, 1); /* the malloc() below counts too */
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) fail(current, "out of memory");
    if (size > 0) memcpy(exact, bytes, size);
    inputs++;
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void give_some(const uint8_t *bytes, size_t size) {
    if (damages++ % every == 0) give(bytes, size);
}

static void give_damaged(uint8_t *bytes, size_t size) {
    static const uint8_t values[] = {0,   1,   '\n', ' ', '"', '\'', ',',  '-',
                                     '0', '9', '[',  '{', '}', 0x7f, 0x80, 0xff};
    for (size_t length = 0; length < size; length++) give_some(bytes, length);
    for (size_t at = 0; at < size; at++) {
        const uint8_t good = bytes[at];
        for (size_t i = 0; i < sizeof values; i++) {
            bytes[at] = values[i];
            give_some(bytes, size);
        }
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] = (uint8_t)(good ^ (1 << bit));
            give_some(bytes, size);
        }
        bytes[at] = good;
    }
}

static void replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    static uint8_t bytes[MOST_BYTES + 1];
    if (!file) fail(path, strerror(errno));
    const size_t size = fread(bytes, 1, MOST_BYTES + 1, file);
    if (ferror(file)) fail(path, strerror(errno));
    if (size > MOST_BYTES) fail(path, "more than 1048576 bytes");
    fclose(file);
    snprintf(current, sizeof current, "%s", path);
    files++;
    give(bytes, size);
    if (size <= DAMAGED_BYTES) give_damaged(bytes, size);
}

static void replay(const char *path) {
    struct stat s;
    if (stat(path, &s) != 0) fail(path, strerror(errno));
    if (!S_ISDIR(s.st_mode)) {
        replay_file(path);
        return;
    }
    DIR *folder = opendir(path);
    if (!folder) fail(path, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char inside[4096];
        if (entry->d_name[0] == '.') continue;
        if (snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name) >= (int)sizeof inside)
            fail(path, "a name in it is too long");
        replay(inside);
    }
    closedir(folder);
}

static void silence(void) {
    const int null = open("/dev/null", O_WRONLY);
    out = dup(1);
    err = dup(2);
    if (null < 0 || out < 0 || err < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0) fail("-q", strerror(errno));
    close(null);
}

int main(int argc, char **argv) {
    signal(SIGABRT, tell);
    signal(SIGSEGV, tell);
    for (int option; (option = getopt(argc, argv, "qk:")) != -1;) {
        if (option == 'q') silence();
        if (option == 'k') every = strtoul(optarg, NULL, 10);
        if (option == '?' || every == 0) fail("usage", "replay [-q] [-k N] PATH...");
    }
    const int paths = optind; /* a target may use getopt itself */
    for (int i = paths; i < argc; i++) replay(argv[i]);
    dprintf(out, "%lu inputs of %lu files\n", inputs, files);
    if (inputs == 0) fail("replay", "nothing to give");
    return 0;
}
