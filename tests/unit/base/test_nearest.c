/* The nearest word: slips are found, strangers are not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/nearest.h"

static const char *const WORDS[] = { "max_depth", NULL, "eta", "num_boost_round", "seed", "min_child_weight" };

static void slips_are_found(void **state) {
        static const struct {
                const char *word, *want;
        } ROWS[] = {
                { "max_depht", "max_depth" },
                { "max-depth", "max_depth" },
                { "MaxDepth", "max_depth" },
                { "num_boost_rounds", "num_boost_round" },
                { "sed", "seed" },
                { "seeed", "seed" },
                { "learning_rate", NULL },
                { "", NULL },
                { "x", NULL },
                { "min_child_wieght", "min_child_weight" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(ROWS); i++) {
                const char *nearest = nearest_find(ROWS[i].word, WORDS, N_ELEMENTS(WORDS));

                if (ROWS[i].want) {
                        assert_non_null(nearest);
                        assert_string_equal(nearest, ROWS[i].want);
                } else {
                        assert_null(nearest);
                }
        }
}

static void long_words_are_left_alone(void **state) {
        char word[300];

        (void)state;
        memset(word, 'a', sizeof(word) - 1);
        word[sizeof(word) - 1] = 0;
        assert_null(nearest_find(word, WORDS, N_ELEMENTS(WORDS)));
}

static void an_explanation_is_cut_where_it_must(void **state) {
        char sentence[200] = "unknown key sed", small[24] = "unknown key sed";

        (void)state;
        nearest_explain("sed", WORDS, N_ELEMENTS(WORDS), sentence, sizeof(sentence));
        assert_string_equal(sentence,
                            "unknown key sed (did you mean seed?); known are max_depth, eta, num_boost_round, "
                            "seed, min_child_weight");
        nearest_explain("sed", WORDS, N_ELEMENTS(WORDS), small, sizeof(small));
        assert_string_equal(small, "unknown key sed (did yo");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(slips_are_found),
                cmocka_unit_test(long_words_are_left_alone),
                cmocka_unit_test(an_explanation_is_cut_where_it_must),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
