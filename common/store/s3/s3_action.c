/* S3 action: a table of the requests that there are. */

#include "common/store/s3/s3_action.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool has(const struct s3_request *request, const char *name) {
        for (size_t i = 0; i < request->n_query; i++)
                if (!strcmp(request->query[i].name, name))
                        return true;
        return false;
}

const char *s3_action(const struct s3_request *request) {
        if (!*request->key)
                return "s3:ListBucket";
        if (!strcmp(request->method, "DELETE"))
                return has(request, "uploadId") ? "s3:AbortMultipartUpload" : "s3:DeleteObject";
        /* that of an upload's beginning, parts and end too */
        if (!strcmp(request->method, "PUT") || !strcmp(request->method, "POST"))
                return "s3:PutObject";
        return "s3:GetObject";
}

char *s3_action_explain(const struct s3_request *request, const char *bucket, char ret_text[S3_ACTION_BYTES]) {
        bool is_read = *request->key && (!strcmp(request->method, "GET") || !strcmp(request->method, "HEAD"));

        snprintf(ret_text, S3_ACTION_BYTES, "; the keys lack %s on arn:aws:s3:::%s%s%s%s%s", s3_action(request), bucket,
                 *request->key ? "/" : "", request->key,
                 is_read ? ", or, should there be no such object, s3:ListBucket on arn:aws:s3:::" : "",
                 is_read ? bucket : "");
        return ret_text;
}
