/* Push: collect, prove, claim, write, publish, hand out. */

#include "services/pusher/push.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/model/bundle.h"
#include "common/model/golden.h"
#include "proto/lineage.h"
#include "services/pusher/mlmodel.h"
#include "services/pusher/push_files.h"

/* Who moves the alias, in the history. */
#define ACTOR "pusher"

/* What the registry answered, as push() answers. */
static int translate(int r, int64_t version, struct fault *fault) {
        char what[64];

        snprintf(what, sizeof(what), "version %" PRId64, version);
        return r == REGISTRY_E_CONFLICT ? store_fault_as(r, "VERSION_CONFLICT", what, fault)
                                        : store_fault(r, what, fault);
}

static struct bundle_bytes bytes_of(const struct push_files *files, const char *name) {
        struct bundle_bytes bytes;

        bytes.data = push_file_bytes(push_files_find(files, name), &bytes.n_bytes);
        return bytes;
}

/* The parts fit each other and give the golden margins. */
static int prove(const struct push_input *input, const struct push_files *files, struct bundle *ret_bundle,
                 struct fault *fault) {
        _cleanup_(bundle_finish) struct bundle bundle = BUNDLE_NULL;
        const struct bundle_parts parts = { .schema = bytes_of(files, BUNDLE_SCHEMA),
                                            .transform = bytes_of(files, BUNDLE_TRANSFORM),
                                            .model = bytes_of(files, BUNDLE_MODEL),
                                            .threshold = bytes_of(files, BUNDLE_THRESHOLD) };
        char path[STORE_PATH_BYTES];
        int r;

        r = bundle_load(&parts, &bundle, fault);
        if (r)
                return error_trace(r);
        r = store_fault(store_fetch_blob(input->store, input->message->verdict.golden.sha256, path), "the golden rows",
                        fault);
        if (!r)
                r = golden_verify(&bundle, path, fault);
        if (r)
                return error_trace(r);
        *ret_bundle = bundle;
        bundle = (struct bundle)BUNDLE_NULL;
        return 0;
}

static int make_mlmodel(const struct push_input *input, const struct registry_claim *claim, const struct bundle *bundle,
                        struct push_files *files) {
        const struct mlmodel mlmodel = { .schema = bundle->schema,
                                         .parameters = &input->message->order.parameters,
                                         .run = claim->run,
                                         .xgboost = input->message->candidate.xgboost,
                                         .created_at_ms = claim->created_at_ms };

        return error_trace(mlmodel_write(&mlmodel, push_files_make(files, MLMODEL_FILE)));
}

/* manifest.json: every file with its digest, and where the version comes from. */
static int make_manifest(const struct push_input *input, const struct registry_claim *claim,
                         const struct push_files *files, struct buffer *text) {
        struct manifest manifest = { .version = claim->version, .created_at_ms = claim->created_at_ms };
        struct json_builder json;
        int r = 0;

        snprintf(manifest.model, sizeof(manifest.model), "%s", input->registry->model);
        snprintf(manifest.run, sizeof(manifest.run), "%s", claim->run);
        for (size_t i = 0; i < files->n_files && !r; i++) {
                size_t n_bytes;
                const void *bytes = push_file_bytes(&files->files[i], &n_bytes);

                r = manifest_add_file(&manifest, files->files[i].name, bytes, n_bytes);
        }
        if (r)
                return error_trace(r);
        json = json_begin(text, JSON_PRETTY);
        json_begin_object(&json);
        manifest_build(&manifest, &json);
        lineage_put_json(input->message, input->build, &json);
        json_end_object(&json);
        r = json_end(&json);
        return error_trace(r ? r : manifest_seal(text));
}

/* Between the steps, unless the point is behind. */
static int check_cancel(const struct push_input *input, bool is_passed) {
        return !is_passed && input->is_canceled && input->is_canceled(input->context) ? PUSH_E_CANCELED : 0;
}

static int pass_return(const struct push_input *input, bool is_passed) {
        return input->pass_return && input->pass_return(input->context, is_passed) ? PUSH_E_CANCELED : 0;
}

static int publish(const struct push_input *input, const struct registry_claim *claim, const struct bundle *bundle,
                   struct push_files *files, struct buffer *ret_manifest, struct fault *fault) {
        struct store_item items[PUSH_FILES_MAX];
        int r;

        r = make_mlmodel(input, claim, bundle, files);
        if (!r)
                r = make_manifest(input, claim, files, ret_manifest);
        for (size_t i = 0; i < files->n_files; i++) {
                items[i].name = files->files[i].name;
                items[i].bytes = push_file_bytes(&files->files[i], &items[i].n_bytes);
        }
        if (!r)
                r = registry_put_files(input->registry, claim, items, files->n_files);
        if (r)
                return translate(r, claim->version, fault);
        r = pass_return(input, false);
        if (r)
                return r;
        return translate(registry_publish(input->registry, claim, ret_manifest), claim->version, fault);
}

