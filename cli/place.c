/* Place: paths made absolute, programs and pipelines looked for. */

#include "cli/place.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/source/source_generate.h"

static const char FILE_SCHEME[] = "file://";

enum {
        N_SCHEME = sizeof(FILE_SCHEME) - 1,
        PIPELINES_MAX = 8,
};

/* 0, or -ENAMETOOLONG. */
static int join(char ret_path[PLACE_BYTES], const char *a, const char *b, const char *c) {
        if ((size_t)snprintf(ret_path, PLACE_BYTES, "%s%s%s", a, b, c) >= PLACE_BYTES)
                return error_origin(-ENAMETOOLONG, "the path %.64s…", a);
        return 0;
}

int place_program(char ret_folder[PLACE_BYTES]) {
        char path[PLACE_BYTES];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

        if (n < 0)
                return error_origin(-errno, "finding this program's own file");
        path[n] = 0;
        *strrchr(path, '/') = 0;
        memcpy(ret_folder, path, strlen(path) + 1);
        return 0;
}

int place_daemon(enum stage stage, char ret_path[PLACE_BYTES], struct fault *fault) {
        const char *given = getenv("CONVOY_BIN"), *name = stage_name(stage);
        char folder[PLACE_BYTES], path[PLACE_BYTES], below[128];
        int r;

        snprintf(below, sizeof(below), "/convoy-%s", name);
        if (given && *given)
                r = place_absolute(given, folder);
        else
                r = place_program(folder);
        if (!r)
                r = join(path, folder, below, "");
        if (!r && access(path, X_OK) && !(given && *given)) {
                /* as meson leaves them: cli/convoy beside services/<name>/convoy-<name> */
                *strrchr(folder, '/') = 0;
                snprintf(below, sizeof(below), "/services/%s/convoy-%s", name, name);
                r = join(path, folder, below, "");
        }
        if (r)
                return error_trace(r);
        if (access(path, X_OK))
                return fault_set(fault, "PROGRAM_MISSING",
                                 "convoy-%s is not in %s; build it with script/build, or name the folder of the "
                                 "daemons in CONVOY_BIN",
                                 name, folder);
        memcpy(ret_path, path, strlen(path) + 1);
        return 0;
}

/* Adds the pipelines found below a folder to the list of names; the number found. */
static size_t look_below(const char *folder, char found[PLACE_BYTES], char *names, size_t n_names) {
        DIR *list = opendir(folder);
        struct dirent *entry;
        char path[PLACE_BYTES];
        size_t n = 0;

        while (list && n < PIPELINES_MAX && (entry = readdir(list))) {
                if (entry->d_name[0] == '.' ||
                    (size_t)snprintf(path, sizeof(path), "%s/%s/%s", folder, entry->d_name, PIPELINE_FILE) >=
                            sizeof(path) ||
                    access(path, R_OK))
                        continue;
                path[strlen(path) - sizeof(PIPELINE_FILE)] = 0;
                memcpy(found, path, strlen(path) + 1);
                snprintf(names + strlen(names), n_names - strlen(names), "%s%s", n ? ", " : "", entry->d_name);
                n++;
        }
        if (list)
                closedir(list);
        return n;
}

int place_pipeline(const char *given, char ret_folder[PLACE_BYTES], struct fault *fault) {
        char program[PLACE_BYTES], folder[PLACE_BYTES], found[PLACE_BYTES], names[512] = "";
        size_t n;
        int r;

        if (given)
                return place_absolute(given, ret_folder);
        n = look_below("pipelines", found, names, sizeof(names));
        if (!n) {
                r = place_program(program);
                if (!r)
                        r = join(folder, program, "/../../pipelines", "");
                if (r)
                        return error_trace(r);
                n = look_below(folder, found, names, sizeof(names));
        }
        if (!n)
                return fault_set(fault, "PIPELINE_MISSING",
                                 "there is no pipeline below pipelines/; name its folder with --pipeline or "
                                 "CONVOY_PIPELINE");
        if (n > 1)
                return fault_set(fault, "PIPELINE_AMBIGUOUS",
                                 "there are several pipelines (%s); choose one with --pipeline or CONVOY_PIPELINE",
                                 names);
        return place_absolute(found, ret_folder);
}

