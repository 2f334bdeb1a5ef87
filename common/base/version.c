/* The version comes from the build. */

#include "common/base/version.h"

const char *version_text(void) {
        return CONVOY_VERSION;
}
