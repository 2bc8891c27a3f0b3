/* SPDX-License-Identifier: Apache-2.0
 *
 * See board.h. */
#define _XOPEN_SOURCE 700
#include "board.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VARIABLE "CLXENT_FAULT_BOARD"

static char made_file[1024];

static void *die(const char *what) {
    perror(what);
    _exit(99);
}

static fault_board *map(int file, const char *path) {
    void *board = mmap(NULL, sizeof(fault_board), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (board == MAP_FAILED) die(path);
    close(file);
    return board;
}

fault_board *board_create(void) {
    const char *folder = getenv("TMPDIR");
    snprintf(made_file, sizeof made_file, "%s/clxent-faults-XXXXXX", folder && *folder ? folder : "/tmp");
    const int file = mkstemp(made_file);
    if (file < 0 || ftruncate(file, sizeof(fault_board)) != 0) return die(made_file);
    if (setenv(VARIABLE, made_file, 1) != 0) return die("setenv");
    return map(file, made_file);
}

fault_board *board_open(void) {
    const char *path = getenv(VARIABLE);
    if (path == NULL) return NULL;
    const int file = open(path, O_RDWR | O_CLOEXEC);
    return file < 0 ? die(path) : map(file, path);
}

void board_remove(void) {
    if (made_file[0]) unlink(made_file);
}

void board_note(fault_board *board, const char *entry, int code) {
    /* A failed release does not make a step fail, so a later failure replaces it. */
    if (board->entry[0] && board->code && strncmp(board->entry, "clRelease", 9) != 0) return;
    snprintf(board->entry, sizeof board->entry, "%s", entry);
    board->code = code;
}

int board_fails(fault_board *board, fault_kind kind, const char *entry, int flavours) {
    if (board == NULL || board->kind != kind) return -1;
    const long call = ++board->calls;
    if (board->wanted == 0 || (board->lasting ? call < board->wanted : call != board->wanted)) return -1;
    board->failed++;
    board_note(board, entry, 0);
    return board->flavour % flavours;
}

/* ---------------------------------------------------------------- objects ----------------------------- */

static board_object *find(fault_board *board, const void *handle) {
    for (int i = 0; i < BOARD_OBJECTS; i++)
        if (board->objects[i].handle == handle) return &board->objects[i];
    return NULL;
}

static void misuse(fault_board *board, const void *handle, const char *entry) {
    if (board->misuse[0] == '\0')
        snprintf(board->misuse, sizeof board->misuse,
                 "%s, counted call %ld, is given %p, which does not live", entry, board->calls, handle);
}

void board_made(fault_board *board, const char *type, const void *handle, const char *maker) {
    if (board == NULL || handle == NULL) return;
    board_object *o = find(board, NULL);
    if (o == NULL) {
        snprintf(board->misuse, sizeof board->misuse, "more than %d objects live", BOARD_OBJECTS);
        return;
    }
    *o = (board_object){.handle = handle, .references = 1, .call = board->calls};
    snprintf(o->type, sizeof o->type, "%s", type);
    snprintf(o->maker, sizeof o->maker, "%s", maker);
}

void board_retained(fault_board *board, const void *handle, const char *entry) {
    board_object *o = board ? find(board, handle) : NULL;
    if (o)
        o->references++;
    else if (board)
        misuse(board, handle, entry);
}

void board_released(fault_board *board, const void *handle, const char *entry) {
    board_object *o = board && handle ? find(board, handle) : NULL;
    if (o && --o->references == 0)
        o->handle = NULL;
    else if (board && o == NULL)
        misuse(board, handle, entry);
}

void board_used(fault_board *board, const void *handle, const char *entry) {
    if (board && (handle == NULL || find(board, handle) == NULL)) misuse(board, handle, entry);
}

int board_leaks(const fault_board *board, char *text, size_t size) {
    int count = 0;
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < BOARD_OBJECTS; i++) {
        const board_object *o = &board->objects[i];
        if (o->handle == NULL) continue;
        count++;
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s of call %ld, %s (%d references); ",
                                     o->type, o->call, o->maker, o->references);
    }
    return count;
}
