/* S3 client: what its calls share. */

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/s3/s3_client_inside.h"
#include "common/store/store.h"

int s3_client_create(const char *uri, struct s3_client **ret_client, struct fault *fault) {
        struct s3_client *client = calloc(1, sizeof(*client));
        struct aws_credentials_options options = { 0 };
        pthread_condattr_t monotonic;
        int r;

        if (!client)
                return error_origin(-ENOMEM, "opening an S3 client");
        options.deadline_ms = &client->deadline_ms;
        pthread_mutex_init(&client->mutex, NULL);
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_cond_init(&client->is_hurried, &monotonic);
        pthread_condattr_destroy(&monotonic);
        r = aws_credentials_create(&options, &client->credentials);
        if (!r)
                r = s3_address_parse(uri, getenv("AWS_S3_ADDRESSING_STYLE"),
                                     aws_credentials_endpoint(client->credentials, "S3"), &client->address, fault);
        if (r) {
                s3_client_destroy(client);
                return error_trace(r);
        }
        client->ca_file = aws_credentials_ca_file(client->credentials);
        *ret_client = client;
        return 0;
}

struct s3_client *s3_client_destroy(struct s3_client *client) {
        if (!client)
                return NULL;
        while (client->n_idle)
                http_destroy(client->idle[--client->n_idle]);
        aws_credentials_destroy(client->credentials);
        pthread_cond_destroy(&client->is_hurried);
        pthread_mutex_destroy(&client->mutex);
        free(client);
        return NULL;
}

const struct s3_address *s3_client_address(const struct s3_client *client) {
        return &client->address;
}

int64_t s3_client_clock_offset_ms(struct s3_client *client) {
        return atomic_load(&aws_credentials_clock(client->credentials)->offset_ms);
}

void s3_client_set_deadline(struct s3_client *client, int64_t monotonic_ms) {
        pthread_mutex_lock(&client->mutex);
        if (client->deadline_ms != STORE_DEADLINE_ENDED)
                client->deadline_ms = monotonic_ms;
        pthread_cond_broadcast(&client->is_hurried);
        pthread_mutex_unlock(&client->mutex);
}

int s3_client_take(struct s3_client *client, struct http **ret_http) {
        struct http *http = NULL;
        int r;

        pthread_mutex_lock(&client->mutex);
        if (client->n_idle)
                http = client->idle[--client->n_idle];
        pthread_mutex_unlock(&client->mutex);
        if (!http) {
                r = http_create(&http);
                if (r)
                        return error_trace(r);
                http_set_deadline(http, &client->deadline_ms);
        }
        *ret_http = http;
        return 0;
}

void s3_client_give(struct s3_client *client, struct http *http) {
        pthread_mutex_lock(&client->mutex);
        if (http && client->n_idle < S3_IDLE_MAX) {
                client->idle[client->n_idle++] = http;
                http = NULL;
        }
        pthread_mutex_unlock(&client->mutex);
        http_destroy(http);
}
