/* convoy predict: rows to the gateway, its answer to standard output. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/settings.h"
#include "common/base/error.h"

enum {
        BODY_BYTES_MAX = 256 * 1024 * 1024,
        READ_BYTES = 65536,
};

static const struct option_row OPTIONS[] = {
        COMMAND_OPTIONS_GATEWAY,
        SETTINGS_OPTION("COLUMN=VALUE", "a column of the one row to predict, as text; may be given again"),
};

static const struct option_table TABLE = {
        .program = "convoy predict",
        .summary = "Sends a row, or an array of rows, to the gateway and prints its answer",
        .operands = "[FILE|-]",
        .n_operands_max = 1,
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
        .sections =
                "FILE holds a JSON object or an array of them; - is standard input. `convoy score` takes CSV, ndjson "
                "and Arrow files.\n",
};

/* JSON begins with an object or an array; whatever else a file holds, `score` may know it. */
static bool is_json(const struct buffer *content) {
        const char *text = buffer_text(content);

        if (!strncmp(text, "\xef\xbb\xbf", 3))
                text += 3;
        text += strspn(text, " \t\r\n");
        return *text == '{' || *text == '[';
}

static int read_all(const char *path, struct buffer *content) {
        /* standard input is closed like any other: nobody else reads it */
        _cleanup_(close_descriptor) int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
        char chunk[READ_BYTES];
        ssize_t n;
        int r;

        if (fd < 0)
                return command_fail("%s: cannot be read: %s", path, strerror(errno));
        for (;;) {
                n = read(fd, chunk, sizeof(chunk));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return command_fail("%s: cannot be read: %s", path, strerror(errno));
                if (!n)
                        return COMMAND_DONE;
                r = buffer_append(content, chunk, (size_t)n);
                if (r || content->n_bytes > BODY_BYTES_MAX)
                        return command_fail("%s: too large; `convoy score` takes files of any size", path);
        }
}

static int predict(const struct options *options, const struct settings *settings) {
        _cleanup_(client_destroy_pointer) struct client *client = NULL;
        _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
        _cleanup_(buffer_finish) struct buffer body = BUFFER_NULL;
        struct client_request request = { .method = "POST", .path = "/predict" };
        int r;

        if (settings->n_items) {
                request.type = "application/x-www-form-urlencoded";
                r = settings_put_form(settings, &body);
                if (r)
                        return command_end(r, NULL, COMMAND_FAILED);
        } else {
                r = read_all(options_operand(options, 0), &body);
                if (r)
                        return r;
                if (!is_json(&body))
                        return command_fail(
                                "%.256s holds no JSON; `convoy score FILE` takes CSV, ndjson and Arrow files",
                                options_operand(options, 0));
        }
        r = client_create(options, &client);
        if (r)
                return command_end(r, NULL, COMMAND_FAILED);
        request.body = buffer_text(&body);
        request.n_bytes = body.n_bytes;
        r = client_ask(client, &request, &response);
        if (!client_is_well(r, &response))
                return client_explain(client, &request, r, &response);
        fwrite(buffer_text(&response.body), 1, response.body.n_bytes, stdout);
        fputc('\n', stdout);
        return COMMAND_DONE;
}

int cmd_predict(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        _cleanup_(settings_finish) struct settings settings = SETTINGS_NULL;
        struct fault fault = FAULT_NULL;
        int r, exit_code;

        r = settings_take(&argc, argv, &settings, &fault);
        if (r)
                return command_end(r, &fault, COMMAND_MISCONFIGURED);
        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        if (!settings.n_items == !options_operand(options, 0)) {
                command_fail("give either a file of rows or --set COLUMN=VALUE; convoy predict --help shows how");
                return COMMAND_MISCONFIGURED;
        }
        return predict(options, &settings);
}
