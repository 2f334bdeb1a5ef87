#pragma once

/*
 * A page of a listing, read from a folder of this machine
 */

#include "common/store/store.h"

/* As store_list(), for the folder at path. */
int store_file_page_read(const char *path, const char *after, size_t n_max, struct store_page *ret_page);
