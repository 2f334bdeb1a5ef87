/* S3 region: as configured, then as S3 says. */

#include "common/store/s3/s3_region.h"

#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/store/s3/s3_client_inside.h"

enum { MOVES_MAX = 3 };

static void keep(struct s3_client *client, const char *region) {
        pthread_mutex_lock(&client->mutex);
        snprintf(client->region, sizeof(client->region), "%s", region);
        pthread_mutex_unlock(&client->mutex);
}

int s3_region_get(struct s3_client *client, char ret_region[S3_REGION_BYTES]) {
        const char *region, *source;
        int r;

        pthread_mutex_lock(&client->mutex);
        memcpy(ret_region, client->region, S3_REGION_BYTES);
        pthread_mutex_unlock(&client->mutex);
        if (*ret_region)
                return 0;
        /* may ask the machine it runs on, so outside the lock */
        r = aws_credentials_region(client->credentials, &region, &source);
        if (r)
                return error_trace(r);
        snprintf(ret_region, S3_REGION_BYTES, "%s", region);
        keep(client, ret_region);
        return 0;
}

static bool is_valid(const char *region) {
        return *region && strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(region);
}

bool s3_region_follow(struct s3_client *client, int status, const struct s3_error *error, struct s3_tries *tries) {
        bool is_redirect = status == 301 || status == 307 || status == 308;

        if ((!is_redirect && status != 400 && status != 403) || tries->n_moves == MOVES_MAX)
                return false;
        if (is_valid(error->region) && strcmp(error->region, tries->region)) {
                log_info("S3: bucket %s lies in %s, not in %s", client->address.bucket, error->region, tries->region);
                snprintf(tries->region, sizeof(tries->region), "%s", error->region);
                keep(client, tries->region);
                tries->host[0] = 0;
        } else if (is_redirect && *error->host && strcmp(error->host, tries->host)) {
                snprintf(tries->host, sizeof(tries->host), "%s", error->host);
        } else {
                return false;
        }
        tries->n_moves++;
        return true;
}