/* The run's version, made now or by an earlier try; its manifest's digest. */
static int make_version(const struct push_input *input, const struct bundle *bundle, struct push_files *files,
                        struct registry_claim *ret_claim, char ret_digest[DIGEST_SHA256_BYTES], struct fault *fault) {
        _cleanup_(manifest_finish) struct manifest present = MANIFEST_NULL;
        _cleanup_(buffer_finish) struct buffer made = BUFFER_NULL;
        const struct buffer *manifest = &present.text;
        int r;

        r = registry_claim(input->registry, input->run, ret_claim);
        if (r)
                return translate(r, 0, fault);
        /* a version that is whole stays as it is, also when another build would write its manifest differently */
        r = registry_read_manifest(input->registry, ret_claim->version, &present);
        if (r == REGISTRY_E_MISSING) {
                r = publish(input, ret_claim, bundle, files, &made, fault);
                if (r)
                        return error_trace(r);
                manifest = &made;
        }
        if (r)
                return translate(r, ret_claim->version, fault);
        return error_trace(digest_sha256(manifest->data, manifest->n_bytes, ret_digest));
}

static void explain(const struct verdict *verdict, const struct alias_move *move, struct pusher_to_gateway *release) {
        switch (move->hindrance) {
        case ALIAS_HINDRANCE_NONE:
                break;
        case ALIAS_HINDRANCE_MOVED:
                reason_add(release->reasons, &release->n_reasons, "CHAMPION_MOVED",
                           "the champion is no longer version %" PRId64 ", with which the candidate was compared",
                           verdict->compared_version);
                break;
        case ALIAS_HINDRANCE_PINNED:
                reason_add(release->reasons, &release->n_reasons, "CHAMPION_PINNED",
                           "the champion is pinned; unpin it, or promote by hand");
                break;
        case ALIAS_HINDRANCE_CHALLENGER:
                /* of the others the verdict says why */
                if (verdict->may_promote)
                        reason_add(release->reasons, &release->n_reasons, "ON_ACCEPT_CHALLENGER",
                                   "this pipeline leaves it to a person to promote");
                break;
        }
}

static int hand_out(const struct push_input *input, const struct registry_claim *claim,
                    struct pusher_to_gateway *release, struct fault *fault) {
        const struct verdict *verdict = &input->message->verdict;
        bool wants_champion = !input->is_by_hand && verdict->may_promote &&
                              input->message->order.parameters.evaluate.on_accept == EVALUATE_ON_ACCEPT_PROMOTE;
        struct alias_request request = { .actor = ACTOR, .at_ms = input->now_ms };
        struct alias_move move;
        const char *how = input->is_by_hand ? "registered by hand" : "accepted";
        char reason[128];
        int r;

        snprintf(reason, sizeof(reason), "%s with F1 %.6f", how, verdict->candidate.f1);
        if (verdict->has_champion)
                snprintf(reason, sizeof(reason), "%s with F1 %.6f, the champion's is %.6f", how, verdict->candidate.f1,
                         verdict->champion.f1);
        request.reason = reason;
        r = registry_release(input->registry, claim, &request, verdict->compared_version, wants_champion, &move);
        if (r)
                return translate(r, claim->version, fault);
        release->version = claim->version;
        release->promoted = move.hindrance == ALIAS_HINDRANCE_NONE;
        release->alias_sequence = move.sequence;
        explain(verdict, &move, release);
        return 0;
}

static void begin_release(const struct evaluator_to_pusher *message, struct pusher_to_gateway *release) {
        const struct verdict *verdict = &message->verdict;

        memcpy(release->model, message->order.parameters.name, sizeof(release->model));
        release->accepted = verdict->accepted;
        release->n_reasons = verdict->n_reasons;
        memcpy(release->reasons, verdict->reasons, sizeof(release->reasons));
        release->candidate = verdict->candidate;
        release->has_champion = verdict->has_champion;
        release->champion = verdict->champion;
}

int push(const struct push_input *input, struct pusher_to_gateway *ret_release, struct fault *fault) {
        _cleanup_(push_files_finish) struct push_files files = PUSH_FILES_NULL;
        _cleanup_(bundle_finish) struct bundle bundle = BUNDLE_NULL;
        struct pusher_to_gateway release = PUSHER_TO_GATEWAY_NULL;
        struct registry_claim claim;
        bool makes_version = input->message->verdict.accepted || input->is_by_hand, is_passed = false;
        int r = 0;

        begin_release(input->message, &release);
        /* a version that is there for all to see is handed out, whoever has canceled since */
        if (makes_version)
                r = translate(registry_has_published(input->registry, input->run, &is_passed), 0, fault);
        if (!r)
                r = is_passed ? pass_return(input, true) : check_cancel(input, is_passed);
        if (!r && makes_version) {
                r = push_files_collect(input->store, input->message, &files, fault);
                if (!r)
                        r = check_cancel(input, is_passed);
                if (!r)
                        r = prove(input, &files, &bundle, fault);
                if (!r)
                        r = check_cancel(input, is_passed);
                if (!r)
                        r = make_version(input, &bundle, &files, &claim, release.manifest, fault);
                if (!r)
                        r = hand_out(input, &claim, &release, fault);
        }
        if (r)
                return error_trace(r);
        *ret_release = release;
        return 0;
}
