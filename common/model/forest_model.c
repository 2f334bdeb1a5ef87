/* Reads model.ubj as XGBoost's doc/model.schema describes it; keys come in any order and unknown ones are skipped. */

#include "common/model/forest_model.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/error.h"
#include "common/model/ubjson.h"

/* beyond these XGBoost versions differ in what they make of it */
#define BASE_SCORE_LOGISTIC_MIN 1e-6f
#define BASE_SCORE_LOGISTIC_MAX (1.0f - 1e-6f)

struct reader {
        struct ubjson cursor;
        struct forest_model model;
        struct ubjson_integers outputs; /* of each tree */
        struct ubjson_floats base_scores;
        size_t n_names, n_names_capacity, n_trees_capacity, n_nodes;
        double n_features, n_classes, n_targets;
        bool has_objective;
};

/* Makes room for one more element. */
static bool grow(struct reader *reader, void **elements, size_t n, size_t *capacity, size_t n_bytes_each) {
        size_t larger = n ? 2 * n : 16;
        void *moved;

        if (n < *capacity)
                return true;
        moved = realloc(*elements, larger * n_bytes_each);
        if (!moved)
                return ubjson_fail_memory(&reader->cursor);
        *elements = moved;
        *capacity = larger;
        return true;
}

/* "5E-1", or since 3.1 "[5E-1,2E-1]" with one value per output. */
static bool read_base_score_text(struct reader *reader) {
        _cleanup_(free_pointer) char *copy = NULL;
        struct ubjson_text text;
        char *at, *end;
        size_t n = 0;

        if (!ubjson_read_text(&reader->cursor, &text))
                return false;
        copy = strndup(text.start, text.n_bytes);
        free(reader->base_scores.values);
        reader->base_scores = (struct ubjson_floats){ calloc(FOREST_OUTPUTS_MAX, sizeof(float)), 0 };
        if (!copy || !reader->base_scores.values)
                return ubjson_fail_memory(&reader->cursor);
        at = copy + (*copy == '[');
        do {
                if (n == FOREST_OUTPUTS_MAX)
                        return ubjson_fail(&reader->cursor, "base_score has too many values");
                reader->base_scores.values[n] = strtof(at, &end);
                if (end == at)
                        return ubjson_fail(&reader->cursor, "base_score is not a number");
                n++;
                at = end + (*end == ',');
        } while (*end == ',');
        if (*copy == '[' ? strcmp(end, "]") : *end)
                return ubjson_fail(&reader->cursor, "base_score is not a number");
        reader->base_scores.n = n;
        return true;
}

static bool read_base_score(struct reader *reader) {
        double number;

        switch (ubjson_peek(&reader->cursor)) {
        case 'S':
                return read_base_score_text(reader);
        case '[':
                return ubjson_read_floats(&reader->cursor, &reader->base_scores);
        default:
                if (!ubjson_read_number(&reader->cursor, &number))
                        return false;
                free(reader->base_scores.values);
                reader->base_scores = (struct ubjson_floats){ malloc(sizeof(float)), 1 };
                if (!reader->base_scores.values)
                        return ubjson_fail_memory(&reader->cursor);
                *reader->base_scores.values = (float)number;
                return true;
        }
}

static bool read_learner_parameters(struct reader *reader) {
        struct ubjson_scope scope;
        struct ubjson_text key;

        if (!ubjson_open_object(&reader->cursor, &scope))
                return false;
        while (ubjson_next_key(&reader->cursor, &scope, &key)) {
                if (ubjson_text_is(key, "base_score"))
                        read_base_score(reader);
                else if (ubjson_text_is(key, "num_feature"))
                        ubjson_read_number_or_text(&reader->cursor, &reader->n_features);
                else if (ubjson_text_is(key, "num_class"))
                        ubjson_read_number_or_text(&reader->cursor, &reader->n_classes);
                else if (ubjson_text_is(key, "num_target"))
                        ubjson_read_number_or_text(&reader->cursor, &reader->n_targets);
                else
                        ubjson_skip(&reader->cursor);
        }
        return !reader->cursor.error;
}

static bool read_objective(struct reader *reader) {
        static const struct {
                const char *name;
                enum forest_objective objective;
        } known[] = {
                { "binary:logistic", FOREST_OBJECTIVE_LOGISTIC },  { "reg:logistic", FOREST_OBJECTIVE_LOGISTIC },
                { "reg:squarederror", FOREST_OBJECTIVE_IDENTITY }, { "multi:softprob", FOREST_OBJECTIVE_SOFTMAX },
                { "multi:softmax", FOREST_OBJECTIVE_SOFTMAX },
        };
        struct ubjson_scope scope;
        struct ubjson_text key, name;

        if (!ubjson_open_object(&reader->cursor, &scope))
                return false;
        while (ubjson_next_key(&reader->cursor, &scope, &key)) {
                if (!ubjson_text_is(key, "name")) {
                        ubjson_skip(&reader->cursor);
                        continue;
                }
                if (!ubjson_read_text(&reader->cursor, &name))
                        return false;
                reader->has_objective = false;
                for (size_t i = 0; i < N_ELEMENTS(known); i++) {
                        if (!ubjson_text_is(name, known[i].name))
                                continue;
                        reader->model.objective = known[i].objective;
                        reader->has_objective = true;
                }
                if (!reader->has_objective)
                        return ubjson_fail_unsupported(&reader->cursor,
                                                       "its objective is none of binary:logistic, reg:logistic, "
                                                       "reg:squarederror, multi:softprob and multi:softmax");
        }
        return !reader->cursor.error;
}

