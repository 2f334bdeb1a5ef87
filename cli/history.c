/* History: one line a move, from GET /models/{m}/history. */

#include "cli/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/versions.h"
#include "common/base/json_builder.h"

enum { PATH_BYTES = 256 };

/* "champion 2 > 3, previous 1 > 2" */
static void print_changes(const struct json_value *move) {
        struct json_array_iterator iterator = json_iterate_array(json_get(move, "changes"));
        const struct json_value *change;
        const char *separator = "";

        while (json_next_element(&iterator, &change)) {
                const char *alias = json_text(json_get(change, "alias"));
                char from[24] = "none", to[24] = "none";
                int64_t number;

                if (json_as_int64(json_get(change, "from"), &number))
                        snprintf(from, sizeof(from), "%" PRId64, number);
                if (json_as_int64(json_get(change, "to"), &number))
                        snprintf(to, sizeof(to), "%" PRId64, number);
                printf("%s%s %s > %s", separator, alias ? alias : "", from, to);
                separator = ", ";
        }
}

/* What the registry's word for why a release did not become champion means; other words stay. */
static const char *say(const char *hindrance) {
        static const char *const sentences[][2] = {
                { "champion_moved", "not promoted: the champion was moved during the run" },
                { "pinned", "not promoted: the champion is pinned" },
                { "challenger_wanted", "not promoted: only a challenger was asked for" },
        };

        for (size_t i = 0; i < N_ELEMENTS(sentences); i++)
                if (!strcmp(hindrance, sentences[i][0]))
                        return sentences[i][1];
        return hindrance;
}

static void print_move(const struct json_value *move) {
        static const char *const names[] = { "at", "action", "actor", "reason", "hindrance", "run_id" };
        const char *texts[N_ELEMENTS(names)];
        int64_t sequence = 0;

        for (size_t i = 0; i < N_ELEMENTS(names); i++) {
                texts[i] = json_text(json_get(move, names[i]));
                if (!texts[i])
                        texts[i] = "";
        }
        json_as_int64(json_get(move, "sequence"), &sequence);
        printf("%6" PRId64 "  %-24s  %-8s  %-8s  ", sequence, texts[0], texts[1], texts[2]);
        print_changes(move);
        for (size_t i = 3; i < N_ELEMENTS(names); i++)
                if (*texts[i])
                        printf("  %s%s", i == 5 ? "run " : "", i == 4 ? say(texts[i]) : texts[i]);
        printf("\n");
}

/* Asks page by page until so many moves were printed, or given to the list. */
int history_print(struct client *client, const char *model, int64_t limit, bool is_json) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder all = json_begin(&text, JSON_PRETTY);
        char path[PATH_BYTES];
        bool is_told = false;
        int r;

        json_begin_object(&all);
        json_key_text(&all, "name", model);
        json_key(&all, "moves");
        json_begin_array(&all);
        snprintf(path, sizeof(path), "/models/%s/history", model);
        if (!is_json)
                printf("%s\n%6s  %-24s  %-8s  %-8s  %s\n", model, "MOVE", "AT", "ACTION", "BY", "CHANGES");
        while (*path && limit > 0) {
                _cleanup_(json_destroy_pointer) struct json *page = NULL;
                struct json_array_iterator iterator;
                const struct json_value *move;
                const char *next;

                r = client_get(client, path, &page);
                if (r)
                        return r;
                if (!is_json && !is_told)
                        versions_print_news(json_root(page));
                is_told = true;
                iterator = json_iterate_array(json_get(json_root(page), "moves"));
                for (; limit > 0 && json_next_element(&iterator, &move); limit--) {
                        if (is_json)
                                json_put_value(&all, move);
                        else
                                print_move(move);
                }
                next = json_text(json_get(json_root(page), "next"));
                path[0] = 0;
                if (next)
                        snprintf(path, sizeof(path), "/models/%s/history?before=%.32s", model, next);
        }
        json_end_array(&all);
        json_end_object(&all);
        if (json_end(&all))
                return command_fail("out of memory");
        if (is_json)
                fputs(buffer_text(&text), stdout);
        return COMMAND_DONE;
}
