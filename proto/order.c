/* The order: the table of what stays the same from the run's first message to its last. */

#include "proto/order.h"

static const struct record_field champion_fields[] = {
        RECORD_INT(champion, version, 1, INT64_MAX),
        RECORD_TEXT(champion, manifest, SHA256),
};

const struct record champion_record = RECORD(champion, champion_fields);

static const struct record_field order_fields[] = {
        RECORD_MAP(order, parameters, parameters),
        RECORD_MAP(order, schema, blob),
        RECORD_TEXT(order, cause, NAME),
        RECORD_MAP_OR_NONE(order, champion, champion),
};

const struct record order_record = RECORD(order, order_fields);
