/* S3 list: ListObjectsV2 with a delimiter, as often as a page needs. */

#include "common/store/s3/s3_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/aws/aws_time.h"
#include "common/store/xml.h"

enum { TOKEN_BYTES = 4096 };

/* What nobody says when it was written is never old: whoever removes what is old leaves it. */
static const struct store_entry UNTOLD = { .modified_ms = INT64_MAX };

/* One answer being read. */
struct reading {
        const char *above, *after;
        struct store_page *page;
        bool is_result, is_truncated, is_encoded;
        char token[TOKEN_BYTES];
        char key[S3_KEY_BYTES];
        struct store_entry entry; /* the object being read */
};

static int hex(char digit) {
        const char *digits = "0123456789abcdef", *at = digit ? strchr(digits, digit | ('A' ^ 'a')) : NULL;

        return at && (digit < '0' || digit > '9' || *at == digit) ? (int)(at - digits) : -1;
}

/* Undoes encoding-type=url where the answer says that it was heeded: not all servers know it. A '+' is a blank then, a
 * real one comes as %2B. What is too long becomes "". */
static void decode(const char *text, bool is_encoded, char ret_key[S3_KEY_BYTES]) {
        size_t n = 0;

        for (; *text && n < S3_KEY_BYTES - 1; text++) {
                int high = is_encoded && *text == '%' ? hex(text[1]) : -1, low = high < 0 ? -1 : hex(text[2]);

                if (low >= 0) {
                        ret_key[n++] = (char)(high * 16 + low);
                        text += 2;
                } else {
                        ret_key[n++] = is_encoded && *text == '+' ? ' ' : *text;
                }
        }
        ret_key[*text ? 0 : n] = 0;
}

/* Takes the entry whose key has been read, unless it is none of ours. */
static int take(struct reading *reading, bool is_folder) {
        size_t n_above = strlen(reading->above), n = strlen(reading->key);
        char *name = reading->key + n_above, *end = reading->key + n - is_folder;
        struct store_entry entry = is_folder ? (struct store_entry){ 0 } : reading->entry;
        bool is_name;

        reading->entry = UNTOLD;
        if (n <= n_above + is_folder || strncmp(reading->key, reading->above, n_above) || (is_folder && *end != '/'))
                return 0;
        if (is_folder)
                *end = 0;
        is_name = strlen(name) <= STORE_SEGMENT_MAX && !strchr(name, '/') && store_name_is_valid(name);
        if (is_folder)
                *end = '/';
        if (!is_name || (reading->after && strcmp(name, reading->after) <= 0))
                return 0;
        entry.name = name;
        return error_trace(store_page_append(reading->page, &entry));
}

/* What holds for the whole answer, wherever in it that stands. */
static int on_header(void *context, const char *path, const char *text) {
        struct reading *reading = context;

        if (!strcmp(path, "ListBucketResult"))
                reading->is_result = true;
        else if (!strcmp(path, "ListBucketResult/EncodingType"))
                reading->is_encoded = !strcmp(text, "url");
        else if (!strcmp(path, "ListBucketResult/IsTruncated"))
                reading->is_truncated = !strcmp(text, "true");
        else if (!strcmp(path, "ListBucketResult/NextContinuationToken"))
                snprintf(reading->token, sizeof(reading->token), "%s", text);
        return 0;
}

static int on_entry(void *context, const char *path, const char *text) {
        struct reading *reading = context;
        const char *field = path + strcspn(path, "/");
        bool is_folder = !strcmp(field, "/CommonPrefixes");

        if (!strcmp(field, "/Contents/Key") || !strcmp(field, "/CommonPrefixes/Prefix"))
                decode(text, reading->is_encoded, reading->key);
        else if (!strcmp(field, "/Contents/Size"))
                reading->entry.n_bytes = strtoll(text, NULL, 10);
        else if (!strcmp(field, "/Contents/LastModified"))
                aws_time_parse(text, &reading->entry.modified_ms);
        else if (is_folder || !strcmp(field, "/Contents"))
                return error_trace(take(reading, is_folder));
        return 0;
}

static int read_answer(const struct buffer *body, struct reading *reading) {
        struct fault fault = FAULT_NULL;
        int r;

        r = xml_read(buffer_text(body), body->n_bytes, on_header, reading, &fault);
        if (!r)
                r = xml_read(buffer_text(body), body->n_bytes, on_entry, reading, &fault);
        if (r < 0)
                return error_trace(r);
        if (r || !reading->is_result || (reading->is_truncated && !*reading->token))
                return error_origin(-EREMOTEIO, "S3: listing %s: %s", reading->above,
                                    r ? fault.message : "the answer is no whole ListBucketResult");
        return 0;
}

/* Where a page begins: behind the object after, or behind all that lies in the folder after. '~' follows on every sign
 * of a name. */
static void begin_after(const char *above, const char *after, char ret_start[S3_KEY_BYTES + 2]) {
        size_t n = strlen(after);

        snprintf(ret_start, S3_KEY_BYTES + 2, "%s%s%s", above, after, n && after[n - 1] == '/' ? "~" : "");
}

static int ask(struct s3_client *client, struct reading *reading, size_t n_max, const char *start) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        char token[TOKEN_BYTES], keys[24];
        struct aws_pair query[6];
        struct s3_request request = { .method = "GET", .key = "", .query = query, .accept = S3_ACCEPT_DOCUMENT };
        int r;

        snprintf(keys, sizeof(keys), "%zu", n_max);
        memcpy(token, reading->token, sizeof(token));
        query[request.n_query++] = (struct aws_pair){ "list-type", "2" };
        query[request.n_query++] = (struct aws_pair){ "delimiter", "/" };
        query[request.n_query++] = (struct aws_pair){ "encoding-type", "url" };
        query[request.n_query++] = (struct aws_pair){ "max-keys", keys };
        query[request.n_query++] = (struct aws_pair){ "prefix", reading->above };
        if (*token)
                query[request.n_query++] = (struct aws_pair){ "continuation-token", token };
        else if (*start)
                query[request.n_query++] = (struct aws_pair){ "start-after", start };
        r = s3_call(client, &request, &answer);
        if (r)
                return error_trace(r);
        reading->is_result = reading->is_truncated = reading->is_encoded = false;
        reading->token[0] = 0;
        return error_trace(read_answer(&answer.http.body, reading));
}

int s3_list(struct s3_client *client, const char *above, const char *after, size_t n_max, struct store_page *ret_page) {
        _cleanup_(store_page_finish) struct store_page page = STORE_PAGE_NULL;
        _cleanup_(free_pointer) struct reading *reading = calloc(1, sizeof(*reading));
        char start[S3_KEY_BYTES + 2] = "";
        int r;

        if (!reading)
                return error_origin(-ENOMEM, "listing %s", above);
        *reading = (struct reading){ .above = above, .after = after, .page = &page, .entry = UNTOLD };
        if (after)
                begin_after(above, after, start);
        /* what is no name of ours is left out, so a page of S3's may hold none */
        do {
                r = ask(client, reading, n_max - page.n_entries, start);
                if (r)
                        return error_trace(r);
        } while (reading->is_truncated && page.n_entries < n_max);
        store_page_conclude(&page, n_max, !reading->is_truncated);
        *ret_page = page;
        page = (struct store_page)STORE_PAGE_NULL;
        return 0;
}
