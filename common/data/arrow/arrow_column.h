#pragma once

/*
 * Arrow column
 *
 * One foreign column: reads its buffers through pipes and appends its values to a table as one of our types.
 */

#include "common/data/arrow/arrow.h"
#include "common/data/arrow/arrow_message.h"
#include "common/data/arrow/arrow_pipe.h"
#include "common/data/table.h"

/* text of all columns that are read together, at most: of 65,536 rows, and of all dictionaries */
#define ARROW_TEXT_BYTES_MAX (256 * 1024 * 1024)

/* How many bytes columns that are read together may still take. */
struct arrow_room {
        size_t n_text;  /* text appended */
        size_t n_views; /* buffers of views, unpacked */
};

#define ARROW_ROOM_FULL \
        { ARROW_TEXT_BYTES_MAX, ARROW_TEXT_BYTES_MAX }

struct arrow_view {
        struct arrow_bytes bytes;
        struct buffer unpacked; /* holds the bytes when they were compressed */
};

struct arrow_column {
        const struct arrow_field *field; /* borrowed */
        struct arrow_room *room;         /* borrowed; shared with the columns read together */
        struct arrow_layout layout;      /* of what lies in the batch: values, or indices into a dictionary */
        struct arrow_pipe validity, values, text;
        bool has_validity;
        int64_t end; /* the offset at which the text read so far ends; -1 before the first */
        size_t n_views;
        struct arrow_view *views;
};

#define ARROW_COLUMN_NULL \
        { 0 }

enum arrow_kind arrow_field_kind(const struct arrow_field *field);
enum column_type arrow_kind_column_type(enum arrow_kind kind);

/* field is not of ARROW_KIND_OTHER. */
void arrow_column_init(struct arrow_column *column, const struct arrow_field *field, struct arrow_room *room);
void arrow_column_finish(struct arrow_column *column);

/* Starts with the rows of another batch. */
int arrow_column_start(struct arrow_column *column, const struct arrow_batch *batch, const struct arrow_place *place,
                       struct fault *fault);

/* Appends the next n_rows rows; all but the last call for a batch ask for a multiple of 8. dictionary has the one
 * column that indices point into, NULL for a field without one. */
int arrow_column_read(struct arrow_column *column, size_t n_rows, const struct column *dictionary, size_t n_dictionary,
                      struct table_builder *builder, size_t target, struct fault *fault);
