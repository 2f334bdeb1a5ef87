#pragma once

/* The texts that options.h prints, apart from the parsing. */

#include "common/base/options.h"

/* What stands for the value in texts: "DIR", "N", "error|warn". Borrowed from the row. */
const char *options_value_name(const struct option_row *row);
