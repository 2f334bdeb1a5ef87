/* Check home: folder, disk and spools. */

#include "cli/check_home.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/place.h"
#include "common/base/daemon.h"
#include "common/base/db.h"
#include "common/base/file.h"
#include "proto/stages.h"

#define FREE_BYTES_LEAST (UINT64_C(1) << 30)

/* Makes and removes the first folder of the path that is missing. 0 or a negative errno. */
static int try_to_make(const char *home) {
        char folder[PLACE_BYTES];
        int r;

        r = place_absolute(home, folder);
        if (r)
                return r;
        for (char *at = folder + 1; *at; at++) {
                if (*at != '/')
                        continue;
                *at = 0;
                if (!file_exists(folder))
                        break;
                *at = '/';
        }
        if (mkdir(folder, 0700))
                return errno == EEXIST ? 0 : -errno;
        /* a line that starts in it just now keeps it */
        rmdir(folder);
        return 0;
}

static void check_absent(struct findings *findings, const char *home) {
        int r = try_to_make(home);

        if (r)
                findings_note(findings, "home", WRONG,
                              "%s is not there and cannot be made: %s; choose another with --home or CONVOY_HOME", home,
                              strerror(-r));
        else
                findings_note(findings, "home", DOUBTFUL, "%s is not there yet; `convoy up` makes it", home);
}

void check_home(struct findings *findings, const char *home) {
        struct fault fault = FAULT_NULL;
        struct statvfs disk;
        uint64_t n_free;

        if (daemon_check_home(home, &fault)) {
                findings_note_result(findings, "home", FAULT_E_INPUT, &fault);
                return;
        }
        if (!file_exists(home)) {
                check_absent(findings, home);
                return;
        }
        if (access(home, R_OK | W_OK | X_OK) || statvfs(home, &disk)) {
                findings_note(findings, "home", WRONG,
                              "%s cannot be used as home: %s; choose another with --home or CONVOY_HOME", home,
                              strerror(errno));
                return;
        }
        n_free = (uint64_t)disk.f_bavail * disk.f_frsize;
        if (n_free < FREE_BYTES_LEAST)
                findings_note(findings, "home", DOUBTFUL, "%s has only %llu MiB left on its disk; make room", home,
                              (unsigned long long)(n_free >> 20));
        else
                findings_note(findings, "home", WELL, "%s, %llu MiB free", home, (unsigned long long)(n_free >> 20));
}

static void note_damaged(struct findings *findings, enum stage stage, const char *path) {
        if (stage == STAGE_GATEWAY)
                findings_note(findings, "spool", WRONG,
                              "%s is damaged (%s); stop the line, then `convoy doctor --rebuild` sets it aside and "
                              "makes the list of runs anew",
                              path, command_reason());
        else
                findings_note(findings, "spool", WRONG,
                              "%s is damaged (%s); stop the line, move it and what is named %s.db-* away, then `convoy "
                              "doctor --rebuild` lets runs that were under way begin again",
                              path, command_reason(), stage_name(stage));
}

void check_spools(struct findings *findings, const char *home) {
        char path[PLACE_BYTES];
        int r, n_sound = 0, n_bad = 0;

        for (int i = 0; i < STAGE_N; i++) {
                if ((size_t)snprintf(path, sizeof(path), "%s/spool/%s.db", home, stage_name((enum stage)i)) >=
                            sizeof(path) ||
                    !file_exists(path))
                        continue;
                r = db_check(path);
                if (!r) {
                        n_sound++;
                        continue;
                }
                n_bad++;
                if (r == -EBADMSG)
                        note_damaged(findings, (enum stage)i, path);
                else
                        findings_note(findings, "spool", WRONG, "%s cannot be read: %s", path, command_reason());
        }
        if (n_sound && !n_bad)
                findings_note(findings, "spool", WELL, "%d of %d are there and sound", n_sound, STAGE_N);
}
