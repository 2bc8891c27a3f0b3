/* SPDX-License-Identifier: Apache-2.0
 *
 * test_messages SAID UNSAID SOURCE...: checks that tests provoke every message in the sources.
 *
 * Messages are the format strings of all calls of functions with __attribute__((format(printf, ...))), and of
 * fprintf(stderr, ...).
 *
 * SAID is a folder of files with the messages that tests got (support/said.h, cli/run.sh). UNSAID lists the
 * formats that no test can or need provoke, below a line "# why". The program prints every other format with
 * an example. It fails if such a format has no example, or if a line of UNSAID is in no source. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FUNCTIONS = 32, MOST_FORMATS = 1000, FORMAT_BYTES = 600, NAME_BYTES = 64 };

typedef struct function {
    char name[NAME_BYTES];
    int format_at;      /* which argument is the format, from 0 */
    const char *source; /* the file that declares it: a header, or the only .c file that has it */
} function;

/* A format: its text up to the first end of a line, with a '\1' for each conversion. */
typedef struct format {
    char text[FORMAT_BYTES];
    const char *source;
    const char *example; /* a line that a test got; NULL: none */
    int unsaid;
} format;

static function functions[MOST_FUNCTIONS];
static format formats[MOST_FORMATS];
static int function_count, format_count;

static void die(const char *what, const char *name) {
    fprintf(stderr, "messages: %s %s\n", what, name);
    exit(1);
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die("cannot open", path);
    size_t used = 0, room = 1 << 16;
    char *text = malloc(room + 1);
    for (size_t n; text && (n = fread(text + used, 1, room - used, file)) > 0;) {
        used += n;
        if (used == room) text = realloc(text, (room *= 2) + 1);
    }
    fclose(file);
    if (!text) die("no memory for", path);
    text[used] = '\0';
    return text;
}

/* ---------------------------------------------------------------- the sources -------------------------- */

static int is_letter(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* The end of the comment, string or character that begins at `at`; `at` itself if none begins there. */
static char *skip_token(char *at) {
    if (at[0] == '/' && at[1] == '*') {
        char *end = strstr(at + 2, "*/");
        return end ? end + 2 : at + strlen(at);
    }
    if (*at != '"' && *at != '\'') return at;
    const char quote = *at++;
    while (*at && *at != quote) at += *at == '\\' && at[1] ? 2 : 1;
    return *at ? at + 1 : at;
}

/* Replaces comments by spaces. */
static void drop_comments(char *text) {
    while (*text) {
        char *end = skip_token(text);
        if (*text == '/' && end != text)
            for (char *c = text; c < end; c++) *c = *c == '\n' ? '\n' : ' ';
        text = end == text ? text + 1 : end;
    }
}

/* Finds the functions that `text` declares with a format. The attribute stands before or behind it. */
static void find_functions(char *text, const char *source) {
    static const char mark[] = "__attribute__((format(printf, ";
    for (char *at = text; (at = strstr(at, mark)) != NULL; at++) {
        const int format_at = atoi(at + sizeof mark - 1) - 1;
        char *open = strstr(at, ")))");
        if (!open) die("cannot read an attribute of", source);
        open += 3;
        if (*open == ';' || *open == '{') {
            int depth = 0;
            for (open = at - 1; open > text; open--) {
                depth += (*open == ')') - (*open == '(');
                if (depth == 0 && *open == '(') break;
            }
        } else {
            open += strcspn(open, "(");
        }
        const char *begin = open;
        while (begin > text && is_letter(begin[-1])) begin--;
        if (function_count == MOST_FUNCTIONS || open - begin >= NAME_BYTES)
            die("too many functions in", source);
        function *f = &functions[function_count++];
        memcpy(f->name, begin, (size_t)(open - begin));
        f->format_at = format_at;
        f->source = source;
    }
}

static void add_format(const char *text, const char *source) {
    int letters = 0;
    for (const char *c = text; *c; c++) letters += isalpha((unsigned char)*c) != 0;
    if (letters < 2) return; /* "%s: %s" only passes on other messages */
    for (int i = 0; i < format_count; i++)
        if (strcmp(formats[i].text, text) == 0) return;
    if (format_count == MOST_FORMATS) die("too many messages in", source);
    format *f = &formats[format_count++];
    snprintf(f->text, sizeof f->text, "%s", text);
    f->source = source;
}

/* Adds the string at `at` to a format's text, and returns the end of the string. */
static char *add_string(char *text, size_t *used, char *at) {
    char *end = skip_token(at);
    for (at++; at < end - 1 && *used < FORMAT_BYTES - 2; at++) {
        if (at[0] == '\\' && at[1] == 'n') {
            text[(*used)++] = '\n';
            at++;
        } else if (at[0] == '\\') {
            text[(*used)++] = *++at;
        } else if (at[0] == '%' && at[1] == '%') {
            text[(*used)++] = *at++;
        } else if (at[0] == '%') {
            at++;
            while (at < end - 1 && strchr("0123456789.*-+ #hljztL", *at)) at++;
            text[(*used)++] = '\1'; /* a macro, such as PRId64, may hold its end */
        } else {
            text[(*used)++] = *at;
        }
    }
    text[*used] = '\0';
    return end;
}

/* Adds the formats in one argument: strings, and macros between them. "a ? b : c" has two formats. */
static void add_argument(char *at, const char *end, const function *f, const char *source) {
    char text[FORMAT_BYTES] = "";
    size_t used = 0;
    while (at < end) {
        if (*at == '"') {
            at = add_string(text, &used, at);
        } else if (*at == '?' || *at == ':') {
            if (*at == ':') add_format(text, source);
            used = 0;
            text[0] = '\0';
            at++;
        } else if (is_letter(*at)) { /* a macro: a conversion of <inttypes.h>, or a string */
            if (used > 0 && text[used - 1] != '\1' && used < FORMAT_BYTES - 1) text[used++] = '\1';
            text[used] = '\0';
            while (is_letter(*at)) at++;
        } else {
            char *behind = skip_token(at);
            at = behind == at ? at + 1 : behind;
        }
    }
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(f->name, "clx_fail_cl") == 0 && used < FORMAT_BYTES - 4)
        strcat(text, ": \1"); /* clx_fail_cl() appends the code */
    add_format(text, source);
}

