#pragma once

/*
 * metrics.json
 *
 *     {"metrics":1,
 *      "threshold":{"margin":…,"probability":…},
 *      "candidate":{…},                             on all test rows, as metrics_put_json() writes them
 *      "comparison":{"version":3,                   left out without a champion to compare with
 *                    "threshold":{…},"candidate":{…},"champion":{…},      on the rows that both held out
 *                    "cells":[…],                   their number by label (4), candidate's (2) and champion's (1) yes
 *                    "f1_difference":{"value":…,"low":…,"median":…,"high":…,"quantile":0.01,"draws":2000}},
 *      "gate":{"mode":"improve",…,"accepted":true,"may_promote":true,"reasons":[{"code","message"}]}}
 *
 * Nothing in it but the evaluation: no time, no run. The same rows, models and parameters give the same bytes.
 */

#include "common/base/buffer.h"
#include "services/evaluator/evaluate.h"

/* Appends the document. 0 or -ENOMEM. */
int evaluate_format(const struct evaluate_input *input, const struct evaluation *evaluation, struct buffer *text);
