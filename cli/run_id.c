/* Run id: all runs are looked at, since only that tells whether a beginning names one. */

#include "cli/run_id.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "common/base/error.h"

enum { PATH_BYTES = 64 };

bool run_id_is_possible(const char *text) {
        static const char any[] = "00000000-0000-0000-0000-000000000000";
        size_t n = strlen(text);
        char whole[UUID_TEXT_BYTES];

        if (n < RUN_ID_PREFIX_LEAST || n >= sizeof(whole))
                return false;
        snprintf(whole, sizeof(whole), "%s%s", text, any + n);
        return uuid_is_valid(whole);
}

void run_id_offer(struct run_id_search *search, const char *id) {
        size_t n = strlen(search->others);

        if (!uuid_is_valid(id) || strncmp(id, search->text, strlen(search->text)))
                return;
        if (!search->n_found)
                memcpy(search->found, id, UUID_TEXT_BYTES);
        else if (n + 1 + UUID_TEXT_BYTES < sizeof(search->others))
                snprintf(search->others + n, sizeof(search->others) - n, ", %s", id);
        search->n_found++;
}

int run_id_conclude(const struct run_id_search *search, char ret_id[UUID_TEXT_BYTES], struct fault *fault) {
        if (!search->n_found)
                return fault_set(fault, "RUN_UNKNOWN", "no run begins with %s; `convoy runs` lists them", search->text);
        if (search->n_found > 1)
                return fault_set(fault, "RUN_AMBIGUOUS",
                                 "%zu runs begin with %s: %s%s%s; give more of the one you mean", search->n_found,
                                 search->text, search->found, search->others, search->n_found > 4 ? ", …" : "");
        memcpy(ret_id, search->found, UUID_TEXT_BYTES);
        return 0;
}

int run_id_find(struct client *client, const char *text, char ret_id[UUID_TEXT_BYTES]) {
        struct run_id_search search = { .text = text };
        struct fault fault = FAULT_NULL;
        char path[PATH_BYTES] = "/runs";
        int exit_code;

        if (uuid_is_valid(text)) {
                memcpy(ret_id, text, UUID_TEXT_BYTES);
                return COMMAND_DONE;
        }
        while (*path) {
                _cleanup_(json_destroy_pointer) struct json *page = NULL;
                struct json_array_iterator iterator;
                const struct json_value *run;
                const char *id, *next;

                exit_code = client_get(client, path, &page);
                if (exit_code)
                        return exit_code;
                iterator = json_iterate_array(json_get(json_root(page), "runs"));
                while (json_next_element(&iterator, &run))
                        if ((id = json_text(json_get(run, "run_id"))))
                                run_id_offer(&search, id);
                next = json_text(json_get(json_root(page), "next"));
                path[0] = 0;
                if (next && *next)
                        snprintf(path, sizeof(path), "/runs?before=%.32s", next);
        }
        return command_end(run_id_conclude(&search, ret_id, &fault), &fault, COMMAND_FAILED);
}

static int offer_folder(void *context, const struct store_entry *entry) {
        char id[UUID_TEXT_BYTES];

        snprintf(id, sizeof(id), "%.*s", (int)strcspn(entry->name, "/"), entry->name);
        run_id_offer(context, id);
        return 0;
}

int run_id_find_in_store(struct store *store, const char *text, char ret_id[UUID_TEXT_BYTES], struct fault *fault) {
        struct run_id_search search = { .text = text };
        int r;

        if (uuid_is_valid(text)) {
                memcpy(ret_id, text, UUID_TEXT_BYTES);
                return 0;
        }
        r = store_walk(store, "runs", offer_folder, &search);
        return r ? error_trace(r) : run_id_conclude(&search, ret_id, fault);
}
