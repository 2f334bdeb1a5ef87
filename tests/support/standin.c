/*
 * A stand-in for a daemon, called convoy-<stage>: says that it started, then waits for SIGTERM. Its behaviour stands in
 * the file behave-<stage> of the folder that STANDIN_FOLDER names:
 *
 *      exit N       ends at once with that code
 *      stubborn     ignores SIGTERM
 *      chatter      writes 300 lines of 4,000 bytes as fast as it can
 *      fork         leaves a grandchild behind, its process id in the file grandchild-<stage>
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHATTER_BYTES = 4000, CHATTER_LINES = 300 };

static volatile sig_atomic_t is_asked;

static void on_term(int number) {
        (void)number;
        is_asked = 1;
}

static void chatter(const char *stage) {
        char line[CHATTER_BYTES];

        memset(line, *stage, sizeof(line));
        line[sizeof(line) - 1] = '\n';
        for (int i = 0; i < CHATTER_LINES; i++)
                if (write(STDERR_FILENO, line, sizeof(line)) < 0)
                        break;
}

static void leave_grandchild(const char *path) {
        FILE *file;
        pid_t pid = fork();

        if (!pid) {
                signal(SIGTERM, SIG_IGN);
                for (;;)
                        pause();
        }
        file = fopen(path, "w");
        if (file) {
                fprintf(file, "%d\n", (int)pid);
                fclose(file);
        }
}

int main(int argc, char **argv) {
        const char *folder = getenv("STANDIN_FOLDER"), *name = strrchr(argv[0], '-');
        char path[4096], behaviour[64] = "";
        sigset_t term, before;
        FILE *file;

        (void)argc;
        if (!folder || !name)
                return 1;
        name++;
        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        sigprocmask(SIG_BLOCK, &term, &before);
        snprintf(path, sizeof(path), "%s/behave-%s", folder, name);
        file = fopen(path, "r");
        if (file) {
                if (!fgets(behaviour, sizeof(behaviour), file))
                        behaviour[0] = 0;
                fclose(file);
        }
        signal(SIGTERM, strncmp(behaviour, "stubborn", 8) ? on_term : SIG_IGN);
        fprintf(stderr, "%s started with %d arguments in %s\n", name, argc - 1, getenv("CONVOY_HOME"));
        if (!strncmp(behaviour, "exit ", 5))
                return (int)strtol(behaviour + 5, NULL, 10);
        if (!strncmp(behaviour, "fork", 4)) {
                snprintf(path, sizeof(path), "%s/grandchild-%s", folder, name);
                leave_grandchild(path);
        }
        if (!strncmp(behaviour, "chatter", 7))
                chatter(name);
        while (!is_asked)
                sigsuspend(&before);
        /* without an end, as a program that dies in the middle of a line leaves it */
        fprintf(stderr, "%s stopped", name);
        return 0;
}
