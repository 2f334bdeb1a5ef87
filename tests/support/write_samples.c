/*
 * NAME
 *      write_samples - write one message of every type, for programs in other languages to read
 *
 * SUMMARY
 *      write_samples DIR
 *
 * Writes DIR/<type>.msgpack, the frame as it travels, and DIR/<type>.json, its body as manifests hold it.
 */

#include <stdio.h>

#include "common/base/file.h"
#include "tests/support/samples.h"

static int write_sample(const char *folder, enum message_type type) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL, text = BUFFER_NULL;
        static union sample sample;
        struct json_builder json = json_begin(&text, JSON_PRETTY);
        char path[4096];
        int r;

        r = sample_pack(type, &frame);
        if (r)
                return r;
        snprintf(path, sizeof(path), "%s/%s.msgpack", folder, message_name(type));
        r = file_replace(path, frame.data, frame.n_bytes);
        if (r)
                return r;

        sample_message(type, &sample);
        record_put_json(message_record(type), sample.bytes, &json);
        r = json_end(&json);
        if (r)
                return r;
        snprintf(path, sizeof(path), "%s/%s.json", folder, message_name(type));
        return file_replace(path, text.data, text.n_bytes);
}

int main(int argc, char **argv) {
        if (argc != 2) {
                fprintf(stderr, "write_samples DIR\n");
                return 2;
        }
        for (int type = 0; type < MESSAGE_N; type++)
                if (write_sample(argv[1], (enum message_type)type))
                        return 1;
        return 0;
}
