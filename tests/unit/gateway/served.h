#pragma once

/* A registry's version as the gateway serves one: its files are words, and nothing loads them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "common/model/bundle.h"
#include "common/store/registry.h"

/* the last one is not needed to answer */
static const char *const served_files[] = { BUNDLE_SCHEMA, BUNDLE_TRANSFORM, BUNDLE_MODEL, BUNDLE_THRESHOLD,
                                            "report.html" };

/* Publishes a version for the run; its claim is for a release. */
static inline struct registry_claim served_publish(struct registry *registry, const char *run,
                                                   struct manifest *ret_manifest) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct store_item items[N_ELEMENTS(served_files)];
        struct manifest manifest = MANIFEST_NULL;
        struct registry_claim claim;
        struct json_builder json;

        assert_int_equal(registry_claim(registry, run, &claim), 0);
        manifest.version = claim.version;
        manifest.created_at_ms = claim.created_at_ms;
        snprintf(manifest.model, sizeof(manifest.model), "%s", registry->model);
        snprintf(manifest.run, sizeof(manifest.run), "%s", run);
        for (size_t i = 0; i < N_ELEMENTS(served_files); i++) {
                const char *name = served_files[i];

                items[i] = (struct store_item){ name, name, strlen(name) };
                assert_int_equal(manifest_add_file(&manifest, name, name, strlen(name)), 0);
        }
        assert_int_equal(registry_put_files(registry, &claim, items, N_ELEMENTS(served_files)), 0);
        json = json_begin(&text, JSON_PRETTY);
        json_begin_object(&json);
        manifest_build(&manifest, &json);
        json_end_object(&json);
        assert_int_equal(json_end(&json), 0);
        assert_int_equal(manifest_seal(&text), 0);
        assert_int_equal(registry_publish(registry, &claim, &text), 0);
        assert_int_equal(registry_read_manifest(registry, claim.version, ret_manifest), 0);
        return claim;
}
