/* World: a person is drawn from the row's id alone, and buys by the logit of what they are; the columns are then
 * written as the schema asks. */

#include "tests/support/world.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/random.h"
#include "common/model/booster.h"
#include "common/model/labels.h"

const char world_schema_text[] =
        "schema: 1\n"
        "environments: [TRAINING, SERVING]\n"
        "columns:\n"
        "  - {name: id, role: key, type: int}\n"
        "  - {name: age, type: int, title: Age in years, min: 0, max: 150}\n"
        "  - {name: income, type: float, min: 0, min_fraction: 0, missing: keep}\n"
        "  - {name: visits, type: int, min_fraction: 0, missing: {fill: 3}}\n"
        "  - {name: insured, type: bool}\n"
        "  - {name: sex, type: category, values: [f, m], encoded: {map: {0: f, 1: m}}}\n"
        "  - name: size\n"
        "    type: category\n"
        "    values: [small, medium, large]\n"
        "    encoded: {one_hot: {size_small: small, size_large: large}, otherwise: medium}\n"
        "  - {name: color, type: category, values: [red, green, blue], min_fraction: 0, min_domain_mass: 0,\n"
        "     missing: keep, unknown: missing}\n"
        "  - {name: zone, type: category, of: int, values: [1, 2, 3], min_domain_mass: 0, unknown: {as: 2},\n"
        "     encoded: {name: zone_code, map: {10: 1, 20: 2, 30: 3}}}\n"
        "  - {name: note, role: ignore, type: category, required_in: []}\n"
        "  - {name: bought, role: label, type: bool, names: [Bought-No, Bought-Yes]}\n";

struct schema *world_schema(const char *text) {
        struct fault fault = FAULT_NULL;
        struct schema *schema = NULL;
        int r;

        r = schema_parse("schema.yaml", text, strlen(text), &fault, &schema);
        if (r)
                print_error("%s: %d: %s\n", fault.code, (int)fault.line, fault.message);
        assert_int_equal(r, 0);
        return schema;
}

/* What a row is, before it is written. */
struct person {
        int64_t age, visits, insured, bought;
        double income;
        const char *sex, *size, *color, *zone;
};

static struct person draw(uint64_t id) {
        static const char *const sexes[] = { "f", "m" }, *const sizes[] = { "small", "medium", "large" };
        static const char *const colors[] = { "red", "green", "blue", "purple", NULL };
        static const char *const zones[] = { "1", "2", "3", "9" };
        struct random random = random_stream(7, RANDOM_SALT_GENERATOR, id);
        struct person person = { .age = (int64_t)(18 + random_below(&random, 70)) };
        double z;

        person.visits = random_below(&random, 20) ? (int64_t)random_below(&random, 12) : -1;
        person.income = random_below(&random, 10) ? floor(random_uniform(&random) * 1e7) / 100 : NAN;
        person.insured = (int64_t)random_below(&random, 2);
        person.sex = sexes[random_below(&random, 2)];
        person.size = sizes[random_below(&random, 3)];
        person.color = colors[random_below(&random, 5)];
        person.zone = zones[random_below(&random, 4)];
        z = -2.2 - 1.8 * (double)person.insured + (person.age > 40) + (double)person.visits / 5 +
            (*person.size == 'l') + (*person.sex == 'm') / 2.0 + (isnan(person.income) ? 1 : person.income / 1e5);
        person.bought = random_uniform(&random) < 1 / (1 + exp(-z));
        return person;
}

static int add_text(struct table_builder *builder, size_t column, const char *text) {
        return text ? table_builder_add_text(builder, column, text, strlen(text))
                    : table_builder_add_missing(builder, column);
}

static int add_cell(struct table_builder *builder, size_t at, const char *name, uint64_t id,
                    const struct person *person) {
        if (!strcmp(name, "id"))
                return table_builder_add_int64(builder, at, (int64_t)id);
        if (!strcmp(name, "age"))
                return table_builder_add_int64(builder, at, person->age);
        if (!strcmp(name, "income"))
                return isnan(person->income) ? table_builder_add_missing(builder, at)
                                             : table_builder_add_float64(builder, at, person->income);
        if (!strcmp(name, "visits"))
                return person->visits < 0 ? table_builder_add_missing(builder, at)
                                          : table_builder_add_int64(builder, at, person->visits);
        if (!strcmp(name, "insured"))
                return table_builder_add_int64(builder, at, person->insured);
        if (!strcmp(name, "bought"))
                return table_builder_add_int64(builder, at, person->bought);
        return add_text(builder, at,
                        !strcmp(name, "sex")     ? person->sex
                        : !strcmp(name, "size")  ? person->size
                        : !strcmp(name, "color") ? person->color
                        : !strcmp(name, "zone")  ? person->zone
                                                 : NULL);
}

struct table_builder *world_rows(const struct schema *schema, uint64_t first_id, size_t n_rows) {
        struct table_builder *builder = NULL;

        assert_int_equal(table_builder_create(&builder), 0);
        for (size_t k = 0; k < schema->n_columns; k++)
                assert_int_equal(table_builder_add_column(builder, schema->columns[k].name,
                                                          value_column_type(schema->columns[k].type)),
                                 0);
        for (uint64_t id = first_id; id < first_id + n_rows; id++) {
                struct person person = draw(id);

                for (size_t k = 0; k < schema->n_columns; k++)
                        assert_int_equal(add_cell(builder, k, schema->columns[k].name, id, &person), 0);
        }
        return builder;
}

