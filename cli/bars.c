/* Bars: up by as many lines as stand there, then each line anew. */

#include "cli/bars.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/progress.h"
#include "common/base/error.h"

enum { COLUMNS_USUAL = 80 };

void bars_finish(struct bars *bars) {
        buffer_finish(&bars->drawn);
        bars->n_drawn = 0;
}

static size_t columns(void) {
        struct winsize size;

        return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col ? COLUMNS_USUAL : size.ws_col;
}

int bars_draw(struct bars *bars, const struct json_value *run) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        const char *line, *end;
        int r;

        r = progress_put_bars(run, columns() - 1, &text);
        if (r || !strcmp(buffer_text(&text), buffer_text(&bars->drawn)))
                return error_trace(r);
        if (bars->n_drawn)
                printf("\033[%zuA", bars->n_drawn);
        bars->n_drawn = 0;
        for (line = buffer_text(&text); *line; line = end + 1) {
                end = strchr(line, '\n');
                printf("%.*s\033[K\n", (int)(end - line), line);
                bars->n_drawn++;
        }
        fflush(stdout);
        buffer_finish(&bars->drawn);
        bars->drawn = text;
        text = (struct buffer)BUFFER_NULL;
        return 0;
}

void bars_leave(struct bars *bars) {
        bars->n_drawn = 0;
        buffer_clear(&bars->drawn);
}
