/* Forest slices: each tree becomes steps over a stack, its nodes in postorder. */

#include "common/model/forest_slices.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/error.h"

#define NO_SLOT UINT16_MAX

enum {
        CUTS_MAX = 255, /* so that ranges are 0 … 255 */
        PARTS_MAX = 4,  /* of a feature's cuts; each costs a column of ranges */
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
        uint32_t part;
        bool is_missing_left;
};

/* The distinct thresholds of a feature, ascending. */
struct cuts {
        float *values;
        size_t n;
        size_t first_part;
};

/*
 * At most CUTS_MAX neighbours among a feature's cuts, padded with infinity to a power of two less one. A node asks one
 * part only, the one with its threshold, so the parts know nothing of each other. 256 bins make up to 256 cuts where
 * values are missing, one more than a byte tells apart.
 */
struct part {
        uint32_t feature;
        float *values;
        size_t n;
        size_t n_padded;
};

struct slices {
        size_t n_features;
        struct cuts *cuts; /* per feature */
        struct part *parts;
        size_t n_parts;
        uint16_t *slots_of; /* [part * 2 + is_missing_left], or NO_SLOT */
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
static void cut_column(const struct part *part, bool is_missing_left, const float *values, size_t n_rows,
                       int8_t *ret_ranges) {
        uint32_t found[SLICES_ROWS] = { 0 };
        int32_t missing = is_missing_left ? 0 : CUTS_MAX;

        for (size_t half = (part->n_padded + 1) / 2; half; half /= 2)
                for (size_t i = 0; i < n_rows; i++)
                        found[i] += (uint32_t)half & -(uint32_t)(part->values[found[i] + half - 1] <= values[i]);
        for (size_t i = 0; i < n_rows; i++)
                ret_ranges[i] = (int8_t)((isnan(values[i]) ? missing : (int32_t)found[i]) - 128);
}

void slices_cut(const struct slices *slices, const float *const *columns, size_t first_row, size_t n_rows,
                struct slices_block *ret_block) {
        for (size_t s = 0; s < slices->n_slots; s++) {
                const struct slot *slot = &slices->slots[s];
                const struct part *part = &slices->parts[slot->part];

                cut_column(part, slot->is_missing_left, columns[part->feature] + first_row, n_rows,
                           ret_block->ranges[s]);
                memset(ret_block->ranges[s] + n_rows, 0, SLICES_ROWS - n_rows);
        }
}

static int compare_floats(const void *a, const void *b) {
        float x = *(const float *)a, y = *(const float *)b;

        return (x > y) - (x < y);
}

/* Sorts and drops equal ones. */
static void cuts_settle(struct cuts *cuts) {
        size_t n = 0;

        if (cuts->n)
                qsort(cuts->values, cuts->n, sizeof(float), compare_floats);
        for (size_t i = 0; i < cuts->n; i++)
                if (!n || cuts->values[i] > cuts->values[n - 1])
                        cuts->values[n++] = cuts->values[i];
        cuts->n = n;
}

static int part_init(struct part *part, size_t feature, const float *values, size_t n) {
        *part = (struct part){ .feature = (uint32_t)feature, .n = n, .n_padded = 1 };
        while (part->n_padded < n)
                part->n_padded = 2 * part->n_padded + 1;
        part->values = calloc(part->n_padded, sizeof(float));
        if (!part->values)
                return -ENOMEM;
        memcpy(part->values, values, n * sizeof(float));
        for (size_t i = n; i < part->n_padded; i++)
                part->values[i] = INFINITY;
        return 0;
}

static int make_parts(struct slices *slices) {
        size_t n_parts = 0;
        int r;

        for (size_t f = 0; f < slices->n_features; f++) {
                slices->cuts[f].first_part = n_parts;
                n_parts += (slices->cuts[f].n + CUTS_MAX - 1) / CUTS_MAX;
        }
        slices->parts = calloc(n_parts + 1, sizeof(*slices->parts));
        slices->slots_of = malloc((n_parts + 1) * 2 * sizeof(*slices->slots_of));
        if (!slices->parts || !slices->slots_of)
                return -ENOMEM;
        memset(slices->slots_of, 0xff, n_parts * 2 * sizeof(*slices->slots_of));
        for (size_t f = 0; f < slices->n_features; f++) {
                const struct cuts *cuts = &slices->cuts[f];

                for (size_t i = 0; i < cuts->n; i += CUTS_MAX) {
                        r = part_init(&slices->parts[slices->n_parts++], f, cuts->values + i,
                                      cuts->n - i < CUTS_MAX ? cuts->n - i : CUTS_MAX);
                        if (r)
                                return r;
                }
        }
        return 0;
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
                slices->cuts[f].values = calloc(slices->cuts[f].n + 1, sizeof(float));
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
        return make_parts(slices);
}

/* Where a node looks its range up, and which cut of that part is its threshold. */
static uint16_t *find_slot(const struct slices *slices, const struct forest_node *node, size_t *ret_cut) {
        const struct cuts *cuts = &slices->cuts[node->feature];
        size_t cut = cuts_find(cuts, node->value);

        *ret_cut = cut % CUTS_MAX;
        return &slices->slots_of[(cuts->first_part + cut / CUTS_MAX) * 2 + node->default_left];
}

/* True when the tree fits; makes the slots that its nodes need. */
static bool make_slots(struct slices *slices, const struct forest_tree *tree) {
        if (tree->depth > SLICES_DEPTH_MAX || (tree->n_nodes + 1) / 2 > SLICES_LEAVES_MAX)
                return false;
        for (size_t i = 0; i < tree->n_nodes; i++) {
                const struct forest_node *node = &tree->nodes[i];
                uint16_t *slot;
                size_t cut;

                if (!node->left)
                        continue;
                slot = find_slot(slices, node, &cut);
                if (*slot != NO_SLOT)
                        continue;
                if (slices->n_slots == SLICES_SLOTS_MAX || slices->cuts[node->feature].n > PARTS_MAX * CUTS_MAX)
                        return false;
                *slot = (uint16_t)slices->n_slots;
                slices->slots[slices->n_slots++] = (struct slot){ (uint32_t)(slot - slices->slots_of) / 2,
                                                                  node->default_left };
        }
        return true;
}

/* Appends the steps of the inner node n, its sides' first; no deeper than SLICES_DEPTH_MAX. */
static void compile_node(struct slices *slices, struct sliced_tree *sliced, const struct forest_tree *tree, size_t n,
                         const uint8_t *leaf_numbers) {
        const struct forest_node *node = &tree->nodes[n];
        bool has_left = tree->nodes[node->left].left, has_right = tree->nodes[node->left + 1].left;
        size_t cut;
        const uint16_t *slot = find_slot(slices, node, &cut);
        struct step step = {
                .slot = *slot,
                .range = (int8_t)((int)cut + 1 - 128),
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
        slices->trees = calloc(model->n_trees + 1, sizeof(*slices->trees));
        if (!slices->cuts || !slices->trees)
                return -ENOMEM;
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
        for (size_t i = 0; i < slices->n_parts; i++)
                free(slices->parts[i].values);
        free(slices->cuts);
        free(slices->parts);
        free(slices->slots_of);
        free(slices->trees);
        free(slices->steps);
        free(slices->leaves);
        free(slices);
        return NULL;
}