int place_load_pipeline(const struct options *options, struct pipeline **ret_pipeline, struct fault *fault) {
        _cleanup_(free_pointer) struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
        char folder[PLACE_BYTES];
        int r;

        if (!pipeline)
                return error_origin(-ENOMEM, "loading the pipeline");
        r = place_pipeline(options_text(options, "pipeline"), folder, fault);
        if (!r)
                r = pipeline_load(folder, pipeline, fault);
        if (r)
                return r;
        /* reading it set a place in the fault, although nothing is wrong there */
        *fault = (struct fault)FAULT_NULL;
        *ret_pipeline = steal(pipeline);
        return 0;
}

int place_absolute(const char *path, char ret_path[PLACE_BYTES]) {
        _cleanup_(free_pointer) char *resolved = realpath(path, NULL);
        char folder[PLACE_BYTES];

        if (resolved)
                return join(ret_path, resolved, "", "");
        if (*path == '/')
                return join(ret_path, path, "", "");
        if (!getcwd(folder, sizeof(folder)))
                return error_origin(-errno, "finding the present folder");
        return join(ret_path, folder, "/", path);
}

int place_source(const char *text, char ret_uri[PLACE_BYTES], struct fault *fault) {
        bool is_file = !strncmp(text, FILE_SCHEME, N_SCHEME);
        const char *path = is_file ? text + N_SCHEME : text;
        char absolute[PLACE_BYTES];
        int r;

        if (!is_file &&
            (strstr(text, "://") || !strncmp(text, SOURCE_GENERATE_SCHEME, sizeof(SOURCE_GENERATE_SCHEME) - 1)))
                return join(ret_uri, text, "", "");
        r = place_absolute(path, absolute);
        if (!r)
                r = join(ret_uri, FILE_SCHEME, absolute, "");
        if (r)
                return error_trace(r);
        if (access(absolute, R_OK)) {
                fault_at(fault, path, 0, 0);
                return fault_set(fault, "FILE_NOT_FOUND", "cannot be read: %s", strerror(errno));
        }
        return 0;
}

/* A home is not made by who only looks into a registry: without one the copies lie where programs keep such. */
static int find_cache(const char *home, const char *folder, char ret_folder[PLACE_BYTES]) {
        const char *caches = getenv("XDG_CACHE_HOME"), *user = getenv("HOME");
        char absolute[PLACE_BYTES];
        int r;

        if (*folder == '/')
                return join(ret_folder, folder, "", "");
        if (!file_exists(home) && caches && *caches == '/')
                return join(ret_folder, caches, "/convoy", "");
        if (!file_exists(home) && user && *user == '/')
                return join(ret_folder, user, "/.cache/convoy", "");
        r = place_absolute(home, absolute);
        return r ? error_trace(r) : join(ret_folder, absolute, "/", folder);
}

int place_open_store(const char *home, const struct pipeline *pipeline, const char *uri, struct store **ret_store,
                     struct fault *fault) {
        char absolute[PLACE_BYTES], full[PLACE_BYTES], cache[PLACE_BYTES];
        struct store_options options = { .uri = uri, .cache_folder = cache, .cache_bytes_max = pipeline->cache_bytes };
        int r;

        r = find_cache(home, pipeline->cache, cache);
        if (r)
                return error_trace(r);
        if (strncmp(uri, FILE_SCHEME, N_SCHEME) || uri[N_SCHEME] == '/')
                return store_open(&options, ret_store, fault);
        if (!file_exists(home)) {
                fault_at(fault, home, 0, 0);
                return fault_set(fault, "HOME_MISSING",
                                 "there is no home here; name it with --home or CONVOY_HOME, or make one with "
                                 "`convoy up`");
        }
        r = place_absolute(home, absolute);
        if (!r && strlen(absolute) + strlen(uri) + 2 > sizeof(full))
                r = error_origin(-ENAMETOOLONG, "the home's path");
        if (r)
                return error_trace(r);
        r = join(full, FILE_SCHEME, absolute, "/");
        if (!r)
                strcat(full, uri + N_SCHEME);
        options.uri = full;
        return r ? error_trace(r) : store_open(&options, ret_store, fault);
}
