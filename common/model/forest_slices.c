/* Forest slices: each tree becomes steps over a stack, its nodes in postorder. */

#include "common/model/forest_slices.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/error.h"

#define NO_SLOT UINT16_MAX

enum {
        CUTS_MAX = 255, /* per feature, so that ranges are 0 … 255 */
        VECTOR_BYTES = 16,
        N_VECTORS = SLICES_ROWS / VECTOR_BYTES,
};

/* GNU C's vectors, since -O2 makes none of its own accord. Every x86-64 and every ARMv8 has them in this width. */
typedef uint8_t bytes __attribute__((vector_size(VECTOR_BYTES)));
typedef int8_t signed_bytes __attribute__((vector_size(VECTOR_BYTES)));

/* What a step does with the stack of leaf-number columns. A side that is a leaf needs no column. */
enum step_kind {
        STEP_LEAVES,     /* push: both sides are leaves */
        STEP_LEFT_LEAF,  /* the right side is on top */
        STEP_RIGHT_LEAF, /* the left side is on top */
        STEP_TREES,      /* the right side is on top, the left below */
};

struct step {
        uint16_t slot;
        int8_t range; /* left when the row's range is below */
        uint8_t kind;
        uint8_t left, right; /* leaf numbers, where the side is a leaf */
};

struct sliced_tree {
        bool is_held;
        size_t first_step, n_steps;
        size_t first_leaf; /* one leaf only when n_steps is 0 */
};

struct slot {
        uint32_t feature;
        bool is_missing_left;
};

/* The distinct thresholds of a feature, ascending, padded with infinity to a power of two less one. */
struct cuts {
        float *values;
        size_t n;
        size_t n_padded;
};

struct slices {
        size_t n_features;
        struct cuts *cuts;  /* per feature */
        uint16_t *slots_of; /* [feature * 2 + is_missing_left], or NO_SLOT */
        struct slot slots[SLICES_SLOTS_MAX];
        size_t n_slots;
        struct sliced_tree *trees;
        struct step *steps;
        float *leaves;
};

/* For each row: left where its range is below, else right. */
static inline bytes pick(signed_bytes ranges, signed_bytes range, bytes left, bytes right) {
        bytes is_left = (bytes)(ranges < range);

        return (is_left & left) | (~is_left & right);
}

void slices_add(const struct slices *slices, size_t tree, const struct slices_block *block, float *sums) {
        const struct sliced_tree *sliced = &slices->trees[tree];
        bytes stack[SLICES_DEPTH_MAX + 1][N_VECTORS], *top = stack[0];
        const float *leaves = slices->leaves + sliced->first_leaf;
        const struct step *step = slices->steps + sliced->first_step;
        const uint8_t *found = (const uint8_t *)stack[1];

        if (!sliced->n_steps)
                memset(stack[1], 0, sizeof(stack[1]));
        for (size_t n = sliced->n_steps; n; n--, step++) {
                const signed_bytes *ranges = (const void *)block->ranges[step->slot];
                signed_bytes range = (signed_bytes){ 0 } + step->range;
                bytes left = (bytes){ 0 } + step->left, right = (bytes){ 0 } + step->right;

                switch ((enum step_kind)step->kind) {
                case STEP_LEAVES:
                        top += N_VECTORS;
                        for (size_t i = 0; i < N_VECTORS; i++)
                                top[i] = pick(ranges[i], range, left, right);
                        break;
                case STEP_LEFT_LEAF:
                        for (size_t i = 0; i < N_VECTORS; i++)
                                top[i] = pick(ranges[i], range, left, top[i]);
                        break;
                case STEP_RIGHT_LEAF:
                        for (size_t i = 0; i < N_VECTORS; i++)
                                top[i] = pick(ranges[i], range, top[i], right);
                        break;
                case STEP_TREES:
                        top -= N_VECTORS;
                        for (size_t i = 0; i < N_VECTORS; i++)
                                top[i] = pick(ranges[i], range, top[i], top[N_VECTORS + i]);
                        break;
                }
        }
        for (size_t i = 0; i < SLICES_ROWS; i++)
                sums[i] += leaves[found[i]];
}

bool slices_hold(const struct slices *slices, size_t tree) {
        return slices->trees[tree].is_held;
}

