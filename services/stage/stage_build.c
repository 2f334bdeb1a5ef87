/* Build id: read from /proc/self/exe, which is the file that runs, also after it was replaced. */

#include "services/stage/stage_build.h"

#include <stdio.h>

#include "common/base/digest.h"
#include "common/base/error.h"

int stage_build_id(const char *other, char ret_build[MANIFEST_BUILD_BYTES]) {
        char own[DIGEST_SHA256_BYTES], others[DIGEST_SHA256_BYTES] = "";
        int r;

        r = digest_sha256_file("/proc/self/exe", own);
        if (r)
                return error_origin(r, "reading this program's file");
        if (other) {
                r = digest_sha256_file(other, others);
                if (r)
                        return error_origin(r, "reading %s", other);
        }
        snprintf(ret_build, MANIFEST_BUILD_BYTES, "%s%s%s", own, other ? "+" : "", others);
        return 0;
}
