/*
 * metrics FILE THRESHOLD: prints the metrics of a file of float32 margins followed by as many label bytes, as
 * metrics.json has them, for tests that compare them with what others compute.
 */

#include <stdio.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/json_builder.h"
#include "common/model/metrics.h"

int main(int argc, char **argv) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_PRETTY);
        struct file_map map = FILE_MAP_NULL;
        struct metrics metrics;
        size_t n;

        if (argc != 3 || file_map(argv[1], &map))
                return 1;
        n = map.n_bytes / (sizeof(float) + 1);
        if (metrics_compute((const float *)(const void *)map.data, map.data + n * sizeof(float), n,
                            strtof(argv[2], NULL), &metrics))
                return 1;
        metrics_put_json(&json, &metrics);
        if (json_end(&json))
                return 1;
        printf("%s", buffer_text(&text));
        file_unmap(&map);
        return 0;
}