static bool read_names(struct reader *reader) {
        struct ubjson_scope scope;
        struct ubjson_text name;
        char *copy;

        if (reader->model.names)
                return ubjson_fail(&reader->cursor, "feature_names stands there twice");
        if (!ubjson_open_array(&reader->cursor, &scope))
                return false;
        while (ubjson_next_element(&reader->cursor, &scope)) {
                if (reader->n_names == FOREST_FEATURES_MAX)
                        return ubjson_fail(&reader->cursor, "it has too many feature names");
                if (!ubjson_read_text(&reader->cursor, &name))
                        return false;
                if (!name.n_bytes || memchr(name.start, 0, name.n_bytes))
                        return ubjson_fail(&reader->cursor, "a feature name is empty or holds a NUL");
                if (!grow(reader, (void **)&reader->model.names, reader->n_names, &reader->n_names_capacity,
                          sizeof(char *)))
                        return false;
                copy = strndup(name.start, name.n_bytes);
                if (!copy)
                        return ubjson_fail_memory(&reader->cursor);
                reader->model.names[reader->n_names++] = copy;
        }
        return !reader->cursor.error;
}

static bool read_tree(struct reader *reader) {
        struct forest_model *model = &reader->model;

        if (!grow(reader, (void **)&model->trees, model->n_trees, &reader->n_trees_capacity, sizeof(*model->trees)) ||
            !forest_tree_read(&reader->cursor, FOREST_NODES_MAX - reader->n_nodes, &model->trees[model->n_trees]))
                return false;
        reader->n_nodes += model->trees[model->n_trees++].n_nodes;
        return true;
}

static bool read_booster_model(struct reader *reader) {
        struct ubjson_scope scope, trees;
        struct ubjson_text key;

        if (!ubjson_open_object(&reader->cursor, &scope))
                return false;
        while (ubjson_next_key(&reader->cursor, &scope, &key)) {
                if (ubjson_text_is(key, "tree_info")) {
                        ubjson_read_integers(&reader->cursor, &reader->outputs);
                } else if (ubjson_text_is(key, "trees")) {
                        ubjson_open_array(&reader->cursor, &trees);
                        while (ubjson_next_element(&reader->cursor, &trees))
                                read_tree(reader);
                } else {
                        ubjson_skip(&reader->cursor);
                }
        }
        return !reader->cursor.error;
}

static bool read_booster(struct reader *reader) {
        struct ubjson_scope scope;
        struct ubjson_text key, name;

        if (!ubjson_open_object(&reader->cursor, &scope))
                return false;
        while (ubjson_next_key(&reader->cursor, &scope, &key)) {
                if (ubjson_text_is(key, "model"))
                        read_booster_model(reader);
                else if (!ubjson_text_is(key, "name"))
                        ubjson_skip(&reader->cursor);
                else if (ubjson_read_text(&reader->cursor, &name) && !ubjson_text_is(name, "gbtree"))
                        ubjson_fail_unsupported(&reader->cursor, "its booster is not gbtree");
        }
        return !reader->cursor.error;
}

static bool read_learner(struct reader *reader) {
        struct ubjson_scope scope;
        struct ubjson_text key;

        if (!ubjson_open_object(&reader->cursor, &scope))
                return false;
        while (ubjson_next_key(&reader->cursor, &scope, &key)) {
                if (ubjson_text_is(key, "gradient_booster"))
                        read_booster(reader);
                else if (ubjson_text_is(key, "learner_model_param"))
                        read_learner_parameters(reader);
                else if (ubjson_text_is(key, "objective"))
                        read_objective(reader);
                else if (ubjson_text_is(key, "feature_names"))
                        read_names(reader);
                else
                        ubjson_skip(&reader->cursor);
        }
        return !reader->cursor.error;
}

static bool read_file(struct reader *reader) {
        struct ubjson_scope scope;
        struct ubjson_text key;

        if (!ubjson_open_object(&reader->cursor, &scope))
                return false;
        while (ubjson_next_key(&reader->cursor, &scope, &key)) {
                if (ubjson_text_is(key, "learner"))
                        read_learner(reader);
                else
                        ubjson_skip(&reader->cursor);
        }
        if (!reader->cursor.error && reader->cursor.at != reader->cursor.end)
                ubjson_fail(&reader->cursor, "something follows its end");
        return !reader->cursor.error;
}

