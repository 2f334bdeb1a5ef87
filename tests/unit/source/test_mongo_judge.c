/* What is asked for after an _id, and what may be told of an error. */

#include <bson/bson.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/source/mongo/mongo_internal.h"
#include "common/source/mongo/mongo_judge.h"
#include "common/source/mongo/mongo_resume.h"
#include "common/source/mongo/mongo_retry.h"

/* The filter after the only field of a document, which is taken. */
static void check(bson_t *last, bool is_narrow, const char *want) {
        bson_t filter = BSON_INITIALIZER;
        bson_iter_t id;
        char *text;

        assert_true(bson_iter_init_find(&id, last, "_id"));
        assert_true(mongo_resume_append(&id, is_narrow, &filter));
        text = bson_as_relaxed_extended_json(&filter, NULL);
        assert_string_equal(text, want);
        bson_free(text);
        bson_destroy(&filter);
        bson_destroy(last);
}

static void test_the_types_behind_are_asked_for_too(void **state) {
        (void)state;
        check(BCON_NEW("_id", BCON_INT32(5)), true,
              "{ \"$or\" : [ { \"_id\" : { \"$gt\" : 5 } }, { \"_id\" : { \"$type\" : [ 2, 3, 5, 7, 8, 9, 17 ] } } ] "
              "}");
        check(BCON_NEW("_id", BCON_INT32(5)), false,
              "{ \"$or\" : [ { \"_id\" : { \"$gt\" : 5 } }, "
              "{ \"_id\" : { \"$type\" : [ 2, 14, 3, 5, 7, 8, 9, 17, 12, 13, 15, 127 ] } } ] }");
        check(BCON_NEW("_id", BCON_NULL), true,
              "{ \"$or\" : [ { \"_id\" : { \"$gt\" : null } }, "
              "{ \"_id\" : { \"$type\" : [ 1, 16, 18, 2, 3, 5, 7, 8, 9, 17 ] } } ] }");
        check(BCON_NEW("_id", BCON_BOOL(true)), true,
              "{ \"$or\" : [ { \"_id\" : { \"$gt\" : true } }, { \"_id\" : { \"$type\" : [ 9, 17 ] } } ] }");
        /* nothing is behind */
        check(BCON_NEW("_id", BCON_TIMESTAMP(1, 2)), true,
              "{ \"_id\" : { \"$gt\" : { \"$timestamp\" : { \"t\" : 1, "
              "\"i\" : 2 } } } }");
        check(BCON_NEW("_id", BCON_MAXKEY), false, "{ \"_id\" : { \"$gt\" : { \"$maxKey\" : 1 } } }");
}

static void test_all_numbers_are_behind_nan(void **state) {
        bson_decimal128_t nan;

        (void)state;
        check(BCON_NEW("_id", BCON_DOUBLE(NAN)), true,
              "{ \"$or\" : [ { \"_id\" : { \"$gte\" : { \"$numberDouble\" : \"-Infinity\" } } }, "
              "{ \"_id\" : { \"$type\" : [ 2, 3, 5, 7, 8, 9, 17 ] } } ] }");
        assert_true(bson_decimal128_from_string("NaN", &nan));
        check(BCON_NEW("_id", BCON_DECIMAL128(&nan)), true,
              "{ \"$or\" : [ { \"_id\" : { \"$gte\" : { \"$numberDouble\" : \"-Infinity\" } } }, "
              "{ \"_id\" : { \"$type\" : [ 2, 3, 5, 7, 8, 9, 17 ] } } ] }");
}

static void test_an_array_is_no_id(void **state) {
        bson_t *last = BCON_NEW("_id", "[", "]"), filter = BSON_INITIALIZER;
        bson_iter_t id;

        (void)state;
        assert_true(bson_iter_init_find(&id, last, "_id"));
        assert_false(mongo_resume_append(&id, false, &filter));
        bson_destroy(last);
        bson_destroy(&filter);
}

static void test_words_lose_what_the_uri_keeps_secret(void **state) {
        static const struct {
                const char *uri, *words, *want;
        } rows[] = {
                { "mongodb://host/", "nothing at all", "nothing at all" },
                { "mongodb://annabell:s3cret@host/", "annabell, s3cret and s3cret", "***, *** and ***" },
                { "mongodb://u:pass%40word@host/", "pass%40word is pass@word", NULL },
                { "mongodb://xyzzyx:pass%40word@host/", "pass%40word is pass@word", "*** is ***" },
                { "mongodb://host/?authMechanismProperties=AWS_SESSION_TOKEN:tok3n&x=1",
                  "AWS_SESSION_TOKEN:tok3n tok3n", "*** ***" },
                { "mongodb://host/?authMechanismProperties=SERVICE_NAME:gard3n,AWS_SESSION_TOKEN:tok3n&x=1",
                  "tok3n of gard3n", "*** of ***" },
                { "mongodb://host/?tls=true&tlsCertificateKeyFilePassword=k3yword", "bad k3yword", "bad ***" },
        };
        char words[MONGO_WORDS_BYTES];

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                mongo_words(rows[i].uri, rows[i].words, words);
                if (rows[i].want)
                        assert_string_equal(words, rows[i].want);
                else
                        assert_null(strstr(words, "word is"));
        }
}

