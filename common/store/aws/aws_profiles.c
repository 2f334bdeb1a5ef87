/* AWS profiles: the shared files, line by line. */

#include "common/store/aws/aws_profiles.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/array.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/store/aws/aws_keys.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)
#define SPACES " \t\r\f\v"
#define BOM "\xef\xbb\xbf"

/* One file being read. */
struct reader {
        struct aws_profiles *profiles;
        const char *path;
        bool is_config;
        int64_t line;
        char *section;   /* NULL: before the first, or in one that is not for us */
        bool is_skipped; /* in a section, which is not for us */
        size_t n_indent; /* of the setting above */
        char *above;     /* its name; NULL: none in this section */
        bool is_above_empty;
};

static void reader_finish(struct reader *reader) {
        free(reader->section);
        free(reader->above);
}

static int no_memory(void) {
        return error_origin(-ENOMEM, "reading AWS profiles");
}

static int refuse(const struct reader *reader, struct fault *fault, const char *why) {
        fault_at(fault, reader->path, reader->line, 0);
        return fault_set(fault, "AWS_PROFILES", "%s", why);
}

void aws_profiles_finish(struct aws_profiles *profiles) {
        for (size_t i = 0; i < profiles->n_settings; i++) {
                free(profiles->settings[i].section);
                free(profiles->settings[i].name);
                aws_secret_free(&profiles->settings[i].value);
        }
        free(profiles->settings);
        *profiles = (struct aws_profiles)AWS_PROFILES_NULL;
}

static struct aws_setting *find(const struct aws_profiles *profiles, const char *section, const char *name) {
        for (size_t i = 0; i < profiles->n_settings; i++)
                if (!strcmp(profiles->settings[i].section, section) && !strcmp(profiles->settings[i].name, name))
                        return &profiles->settings[i];
        return NULL;
}

bool aws_profiles_has(const struct aws_profiles *profiles, const char *section) {
        for (size_t i = 0; i < profiles->n_settings; i++)
                if (!strcmp(profiles->settings[i].section, section))
                        return true;
        return false;
}

const char *aws_profiles_get(const struct aws_profiles *profiles, const char *section, const char *name) {
        const struct aws_setting *setting = find(profiles, section, name);

        return setting && *setting->value ? setting->value : NULL;
}

/* The last one said wins. */
static int set(struct aws_profiles *profiles, const char *section, const char *name, const char *value) {
        struct aws_setting *setting = find(profiles, section, name), *more;
        char *copy = strdup(value);

        if (!copy)
                return no_memory();
        if (setting) {
                aws_secret_free(&setting->value);
                setting->value = copy;
                return 0;
        }
        more = array_grow(profiles->settings, profiles->n_settings, sizeof(*more));
        if (!more) {
                aws_secret_free(&copy);
                return no_memory();
        }
        profiles->settings = more;
        setting = &profiles->settings[profiles->n_settings];
        *setting = (struct aws_setting){ strdup(section), strdup(name), copy };
        profiles->n_settings++;
        return setting->section && setting->name ? 0 : no_memory();
}

/* Takes the spaces at both ends away, in place. */
static char *trim(char *text) {
        size_t n;

        text += strspn(text, SPACES);
        n = strlen(text);
        while (n && strchr(SPACES, text[n - 1]))
                n--;
        text[n] = 0;
        return text;
}

static char *unquote(char *text) {
        size_t n = strlen(text);

        if (n < 2 || (*text != '"' && *text != '\'') || text[n - 1] != *text)
                return text;
        text[n - 1] = 0;
        return text + 1;
}

/* What a section's header says: a profile, one of the other kinds of the config file, or nothing for us. */
static int open_section(struct reader *reader, char *line, struct fault *fault) {
        char *end = strchr(line, ']'), *name, *kind, *made = NULL;
        size_t n_kind;

        if (!end)
                return refuse(reader, fault, "a section's name does not end in ]");
        *end = 0;
        reader_finish(reader);
        reader->section = reader->above = NULL;
        reader->is_skipped = false;
        kind = trim(line + 1);
        n_kind = strcspn(kind, SPACES);
        if (!reader->is_config || !strcmp(kind, "default")) {
                made = strdup(kind);
        } else if (!kind[n_kind]) {
                reader->is_skipped = true;
                return 0;
        } else {
                kind[n_kind] = 0;
                name = unquote(trim(kind + n_kind + 1));
                if (!strcmp(kind, "profile"))
                        made = strdup(name);
                else if (asprintf(&made, "%s %s", kind, name) < 0)
                        made = NULL;
        }
        if (!made)
                return no_memory();
        reader->section = made;
        /* a profile is there even when nothing is set in it */
        return set(reader->profiles, reader->section, "", "");
}

static void cut_comment(char *value) {
        for (char *at = value; *at; at++)
                if ((*at == '#' || *at == ';') && at > value && strchr(SPACES, at[-1])) {
                        *at = 0;
                        return;
                }
}

