/* Push files: a list in the order in which manifest.json names them, each mapped or made. */

#include "services/pusher/push_files.h"

#include <assert.h>
#include <string.h>

#include "common/base/error.h"
#include "common/model/bundle.h"
#include "common/model/golden.h"

void push_files_finish(struct push_files *files) {
        if (!files)
                return;
        for (size_t i = 0; i < files->n_files; i++) {
                buffer_finish(&files->files[i].made);
                file_unmap(&files->files[i].map);
        }
        files->n_files = 0;
}

struct buffer *push_files_make(struct push_files *files, const char *name) {
        struct push_file *file = &files->files[files->n_files++];

        assert(files->n_files <= PUSH_FILES_MAX);
        *file = (struct push_file){ .name = name };
        return &file->made;
}

const void *push_file_bytes(const struct push_file *file, size_t *ret_n_bytes) {
        *ret_n_bytes = file->map.data ? file->map.n_bytes : file->made.n_bytes;
        return file->map.data ? (const void *)file->map.data : buffer_text(&file->made);
}

const struct push_file *push_files_find(const struct push_files *files, const char *name) {
        size_t i = 0;

        while (i < files->n_files && strcmp(files->files[i].name, name))
                i++;
        assert(i < files->n_files);
        return &files->files[i];
}

static int map_blob(struct store *store, const char *name, const struct blob *blob, struct push_files *files,
                    struct fault *fault) {
        struct file_map map;
        int r;

        r = store_fault(store_map_blob(store, blob->sha256, &map), blob->sha256, fault);
        if (r == FAULT_E_INPUT)
                fault_at(fault, name, 0, 0);
        if (r)
                return error_trace(r);
        push_files_make(files, name);
        files->files[files->n_files - 1].map = map;
        return 0;
}

int push_files_collect(struct store *store, const struct evaluator_to_pusher *message, struct push_files *ret_files,
                       struct fault *fault) {
        _cleanup_(push_files_finish) struct push_files files = PUSH_FILES_NULL;
        const struct threshold threshold = { .method = message->candidate.decision.method,
                                             .margin = message->candidate.decision.margin,
                                             .probability = message->candidate.decision.probability };
        const struct {
                const char *name;
                const struct blob *blob;
        } blobs[] = {
                { BUNDLE_MODEL, &message->candidate.model }, { BUNDLE_TRANSFORM, &message->transformation.transform },
                { BUNDLE_SCHEMA, &message->order.schema },   { "baseline.json", &message->validation.baseline },
                { GOLDEN_FILE, &message->verdict.golden },   { "metrics.json", &message->verdict.metrics },
        };
        int r = 0;

        for (size_t i = 0; i < N_ELEMENTS(blobs) && !r; i++)
                r = map_blob(store, blobs[i].name, blobs[i].blob, &files, fault);
        if (!r && message->verdict.has_report)
                r = map_blob(store, "report.html", &message->verdict.report, &files, fault);
        if (!r)
                r = bundle_save_threshold(&threshold, push_files_make(&files, BUNDLE_THRESHOLD));
        if (r)
                return error_trace(r);
        *ret_files = files;
        files = (struct push_files)PUSH_FILES_NULL;
        return 0;
}
