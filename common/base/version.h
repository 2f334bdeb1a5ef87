#pragma once

/* The version of this build, "0.1.0", as the root meson.build has it. Borrowed forever. */
const char *version_text(void);