/* Ranges of some rows: the number of cuts <= x, by a binary search without branches that all rows take in step.
 * Infinity counts the padding too, which stays within a byte and is above all cuts as well. */
static void cut_column(const struct cuts *cuts, bool is_missing_left, const float *values, size_t n_rows,
                       int8_t *ret_ranges) {
        uint32_t found[SLICES_ROWS] = { 0 };
        int32_t missing = is_missing_left ? 0 : CUTS_MAX;

        for (size_t half = (cuts->n_padded + 1) / 2; half; half /= 2)
                for (size_t i = 0; i < n_rows; i++)
                        found[i] += (uint32_t)half & -(uint32_t)(cuts->values[found[i] + half - 1] <= values[i]);
        for (size_t i = 0; i < n_rows; i++)
                ret_ranges[i] = (int8_t)((isnan(values[i]) ? missing : (int32_t)found[i]) - 128);
}

void slices_cut(const struct slices *slices, const float *const *columns, size_t first_row, size_t n_rows,
                struct slices_block *ret_block) {
        for (size_t s = 0; s < slices->n_slots; s++) {
                const struct slot *slot = &slices->slots[s];

                cut_column(&slices->cuts[slot->feature], slot->is_missing_left, columns[slot->feature] + first_row,
                           n_rows, ret_block->ranges[s]);
                memset(ret_block->ranges[s] + n_rows, 0, SLICES_ROWS - n_rows);
        }
}

static int compare_floats(const void *a, const void *b) {
        float x = *(const float *)a, y = *(const float *)b;

        return (x > y) - (x < y);
}

/* Sorts, drops equal ones and pads. */
static void cuts_settle(struct cuts *cuts) {
        size_t n = 0;

        if (cuts->n)
                qsort(cuts->values, cuts->n, sizeof(float), compare_floats);
        for (size_t i = 0; i < cuts->n; i++)
                if (!n || cuts->values[i] > cuts->values[n - 1])
                        cuts->values[n++] = cuts->values[i];
        cuts->n = n;
        cuts->n_padded = 1;
        while (cuts->n_padded < n)
                cuts->n_padded = 2 * cuts->n_padded + 1;
        for (size_t i = n; i < cuts->n_padded; i++)
                cuts->values[i] = INFINITY;
}

