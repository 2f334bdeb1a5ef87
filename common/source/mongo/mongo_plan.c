/* Mongo plan: a step for each field of the layout. */

#include "common/source/mongo/mongo_plan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/utf8.h"
#include "common/data/value.h"

enum {
        WORD_BYTES = 8,
        HEAD_WORDS = (TABLE_NAME_BYTES + 1) / WORD_BYTES + 1,
        /* room made for the texts of a column at once */
        ROOM_TEXT_BYTES = 64 * 1024,
        SHORT_BYTES = 2 * WORD_BYTES,
};

enum action {
        ACTION_PASS,       /* the schema does not know it, or it is null */
        ACTION_PASS_FIXED, /* the same, of a size that its type fixes */
        ACTION_INT32_TO_INT,
        ACTION_INT64_TO_INT,
        ACTION_BOOL_TO_INT,
        ACTION_INT32_TO_FLOAT,
        ACTION_DOUBLE_TO_FLOAT,
        ACTION_TEXT,
};

struct step {
        uint64_t head[HEAD_WORDS]; /* type, name and NUL, as they lie in the document; zeros behind */
        uint64_t last_mask;        /* of the last word, what belongs to the head */
        size_t n_head;
        size_t n_words;
        size_t column;
        enum action action;
        uint8_t type;
        size_t n_fixed;
};

struct mongo_plan {
        const struct schema *schema;
        struct table_room *rooms; /* one for each column */
        bool *is_filled;          /* the layout has a value for the column */
        struct step *steps;       /* TABLE_COLUMNS_MAX */
        size_t n_steps;           /* 0: no layout */
};

int mongo_plan_create(const struct schema *schema, struct mongo_plan **ret_plan) {
        struct mongo_plan *plan = calloc(1, sizeof(*plan));

        if (plan) {
                plan->schema = schema;
                plan->rooms = calloc(schema->n_columns + 1, sizeof(*plan->rooms));
                plan->is_filled = calloc(schema->n_columns + 1, sizeof(*plan->is_filled));
                plan->steps = calloc(TABLE_COLUMNS_MAX, sizeof(*plan->steps));
        }
        if (!plan || !plan->rooms || !plan->is_filled || !plan->steps) {
                mongo_plan_destroy(plan);
                return error_origin(-ENOMEM, "reading documents");
        }
        *ret_plan = plan;
        return 0;
}

struct mongo_plan *mongo_plan_destroy(struct mongo_plan *plan) {
        if (!plan)
                return NULL;
        free(plan->rooms);
        free(plan->is_filled);
        free(plan->steps);
        free(plan);
        return NULL;
}

/* False: a value that has to be thought about each time. */
static bool choose_action(uint8_t field, enum value_type type, enum action *ret_action) {
        bool is_int = type == VALUE_TYPE_INT || type == VALUE_TYPE_BOOL;

        if (field == MONGO_TYPE_NULL)
                *ret_action = ACTION_PASS;
        else if (field == MONGO_TYPE_INT32 && is_int)
                *ret_action = ACTION_INT32_TO_INT;
        else if (field == MONGO_TYPE_INT64 && is_int)
                *ret_action = ACTION_INT64_TO_INT;
        else if (field == MONGO_TYPE_BOOL && type == VALUE_TYPE_BOOL)
                *ret_action = ACTION_BOOL_TO_INT;
        else if (field == MONGO_TYPE_INT32 && type == VALUE_TYPE_FLOAT)
                *ret_action = ACTION_INT32_TO_FLOAT;
        else if (field == MONGO_TYPE_DOUBLE && type == VALUE_TYPE_FLOAT)
                *ret_action = ACTION_DOUBLE_TO_FLOAT;
        else if (field == MONGO_TYPE_STRING && type == VALUE_TYPE_CATEGORY)
                *ret_action = ACTION_TEXT;
        else
                return false;
        return true;
}