/* "name = value", or NULL when there is neither = nor : in it. The name is made lower-case. */
static char *split(char *line) {
        char *value = line + strcspn(line, "=:");

        if (!*value)
                return NULL;
        *value = 0;
        for (char *at = line; *at; at++)
                *at = (char)tolower((unsigned char)*at);
        return value + 1;
}

/* A line that is part of the setting above it. */
static int read_inner(struct reader *reader, char *line) {
        _cleanup_(free_pointer) char *name = NULL;
        char *value;

        /* the rest of a value of several lines: no setting of ours has any */
        if (!reader->is_above_empty)
                return 0;
        value = split(line);
        if (!value)
                return 0;
        if (asprintf(&name, "%s.%s", reader->above, trim(line)) < 0) {
                name = NULL;
                return no_memory();
        }
        return set(reader->profiles, reader->section, name, trim(value));
}

static int read_setting(struct reader *reader, char *line, size_t n_indent, struct fault *fault) {
        char *value, *name;

        cut_comment(line);
        if (reader->above && n_indent > reader->n_indent)
                return read_inner(reader, line);
        value = split(line);
        if (!value)
                return refuse(reader, fault, "there is neither = nor : in this line");
        name = trim(line);
        value = trim(value);
        free(reader->above);
        reader->above = strdup(name);
        if (!reader->above)
                return no_memory();
        reader->n_indent = n_indent;
        reader->is_above_empty = !*value;
        return set(reader->profiles, reader->section, name, value);
}

static int read_line(struct reader *reader, char *line, struct fault *fault) {
        size_t n_indent = strspn(line, SPACES);
        char *start = line + n_indent;

        if (!*start || *start == '#' || *start == ';')
                return 0;
        if (*start == '[' && !(reader->above && n_indent > reader->n_indent))
                return open_section(reader, start, fault);
        if (reader->is_skipped)
                return 0;
        if (!reader->section)
                return refuse(reader, fault, "a setting stands before the first section");
        return read_setting(reader, start, n_indent, fault);
}

static int read_lines(struct reader *reader, char *text, struct fault *fault) {
        char *line;
        int r = 0;

        if (!strncmp(text, BOM, strlen(BOM)))
                text += strlen(BOM);
        while (!r && (line = strsep(&text, "\n"))) {
                reader->line++;
                r = read_line(reader, line, fault);
        }
        return error_trace(r);
}

int aws_profiles_parse(struct aws_profiles *profiles, const char *path, bool is_config, const char *text,
                       size_t n_bytes, struct fault *fault) {
        _cleanup_(reader_finish) struct reader reader = { profiles, path, is_config, 0 };
        char *copy = strndup(text, n_bytes);
        int r;

        if (!copy)
                return no_memory();
        if (strlen(copy) != n_bytes)
                r = refuse(&reader, fault, "the file is no text");
        else
                r = read_lines(&reader, copy, fault);
        explicit_bzero(copy, n_bytes);
        free(copy);
        return error_trace(r);
}

static int read_file(struct aws_profiles *profiles, const char *path, bool is_config, struct fault *fault) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct reader reader = { .path = path };
        int r;

        r = file_read(path, FILE_BYTES_MAX, &text);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r == -ENOMEM)
                return error_trace(r);
        if (r)
                return refuse(&reader, fault, strerror(-r));
        r = aws_profiles_parse(profiles, path, is_config, buffer_text(&text), text.n_bytes, fault);
        if (text.data)
                explicit_bzero(text.data, text.capacity);
        return error_trace(r);
}

/* Where a file is: as the variable says, with ~/ for the home, or its usual place there. NULL: nowhere. */
static char *path_of(const struct aws_environment *environment, enum aws_variable variable, const char *usual) {
        const char *said = environment->values[variable], *home = environment->values[AWS_VARIABLE_HOME];
        char *path = NULL;

        if (said && strncmp(said, "~/", 2))
                return strdup(said);
        if (!home)
                return NULL;
        return asprintf(&path, "%s/%s", home, said ? said + 2 : usual) < 0 ? NULL : path;
}

int aws_profiles_read(struct aws_profiles *ret_profiles, const struct aws_environment *environment,
                      struct fault *fault) {
        _cleanup_(aws_profiles_finish) struct aws_profiles profiles = AWS_PROFILES_NULL;
        const struct {
                enum aws_variable variable;
                const char *usual;
                bool is_config;
        } files[] = {
                { AWS_VARIABLE_CONFIG_FILE, ".aws/config", true },
                { AWS_VARIABLE_CREDENTIALS_FILE, ".aws/credentials", false },
        };
        int r;

        for (size_t i = 0; i < N_ELEMENTS(files); i++) {
                _cleanup_(free_pointer) char *path = path_of(environment, files[i].variable, files[i].usual);

                if (!path)
                        continue;
                r = read_file(&profiles, path, files[i].is_config, fault);
                if (r)
                        return error_trace(r);
        }
        *ret_profiles = profiles;
        profiles = (struct aws_profiles)AWS_PROFILES_NULL;
        return 0;
}