static size_t cuts_find(const struct cuts *cuts, float value) {
        size_t low = 0, high = cuts->n;

        while (high - low > 1) {
                size_t middle = (low + high) / 2;

                if (cuts->values[middle] <= value)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

static int collect_cuts(struct slices *slices, const struct forest_model *model) {
        for (size_t t = 0; t < model->n_trees; t++)
                for (size_t i = 0; i < model->trees[t].n_nodes; i++)
                        if (model->trees[t].nodes[i].left)
                                slices->cuts[model->trees[t].nodes[i].feature].n++;
        for (size_t f = 0; f < model->n_features; f++) {
                slices->cuts[f].values = calloc(2 * slices->cuts[f].n + 1, sizeof(float));
                if (!slices->cuts[f].values)
                        return -ENOMEM;
                slices->cuts[f].n = 0;
        }
        for (size_t t = 0; t < model->n_trees; t++) {
                for (size_t i = 0; i < model->trees[t].n_nodes; i++) {
                        const struct forest_node *node = &model->trees[t].nodes[i];
                        struct cuts *cuts = &slices->cuts[node->feature];

                        if (node->left)
                                cuts->values[cuts->n++] = node->value;
                }
        }
        for (size_t f = 0; f < model->n_features; f++)
                cuts_settle(&slices->cuts[f]);
        return 0;
}

/* True when the tree fits; makes the slots that its nodes need. */
static bool make_slots(struct slices *slices, const struct forest_tree *tree) {
        if (tree->depth > SLICES_DEPTH_MAX || (tree->n_nodes + 1) / 2 > SLICES_LEAVES_MAX)
                return false;
        for (size_t i = 0; i < tree->n_nodes; i++) {
                const struct forest_node *node = &tree->nodes[i];
                uint16_t *slot = &slices->slots_of[node->feature * 2 + node->default_left];

                if (!node->left || *slot != NO_SLOT)
                        continue;
                if (slices->n_slots == SLICES_SLOTS_MAX || slices->cuts[node->feature].n > CUTS_MAX)
                        return false;
                *slot = (uint16_t)slices->n_slots;
                slices->slots[slices->n_slots++] = (struct slot){ node->feature, node->default_left };
        }
        return true;
}

/* Appends the steps of the inner node n, its sides' first; no deeper than SLICES_DEPTH_MAX. */
static void compile_node(struct slices *slices, struct sliced_tree *sliced, const struct forest_tree *tree, size_t n,
                         const uint8_t *leaf_numbers) {
        const struct forest_node *node = &tree->nodes[n];
        bool has_left = tree->nodes[node->left].left, has_right = tree->nodes[node->left + 1].left;
        struct step step = {
                .slot = slices->slots_of[node->feature * 2 + node->default_left],
                .range = (int8_t)((int)cuts_find(&slices->cuts[node->feature], node->value) + 1 - 128),
                .kind = has_left    ? has_right ? STEP_TREES : STEP_RIGHT_LEAF
                        : has_right ? STEP_LEFT_LEAF
                                    : STEP_LEAVES,
                .left = leaf_numbers[node->left],
                .right = leaf_numbers[node->left + 1],
        };

        if (has_left)
                compile_node(slices, sliced, tree, node->left, leaf_numbers);
        if (has_right)
                compile_node(slices, sliced, tree, node->left + 1, leaf_numbers);
        slices->steps[sliced->first_step + sliced->n_steps++] = step;
}

static void compile_tree(struct slices *slices, struct sliced_tree *sliced, const struct forest_tree *tree) {
        uint8_t leaf_numbers[2 * SLICES_LEAVES_MAX] = { 0 };
        size_t n_leaves = 0;

        for (size_t i = 0; i < tree->n_nodes; i++) {
                if (tree->nodes[i].left)
                        continue;
                leaf_numbers[i] = (uint8_t)n_leaves;
                slices->leaves[sliced->first_leaf + n_leaves++] = tree->nodes[i].value;
        }
        if (tree->nodes[0].left)
                compile_node(slices, sliced, tree, 0, leaf_numbers);
}

static int compile(struct slices *slices, const struct forest_model *model) {
        size_t n_steps = 0, n_leaves = 0;
        int r;

        slices->n_features = model->n_features;
        slices->cuts = calloc(model->n_features, sizeof(*slices->cuts));
        slices->slots_of = malloc(model->n_features * 2 * sizeof(*slices->slots_of));
        slices->trees = calloc(model->n_trees + 1, sizeof(*slices->trees));
        if (!slices->cuts || !slices->slots_of || !slices->trees)
                return -ENOMEM;
        memset(slices->slots_of, 0xff, model->n_features * 2 * sizeof(*slices->slots_of));
        r = collect_cuts(slices, model);
        if (r)
                return r;
        for (size_t t = 0; t < model->n_trees; t++) {
                struct sliced_tree *sliced = &slices->trees[t];

                sliced->is_held = make_slots(slices, &model->trees[t]);
                if (!sliced->is_held)
                        continue;
                sliced->first_step = n_steps;
                sliced->first_leaf = n_leaves;
                n_steps += model->trees[t].n_nodes / 2;
                n_leaves += (model->trees[t].n_nodes + 1) / 2;
        }
        slices->steps = calloc(n_steps + 1, sizeof(*slices->steps));
        slices->leaves = calloc(n_leaves + 1, sizeof(*slices->leaves));
        if (!slices->steps || !slices->leaves)
                return -ENOMEM;
        for (size_t t = 0; t < model->n_trees; t++)
                if (slices->trees[t].is_held)
                        compile_tree(slices, &slices->trees[t], &model->trees[t]);
        return 0;
}

int slices_create(const struct forest_model *model, struct slices **ret_slices) {
        struct slices *slices = calloc(1, sizeof(*slices));
        int r;

        if (!slices)
                return error_origin(-ENOMEM, "Cannot compile a model");
        r = compile(slices, model);
        if (r) {
                slices_destroy(slices);
                return error_origin(r, "Cannot compile a model");
        }
        *ret_slices = slices;
        return 0;
}

struct slices *slices_destroy(struct slices *slices) {
        if (!slices)
                return NULL;
        for (size_t f = 0; slices->cuts && f < slices->n_features; f++)
                free(slices->cuts[f].values);
        free(slices->cuts);
        free(slices->slots_of);
        free(slices->trees);
        free(slices->steps);
        free(slices->leaves);
        free(slices);
        return NULL;
}