static bool plan_step(struct mongo_plan *plan, const struct mongo_field *field, size_t column, struct step *ret_step) {
        struct step step = {
                .column = column, .action = ACTION_PASS, .type = field->type, .n_head = field->n_name + 2
        };
        uint8_t mask[WORD_BYTES] = { 0 };
        size_t n_last;

        if (step.n_head > sizeof(step.head))
                return false;
        if (column == SCHEMA_NO_VALUE) {
                step.column = 0; /* never looked at */
        } else {
                if (!choose_action(field->type, plan->schema->columns[column].type, &step.action))
                        return false;
                plan->is_filled[column] = step.action != ACTION_PASS;
        }
        if (step.action == ACTION_PASS && mongo_field_is_fixed(field->type)) {
                step.action = ACTION_PASS_FIXED;
                step.n_fixed = field->n_value;
        }
        memcpy(step.head, field->name - 1, step.n_head);
        step.n_words = (step.n_head + WORD_BYTES - 1) / WORD_BYTES;
        n_last = step.n_head - (step.n_words - 1) * WORD_BYTES;
        memset(mask, 0xff, n_last);
        memcpy(&step.last_mask, mask, sizeof(mask));
        *ret_step = step;
        return true;
}

void mongo_plan_learn(struct mongo_plan *plan, const uint8_t *document, size_t n_bytes, const size_t *columns,
                      size_t n_columns) {
        struct mongo_fields fields;
        struct mongo_field field;
        size_t n = 0;

        plan->n_steps = 0;
        memset(plan->is_filled, 0, plan->schema->n_columns * sizeof(*plan->is_filled));
        if (!mongo_fields_begin(document, n_bytes, &fields))
                return;
        for (; mongo_fields_next(&fields, &field) == MONGO_NEXT_FIELD; n++)
                if (n == n_columns || n == TABLE_COLUMNS_MAX || !plan_step(plan, &field, columns[n], &plan->steps[n]))
                        return;
        plan->n_steps = n;
}

static inline bool has_head(const struct step *step, const uint8_t *at, size_t n_left) {
        size_t last = step->n_words - 1;
        uint64_t word;

        if (n_left < step->n_words * WORD_BYTES)
                return n_left >= step->n_head && !memcmp(at, step->head, step->n_head);
        for (size_t i = 0; i < last; i++) {
                memcpy(&word, at + i * WORD_BYTES, sizeof(word));
                if (word != step->head[i])
                        return false;
        }
        memcpy(&word, at + last * WORD_BYTES, sizeof(word));
        return (word & step->last_mask) == step->head[last];
}

/* True where the first n_bytes of the words, at most all, have no byte beyond ASCII. */
static inline bool is_short_ascii(const uint64_t words[2], size_t n_bytes) {
        uint64_t high = UINT64_C(0x8080808080808080), low[2] = { 0 }, keep[2];

        memcpy(keep, words, sizeof(keep));
        if (!((keep[0] | keep[1]) & high))
                return true;
        memcpy(low, words, n_bytes);
        return !((low[0] | low[1]) & high);
}

/* The text behind its length. Returns the bytes that it takes in the document; 0: not as planned. */
static inline size_t put_text(struct table_room *room, size_t row, const uint8_t *value, size_t n_left) {
        size_t n = n_left >= sizeof(int32_t) ? (uint32_t)mongo_field_int32(value) : 0;
        const uint8_t *text = value + sizeof(int32_t);
        uint64_t words[2];
        bool is_good;

        /* with its NUL; an empty text is a missing value */
        if (n < 2 || n > n_left - sizeof(int32_t) || text[n - 1] || n - 1 > VALUE_TEXT_BYTES_MAX ||
            n - 1 > room->n_text_max - room->n_text)
                return 0;
        n_left -= sizeof(int32_t);
        if (n - 1 <= SHORT_BYTES && n_left >= SHORT_BYTES && room->n_text_max - room->n_text >= SHORT_BYTES) {
                memcpy(words, text, sizeof(words));
                memcpy(room->text + room->n_text, words, sizeof(words));
                is_good = is_short_ascii(words, n - 1) || utf8_is_valid(text, n - 1);
        } else {
                memcpy(room->text + room->n_text, text, n - 1);
                is_good = utf8_is_valid(text, n - 1);
        }
        room->n_text += n - 1;
        room->ends[row] = room->start + (int32_t)room->n_text;
        return is_good ? sizeof(int32_t) + n : 0;
}