/* The base margins, from scores that are probabilities where the objective is logistic (1.7.4: -log(1 / p - 1)). */
static bool derive_base_margins(struct reader *reader) {
        struct forest_model *model = &reader->model;
        struct ubjson_floats *scores = &reader->base_scores;

        if (scores->n != 1 && scores->n != model->n_outputs)
                return ubjson_fail(&reader->cursor, "base_score is absent or does not fit the outputs");
        model->base_margins = calloc(model->n_outputs, sizeof(float));
        if (!model->base_margins)
                return ubjson_fail_memory(&reader->cursor);
        for (size_t i = 0; i < model->n_outputs; i++) {
                float score = scores->values[scores->n == 1 ? 0 : i];

                if (!isfinite(score))
                        return ubjson_fail(&reader->cursor, "base_score is not finite");
                if (model->objective == FOREST_OBJECTIVE_LOGISTIC) {
                        if (!(score >= BASE_SCORE_LOGISTIC_MIN && score <= BASE_SCORE_LOGISTIC_MAX))
                                return ubjson_fail(&reader->cursor, "base_score is not a probability");
                        score = -logf(1.0f / score - 1.0f);
                }
                model->base_margins[i] = score;
        }
        return true;
}

static bool is_count(double number, double most) {
        return number >= 0 && number <= most && !(fabs(number - trunc(number)) > 0);
}

/* What can be judged only when all has been read. */
static bool check(struct reader *reader) {
        struct forest_model *model = &reader->model;

        if (!reader->has_objective)
                return ubjson_fail(&reader->cursor, "it names no objective");
        if (!is_count(reader->n_features, FOREST_FEATURES_MAX) || reader->n_features < 1)
                return ubjson_fail(&reader->cursor, "num_feature is out of range");
        model->n_features = (size_t)reader->n_features;
        if (reader->n_targets > 1)
                return ubjson_fail_unsupported(&reader->cursor, "it has several targets");
        if (!is_count(reader->n_classes, FOREST_OUTPUTS_MAX) ||
            (model->objective == FOREST_OBJECTIVE_SOFTMAX ? reader->n_classes < 1 : reader->n_classes > 1))
                return ubjson_fail(&reader->cursor, "num_class does not fit the objective");
        model->n_outputs = reader->n_classes > 1 ? (size_t)reader->n_classes : 1;
        if (model->names && reader->n_names != model->n_features)
                return ubjson_fail(&reader->cursor, "num_feature and the number of feature_names differ");
        if (reader->outputs.n != model->n_trees)
                return ubjson_fail(&reader->cursor, "tree_info and the number of trees differ");
        for (size_t i = 0; i < model->n_trees; i++) {
                struct forest_tree *tree = &model->trees[i];

                if (reader->outputs.values[i] < 0 || (size_t)reader->outputs.values[i] >= model->n_outputs)
                        return ubjson_fail(&reader->cursor, "tree_info is out of range");
                tree->output = (size_t)reader->outputs.values[i];
                for (size_t k = 0; k < tree->n_nodes; k++)
                        if (tree->nodes[k].feature >= model->n_features)
                                return ubjson_fail(&reader->cursor, "a split's feature is out of range");
        }
        return derive_base_margins(reader);
}

static void reader_finish(struct reader *reader) {
        if (reader->model.names)
                reader->model.n_features = reader->n_names;
        forest_model_finish(&reader->model);
        free(reader->outputs.values);
        free(reader->base_scores.values);
}

int forest_model_read(const void *bytes, size_t n_bytes, struct forest_model *ret_model, struct fault *fault) {
        _cleanup_(reader_finish) struct reader reader = { .cursor = UBJSON_INIT(bytes, n_bytes) };

        if (n_bytes > FOREST_BYTES_MAX)
                return fault_set(fault, "MODEL_INVALID", "The model has %zu bytes, more than %d", n_bytes,
                                 FOREST_BYTES_MAX);
        if (!read_file(&reader) || !check(&reader)) {
                if (reader.cursor.cause == UBJSON_CAUSE_MEMORY)
                        return error_origin(-ENOMEM, "Cannot read a model");
                if (reader.cursor.cause == UBJSON_CAUSE_UNSUPPORTED)
                        return fault_set(fault, "MODEL_UNSUPPORTED", "The model cannot be used: %s",
                                         reader.cursor.error);
                return fault_set(fault, "MODEL_INVALID", "The model is damaged near byte %zu: %s",
                                 (size_t)(reader.cursor.at - reader.cursor.start), reader.cursor.error);
        }
        *ret_model = reader.model;
        reader.model = (struct forest_model)FOREST_MODEL_NULL;
        reader.n_names = 0;
        return 0;
}

void forest_model_drop_trees(struct forest_model *model) {
        for (size_t i = 0; i < model->n_trees; i++)
                forest_tree_finish(&model->trees[i]);
        free(model->trees);
        model->trees = NULL;
        model->n_trees = 0;
}

void forest_model_finish(struct forest_model *model) {
        if (!model)
                return;
        for (size_t i = 0; model->names && i < model->n_features; i++)
                free(model->names[i]);
        forest_model_drop_trees(model);
        free(model->names);
        free(model->base_margins);
        *model = (struct forest_model)FOREST_MODEL_NULL;
}