/* Adds the formats of a call whose parenthesis is at `open`. */
static void add_call(char *open, const function *f, const char *source) {
    const int of_stderr = strcmp(f->name, "fprintf") == 0;
    int depth = 1, n = 0;
    char *begin = open + 1, *at = begin;
    while (*at && depth > 0) {
        char *behind = skip_token(at);
        if (behind != at) {
            at = behind;
            continue;
        }
        depth += (*at == '(' || *at == '{') - (*at == ')' || *at == '}');
        if (depth == 0 || (depth == 1 && *at == ',')) {
            if (n == 0 && of_stderr && strncmp(begin, "stderr", 6) != 0) return;
            if (n == f->format_at) {
                add_argument(begin, at, f, source);
                return;
            }
            n++;
            begin = at + 1;
            while (isspace((unsigned char)*begin)) begin++;
        }
        at++;
    }
}

static int is_in_reach(const function *f, const char *source) {
    const size_t length = strlen(f->source);
    return f->source[length - 1] == 'h' || strcmp(f->source, source) == 0;
}

static void find_formats(char *text, const char *source) {
    for (char *at = text; *at;) {
        char *behind = skip_token(at);
        if (behind != at || !is_letter(*at)) {
            at = behind == at ? at + 1 : behind;
            continue;
        }
        char *name = at;
        while (is_letter(*at)) at++;
        const size_t length = (size_t)(at - name);
        if (*at != '(') continue;
        for (int i = 0; i < function_count; i++)
            if (strlen(functions[i].name) == length && strncmp(functions[i].name, name, length) == 0 &&
                is_in_reach(&functions[i], source))
                add_call(at, &functions[i], source);
    }
}

/* ---------------------------------------------------------------- what was said ------------------------ */

/* Whether the line has the format's text, in whole words, with any text in place of the conversions. */
static int is_said_in(const char *line, const format *f) {
    int first = 1;
    const char *at = line;
    for (const char *part = f->text; part; first = 0) {
        const char *conversion = strchr(part, '\1');
        const size_t length = conversion ? (size_t)(conversion - part) : strlen(part);
        const char *found = at;
        for (;; found++) {
            found = *found || length == 0 ? found : NULL;
            if (!found) return 0;
            const int begins = !first || found == line || !is_letter(*part) || !is_letter(found[-1]);
            const int same = strncmp(found, part, length) == 0;
            const int ends =
                conversion || length == 0 || !is_letter(part[length - 1]) || !is_letter(found[length]);
            if (begins && same && ends) break;
        }
        at = found + length;
        part = conversion ? conversion + 1 : NULL;
    }
    return 1;
}

static void look_in(char *said) {
    for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n"))
        for (int i = 0; i < format_count; i++)
            if (!formats[i].example && is_said_in(line, &formats[i])) formats[i].example = line;
}

static void look_in_folder(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) die("cannot open", folder);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        look_in(read_file(path)); /* never freed: examples point into it */
    }
    closedir(dir);
}

/* ---------------------------------------------------------------- the verdict -------------------------- */

static const char *shown(const format *f) {
    static char text[FORMAT_BYTES];
    memcpy(text, f->text, sizeof text);
    for (char *c = text; *c; c++)
        if (*c == '\1') *c = '%';
    return text;
}

/* Marks the formats in the list, and returns how many of its lines are in no source. */
static int mark_unsaid(char *list) {
    int unknown = 0;
    for (char *line = strtok(list, "\n"); line; line = strtok(NULL, "\n")) {
        int found = 0;
        if (*line == '#') continue;
        for (int i = 0; i < format_count; i++)
            if (strcmp(shown(&formats[i]), line) == 0) found = formats[i].unsaid = 1;
        if (!found) printf("in no source, to be taken from the list: %s\n", line);
        unknown += !found;
    }
    return unknown;
}

int main(int argc, char **argv) {
    if (argc < 4) die("usage: test_messages SAID UNSAID SOURCE...", "");
    functions[function_count++] = (function){"fprintf", 1, "stdio.h"};
    for (int i = 3; i < argc; i++) {
        char *text = read_file(argv[i]);
        drop_comments(text);
        find_functions(text, argv[i]);
        free(text);
    }
    for (int i = 3; i < argc; i++) {
        char *text = read_file(argv[i]);
        drop_comments(text);
        find_formats(text, argv[i]);
        free(text);
    }
    look_in_folder(argv[1]);
    int failures = mark_unsaid(read_file(argv[2])), provoked = 0;
    for (int i = 0; i < format_count; i++) {
        const format *f = &formats[i];
        const char *slash = strrchr(f->source, '/');
        const char *file = slash ? slash + 1 : f->source;
        if (f->example) printf("%-18s %s\n%-18s   %s\n", file, shown(f), "", f->example);
        provoked += f->example != NULL;
    }
    for (int i = 0; i < format_count; i++) {
        if (formats[i].example || formats[i].unsaid) continue;
        printf("NO TEST PROVOKES IT: %s: %s\n", formats[i].source, shown(&formats[i]));
        failures++;
    }
    printf("%d messages, %d of them provoked by tests\n", format_count, provoked);
    return failures || provoked == 0;
}
