#pragma once

/*
 * One column of schema.yaml
 *
 * For schema_read.c alone: one element of `columns` with its outcomes and its encoding, from YAML to struct.
 */

#include "common/base/config.h"
#include "common/data/schema/schema.h"

/* The code of a rule of the schema's own that a file breaks. */
#define SCHEMA_BROKEN_RULE "SCHEMA_BROKEN_RULE"

/* What `drift` on the first level says. */
struct schema_drift_defaults {
        double jensen_shannon_divergence;
        double infinity_norm;
        enum severity severity;
};

/* Fill column, which is zeroed before; what was filled up to a failure belongs to schema_destroy(). schema has its
 * environments. 0, FAULT_E_INPUT, or -ENOMEM. */
int schema_column_read(const struct schema *schema, const struct schema_drift_defaults *drift,
                       const struct config_node *node, struct fault *fault, struct schema_column *column);
int schema_outcomes_read(const struct config_node *column_node, struct fault *fault, struct schema_column *column);
int schema_encoding_read(const struct config_node *column_node, struct fault *fault, struct schema_column *column);

/* "error" or "warning"; absent: otherwise. */
int schema_severity_read(const struct config_node *map, enum severity otherwise, struct fault *fault,
                         enum severity *ret_severity);

/* A mask of the environments a list names; absent: otherwise. */
int schema_environments_read(const struct schema *schema, const struct config_node *map, const char *key,
                             uint32_t otherwise, struct fault *fault, uint32_t *ret_mask);

/* Canonical text of one scalar of a category. The text is the caller's to free. */
int schema_text_read(const struct schema_column *column, const struct config_node *node, struct fault *fault,
                     char **ret_text);

/* The place in the closed list of what node says. */
int schema_place_read(const struct schema_column *column, const struct config_node *node, struct fault *fault,
                      size_t *ret_place);

/* strdup(3) that reports. 0 or -ENOMEM. */
int schema_copy_text(const char *text, char **ret_copy);

/* 0 when the text can name a column: UTF-8, 1 to TABLE_NAME_BYTES - 1 bytes, no control characters. */
int schema_name_check(const struct config_node *node, const char *name, struct fault *fault);
