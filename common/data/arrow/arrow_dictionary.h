#pragma once

/*
 * Arrow dictionaries
 *
 * The values that the indices in dictionary columns point to, by the ids that a schema gives them. They are replaced or
 * added to as their messages come. Only those that a chosen column needs are read.
 */

#include <stddef.h>

#include "common/base/fault.h"
#include "common/data/arrow/arrow_message.h"
#include "common/data/table.h"

struct arrow_dictionary;

struct arrow_dictionaries {
        size_t n;
        struct arrow_dictionary *list;
};

#define ARROW_DICTIONARIES_NULL \
        { 0 }

/* Makes an empty dictionary for every id whose values can be read: a column may have no values at all. After a failure
 * finish frees what was made. 0, FAULT_E_INPUT, or -ENOMEM. */
int arrow_dictionaries_init(struct arrow_dictionaries *dictionaries, const struct arrow_schema *schema,
                            struct fault *fault);
void arrow_dictionaries_finish(struct arrow_dictionaries *dictionaries);

/* The field has a dictionary and is not of ARROW_KIND_OTHER. */
void arrow_dictionaries_choose(struct arrow_dictionaries *dictionaries, const struct arrow_field *field);
void arrow_dictionaries_choose_none(struct arrow_dictionaries *dictionaries);

/* Takes in a message that is a DictionaryBatch. FAULT_E_INPUT also when all together have too many values or more than
 * ARROW_TEXT_BYTES_MAX of text; or -ENOMEM. */
int arrow_dictionaries_read(struct arrow_dictionaries *dictionaries, struct arrow_message *message,
                            struct fault *fault);

/* The present values of a chosen field's dictionary, in one column; borrowed until the next message. */
struct table arrow_dictionaries_values(const struct arrow_dictionaries *dictionaries, const struct arrow_field *field);