/* The value of a step into its column. Returns the bytes that it takes; SIZE_MAX: not as planned. */
static inline size_t put_value(struct mongo_plan *plan, const struct step *step, size_t row, const uint8_t *value,
                               size_t n_left) {
        struct table_room *room = &plan->rooms[step->column];
        int64_t integer;
        double number;
        size_t n;

        switch (step->action) {
        case ACTION_INT32_TO_INT:
                if (n_left < 4)
                        return SIZE_MAX;
                room->int64[row] = mongo_field_int32(value);
                return 4;
        case ACTION_INT32_TO_FLOAT:
                if (n_left < 4)
                        return SIZE_MAX;
                room->float64[row] = mongo_field_int32(value);
                return 4;
        case ACTION_INT64_TO_INT:
                if (n_left < 8)
                        return SIZE_MAX;
                integer = mongo_field_int64(value);
                room->int64[row] = integer;
                return integer >= -VALUE_INT_MAX && integer <= VALUE_INT_MAX ? 8 : SIZE_MAX;
        case ACTION_BOOL_TO_INT:
                if (n_left < 1)
                        return SIZE_MAX;
                room->int64[row] = *value != 0;
                return 1;
        case ACTION_DOUBLE_TO_FLOAT:
                if (n_left < 8)
                        return SIZE_MAX;
                number = mongo_field_double(value);
                /* -0.0 becomes 0.0, as in value_from_double() */
                room->float64[row] = number + 0.0;
                return isnan(number) ? SIZE_MAX : 8;
        case ACTION_TEXT:
                n = put_text(room, row, value, n_left);
                return n ? n : SIZE_MAX;
        case ACTION_PASS_FIXED:
                return n_left < step->n_fixed ? SIZE_MAX : step->n_fixed;
        case ACTION_PASS:
                break;
        }
        return mongo_field_measure(step->type, value, n_left, &n) ? n : SIZE_MAX;
}

static bool put_document(struct mongo_plan *plan, size_t row, const struct mongo_span *document) {
        struct mongo_fields fields;

        if (!mongo_fields_begin(document->bytes, document->n_bytes, &fields))
                return false;
        for (const struct step *step = plan->steps, *end = step + plan->n_steps; step < end; step++) {
                size_t n;

                if (!has_head(step, fields.at, (size_t)(fields.end - fields.at)))
                        return false;
                fields.at += step->n_head;
                n = put_value(plan, step, row, fields.at, (size_t)(fields.end - fields.at));
                if (n == SIZE_MAX)
                        return false;
                fields.at += n;
        }
        return fields.at == fields.end;
}

int mongo_plan_append(struct mongo_plan *plan, const struct mongo_span *documents, size_t n_documents,
                      struct table_builder *builder, size_t *ret_n_done) {
        size_t n_text = 0, n_done = 0;
        int r;

        if (!plan->n_steps) {
                *ret_n_done = 0;
                return 0;
        }
        for (size_t i = 0; i < n_documents && n_text < ROOM_TEXT_BYTES; i++)
                n_text += documents[i].n_bytes;
        if (n_text > ROOM_TEXT_BYTES)
                n_text = ROOM_TEXT_BYTES;
        r = table_builder_open_rows(builder, n_documents, n_text + SHORT_BYTES, plan->rooms);
        if (r)
                return error_trace(r);
        while (n_done < n_documents && put_document(plan, n_done, &documents[n_done]))
                n_done++;
        r = table_builder_close_rows(builder, n_done, plan->is_filled);
        if (r)
                return error_trace(r);
        *ret_n_done = n_done;
        return 0;
}
