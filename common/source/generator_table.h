#pragma once

/*
 * Generator table
 *
 * Reads the `table`, `given` and `evidence` of one draw. Private to the generator.
 */

#include "common/source/generator_model.h"

/* Reads node, a draw whose columns are in the model already, into draw->table, which generator_model_finish() frees
 * also when half read. 0, FAULT_E_INPUT or -ENOMEM. */
int model_read_table(struct model *model, const struct config_node *node, struct model_draw *draw, struct fault *fault);

/* Adds a value to a column, or finds it; text or, when NULL, number. 0 or -ENOMEM. */
int model_add_value(struct model_column *column, const char *text, int64_t number, uint32_t *ret_code);