static void test_the_tries_take_half_a_minute(void **state) {
        int64_t sum = 0;

        (void)state;
        for (int64_t i = 1; i < MONGO_TRIES; i++)
                sum += mongo_retry_pause_ms(i);
        assert_in_range(sum, 20000, 30000);
}

static void test_what_passes_and_what_does_not(void **state) {
        static const struct {
                uint32_t domain, code;
                const char *words, *want_code;
                int want;
        } rows[] = {
                { MONGOC_ERROR_SERVER, 189, "stepped down", "", -EREMOTEIO },
                { MONGOC_ERROR_SERVER, 0, "not master and slaveOk=false", "", -EREMOTEIO },
                { MONGOC_ERROR_SERVER, 18, "no", "SOURCE_AUTHENTICATION_FAILED", FAULT_E_INPUT },
                { MONGOC_ERROR_SERVER, 8000, "bad auth : failed", "SOURCE_AUTHENTICATION_FAILED", FAULT_E_INPUT },
                { MONGOC_ERROR_SERVER, 13, "no", "SOURCE_NOT_AUTHORIZED", FAULT_E_INPUT },
                { MONGOC_ERROR_SERVER, 96, "no", "SOURCE_READ_REFUSED", FAULT_E_INPUT },
                { MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_SOCKET, "socket error", "", -ECONNRESET },
                { MONGOC_ERROR_SERVER_SELECTION, 1, "[connection refused calling hello on 'x:1']", "", -ECONNREFUSED },
                { MONGOC_ERROR_SERVER_SELECTION, 1, "[connection timeout calling hello on 'x:1']", "", -ETIMEDOUT },
                { MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE, "Authentication failed.",
                  "SOURCE_AUTHENTICATION_FAILED", FAULT_E_INPUT },
                { MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE,
                  "Failed to send \"saslStart\" command: Failed to read 4 bytes: socket error or timeout", "",
                  -ECONNRESET },
                { MONGOC_ERROR_PROTOCOL, MONGOC_ERROR_PROTOCOL_BAD_WIRE_VERSION, "old", "SOURCE_SERVER_UNFIT",
                  FAULT_E_INPUT },
        };
        struct mongo_options options = { "mongodb://localhost/", "d", "c" };
        struct mongo_client *client = NULL;
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(mongo_client_create(&options, &client, &fault), 0);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct mongo_verdict verdict;
                bson_error_t error;

                bson_set_error(&error, rows[i].domain, rows[i].code, "%s", rows[i].words);
                mongo_judge(client, &error, NULL, &verdict);
                assert_int_equal(verdict.code, rows[i].want);
                assert_string_equal(verdict.fault.code, rows[i].want_code);
                assert_string_equal(verdict.words, rows[i].words);
        }
        mongo_client_destroy(client);
}

/* A user called "ro" stands in "error": what is shown loses its words, but what is decided does not. */
static void test_a_short_secret_changes_no_verdict(void **state) {
        struct mongo_options options = { "mongodb://ro:db@localhost/?tls=true", "d", "c" };
        struct mongo_client *client = NULL;
        struct mongo_verdict verdict;
        struct fault fault = FAULT_NULL;
        bson_error_t error;

        (void)state;
        assert_int_equal(mongo_client_create(&options, &client, &fault), 0);
        bson_set_error(&error, MONGOC_ERROR_SERVER_SELECTION, 1,
                       "[TLS handshake failed: certificate verify failed: error calling hello on 'localhost:27017']");
        mongo_judge(client, &error, NULL, &verdict);
        assert_int_equal(verdict.code, FAULT_E_INPUT);
        assert_string_equal(verdict.fault.code, "SOURCE_TLS_FAILED");
        assert_null(strstr(verdict.words, "error"));
        bson_set_error(&error, MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE,
                       "Failed to send saslContinue: socket error");
        mongo_judge(client, &error, NULL, &verdict);
        assert_int_equal(verdict.code, -ECONNRESET);
        mongo_client_destroy(client);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_types_behind_are_asked_for_too),
                cmocka_unit_test(test_all_numbers_are_behind_nan),
                cmocka_unit_test(test_an_array_is_no_id),
                cmocka_unit_test(test_words_lose_what_the_uri_keeps_secret),
                cmocka_unit_test(test_the_tries_take_half_a_minute),
                cmocka_unit_test(test_what_passes_and_what_does_not),
                cmocka_unit_test(test_a_short_secret_changes_no_verdict),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
