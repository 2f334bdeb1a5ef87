#include "proto/reason.h"

static const struct record_field reason_fields[] = {
        RECORD_TEXT(reason, code, CODE),
        RECORD_TEXT(reason, message, ANY),
};

const struct record reason_record = RECORD(reason, reason_fields);
