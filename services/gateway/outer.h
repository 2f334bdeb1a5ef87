#pragma once

/* The struct of which a member is known; libh2o's own macro casts in a way that -Wcast-align refuses. */

#include <stddef.h>

#define OUTER_OF(type, member, pointer) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