void world_row(const struct schema *schema, const struct table *table, size_t row,
               char scratch[SCHEMA_COLUMNS_MAX][VALUE_SCRATCH_BYTES], struct value *ret_values) {
        for (size_t i = 0; i < schema->n_columns; i++) {
                const struct column *column = table_find(table, schema->columns[i].name);

                ret_values[i] = (struct value)VALUE_NULL;
                if (column)
                        assert_int_equal(
                                value_from_column(schema->columns[i].type, column, row, scratch[i], &ret_values[i]),
                                ANOMALY_NONE);
        }
}

static void train(const struct schema *schema, const struct features *features, const struct table *table,
                  const char *const *pairs, struct buffer *model) {
        size_t n_features = features_n_outputs(features);
        _cleanup_(free_pointer) float *matrix = calloc(n_features * table->n_rows, sizeof(float));
        _cleanup_(free_pointer) float *labels = calloc(table->n_rows, sizeof(float));
        _cleanup_(free_pointer) uint8_t *bytes = calloc(table->n_rows, 1);
        const char *names[256];
        struct booster_parameter parameters[16];
        struct booster_result result = BOOSTER_RESULT_NULL;
        struct fault fault = FAULT_NULL;
        struct booster_batch batch = { .values = matrix,
                                       .n_rows = table->n_rows,
                                       .distance_bytes = table->n_rows * sizeof(float),
                                       .labels = labels };
        struct booster_input input = { .train = &batch,
                                       .n_train = 1,
                                       .n_features = n_features,
                                       .feature_names = names,
                                       .parameters = parameters };
        int r;

        assert_int_equal(features_apply(features, table, matrix, table->n_rows, &fault), 0);
        assert_int_equal(labels_read(schema, table, bytes, &fault), 0);
        for (size_t i = 0; i < table->n_rows; i++)
                labels[i] = bytes[i];
        for (size_t k = 0; k < n_features; k++)
                names[k] = features_output_name(features, k);
        for (; *pairs; pairs += 2)
                parameters[input.n_parameters++] = (struct booster_parameter){ pairs[0], pairs[1] };
        r = booster_train(&input, &result, &fault);
        if (r)
                print_error("%s: %s\n", fault.code, fault.message);
        assert_int_equal(r, 0);
        assert_int_equal(buffer_append(model, result.model.data, result.model.n_bytes), 0);
        booster_result_finish(&result);
}

void world_train(const char *schema_text, const struct features_choice *choices, size_t n_choices,
                 const struct table *table, const char *const *pairs, float threshold, struct world_model *ret_model) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = world_schema(schema_text);
        _cleanup_(features_destroy_pointer) struct features *features = NULL;
        struct threshold chosen = { .method = THRESHOLD_METHOD_EXPECTED_F1,
                                    .margin = threshold,
                                    .probability = 1 / (1 + exp(-(double)threshold)) };
        struct fault fault = FAULT_NULL;

        assert_int_equal(features_fit(schema, choices, n_choices, table, 1, &features, &fault), 0);
        *ret_model = (struct world_model)WORLD_MODEL_NULL;
        assert_int_equal(buffer_append_text(&ret_model->schema, schema_text), 0);
        assert_int_equal(features_save(features, &ret_model->transform), 0);
        train(schema, features, table, pairs, &ret_model->model);
        assert_int_equal(bundle_save_threshold(&chosen, &ret_model->threshold), 0);
}

void world_model_finish(struct world_model *model) {
        buffer_finish(&model->schema);
        buffer_finish(&model->transform);
        buffer_finish(&model->model);
        buffer_finish(&model->threshold);
}

struct bundle_parts world_parts(const struct world_model *model) {
        return (struct bundle_parts){ { model->schema.data, model->schema.n_bytes },
                                      { model->transform.data, model->transform.n_bytes },
                                      { model->model.data, model->model.n_bytes },
                                      { model->threshold.data, model->threshold.n_bytes } };
}

void world_bundle(const struct world_model *model, struct bundle *ret_bundle) {
        struct bundle_parts parts = world_parts(model);
        struct fault fault = FAULT_NULL;
        int r;

        r = bundle_load(&parts, ret_bundle, &fault);
        if (r)
                print_error("%s: %s: %s\n", fault.file, fault.code, fault.message);
        assert_int_equal(r, 0);
}

struct world *world_create(size_t n_rows, const struct features_choice *choices, size_t n_choices,
                           const char *const *pairs) {
        struct world *world = calloc(1, sizeof(*world));

        assert_non_null(world);
        world->schema = world_schema(world_schema_text);
        world->builder = world_rows(world->schema, 0, n_rows);
        world->table = table_builder_view(world->builder);
        world_train(world_schema_text, choices, n_choices, &world->table, pairs, -0.5F, &world->model);
        world_bundle(&world->model, &world->bundle);
        return world;
}

struct world *world_destroy(struct world *world) {
        if (!world)
                return NULL;
        bundle_finish(&world->bundle);
        world_model_finish(&world->model);
        table_builder_destroy(world->builder);
        schema_destroy(world->schema);
        free(world);
        return NULL;
}
