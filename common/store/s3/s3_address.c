/* S3 address: the URI and the endpoint taken apart, and put together as a request needs them. */

#include "common/store/s3/s3_address.h"

#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"

#define SCHEME "s3://"

static const char *const styles[S3_ADDRESSING_N] = {
        [S3_ADDRESSING_AUTO] = "auto",
        [S3_ADDRESSING_PATH] = "path",
        [S3_ADDRESSING_VIRTUAL] = "virtual",
};

/* An address for a fault's sentence, which ends in the log: not where it may hold a password. */
static const char *show(const char *address) {
        return strchr(address, '@') ? "(not shown: before its @ there may be a password)" : address;
}

static int parse_style(const char *style, const char *where, struct s3_address *address, struct fault *fault) {
        for (size_t i = 0; i < N_ELEMENTS(styles); i++)
                if (!strcmp(style, styles[i])) {
                        address->addressing = (enum s3_addressing)i;
                        return 0;
                }
        return fault_set(fault, "STORE_URI", "%s is '%.64s'; it is path, virtual or auto", where, style);
}

/* The rules of S3 for names of buckets. */
static bool bucket_is_valid(const char *bucket) {
        size_t n = strlen(bucket);

        return n >= 3 && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n && !strchr(".-", bucket[0]) &&
               !strchr(".-", bucket[n - 1]) && !strstr(bucket, "..");
}

/* Keys with empty or dotted segments are changed on the way by some servers and proxies. */
static bool prefix_is_valid(const char *prefix) {
        for (const char *at = prefix; *at;) {
                size_t n = strcspn(at, "/");

                if (!n || (n <= 2 && strspn(at, ".") >= n))
                        return false;
                for (size_t i = 0; i < n; i++)
                        if ((unsigned char)at[i] < ' ' || at[i] == 0x7f)
                                return false;
                at += n;
                at += *at == '/';
        }
        return true;
}

static int parse_uri(const char *uri, struct s3_address *address, struct fault *fault) {
        static const char parameter[] = "addressing=";
        const char *bucket = uri + strlen(SCHEME), *query = strchr(uri, '?');
        const char *end = query ? query : uri + strlen(uri), *prefix = bucket + strcspn(bucket, "/?");
        size_t n_bucket = (size_t)(prefix - bucket), n_prefix;

        if (query && strncmp(query + 1, parameter, sizeof(parameter) - 1))
                return fault_set(fault, "STORE_URI", "'%.128s': only addressing=path, virtual or auto may follow the ?",
                                 show(uri));
        if (n_bucket < sizeof(address->bucket))
                snprintf(address->bucket, sizeof(address->bucket), "%.*s", (int)n_bucket, bucket);
        if (!bucket_is_valid(address->bucket))
                return fault_set(fault, "STORE_URI",
                                 "'%.128s' names no bucket; write s3://BUCKET/PREFIX, the bucket with 3 to 63 of a-z, "
                                 "0-9, . and -",
                                 show(uri));
        while (prefix < end && *prefix == '/')
                prefix++;
        while (prefix < end && end[-1] == '/')
                end--;
        n_prefix = (size_t)(end - prefix);
        if (n_prefix + 2 > sizeof(address->prefix))
                return fault_set(fault, "STORE_URI", "the prefix in '%.64s…' is longer than %zu bytes", show(uri),
                                 sizeof(address->prefix) - 2);
        snprintf(address->prefix, sizeof(address->prefix), "%.*s%s", (int)n_prefix, prefix, n_prefix ? "/" : "");
        if (!prefix_is_valid(address->prefix))
                return fault_set(fault, "STORE_URI",
                                 "the prefix in '%.128s' has an empty segment, one of dots, or control characters",
                                 show(uri));
        return query ? parse_style(query + sizeof(parameter), "addressing", address, fault) : 0;
}

/* A name or number of a host, and perhaps a port. */
static bool host_is_valid(const char *host) {
        const char *port = strrchr(host, ':');

        if (*host == '[')
                port = strchr(host, ']') ? strchr(host, ']') + 1 : host;
        if (port && *port && (*port != ':' || !port[1] || strspn(port + 1, "0123456789") != strlen(port + 1)))
                return false;
        return *host && *host != ':' &&
               strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") == strlen(host);
}

static int parse_endpoint(const char *endpoint, struct s3_address *address, struct fault *fault) {
        const char *host = strstr(endpoint, "://"), *path, *own_port;
        size_t n_host, n_path;

        address->is_plain = host == endpoint + 4 && !strncmp(endpoint, "http", 4);
        if (!host || (!address->is_plain && (host != endpoint + 5 || strncmp(endpoint, "https", 5))))
                return fault_set(fault, "STORE_ENDPOINT",
                                 "the endpoint '%.128s' is none; write http://HOST[:PORT] or https://HOST[:PORT] in "
                                 "AWS_ENDPOINT_URL",
                                 show(endpoint));
        host += 3;
        path = host + strcspn(host, "/?#");
        n_host = (size_t)(path - host);
        n_path = strlen(path);
        while (n_path && path[n_path - 1] == '/')
                n_path--;
        if (n_host >= sizeof(address->host) || n_path >= sizeof(address->above) || strpbrk(path, "?#"))
                return fault_set(fault, "STORE_ENDPOINT", "the endpoint '%.128s' is too long, or has a ? or #",
                                 show(endpoint));
        snprintf(address->host, sizeof(address->host), "%.*s", (int)n_host, host);
        snprintf(address->above, sizeof(address->above), "%.*s", (int)n_path, path);
        if (!host_is_valid(address->host))
                return fault_set(fault, "STORE_ENDPOINT", "the endpoint in AWS_ENDPOINT_URL names no host");
        own_port = address->is_plain ? ":80" : ":443";
        n_host = strlen(address->host);
        if (n_host > strlen(own_port) && !strcmp(address->host + n_host - strlen(own_port), own_port))
                address->host[n_host - strlen(own_port)] = 0;
        return 0;
}

/* Hosts in front of whose name nothing can stand. */
static bool host_is_bare(const char *host) {
        size_t n = strcspn(host, ":");

        return *host == '[' || strspn(host, "0123456789.") >= n || !memchr(host, '.', n);
}

int s3_address_parse(const char *uri, const char *style, const char *endpoint, struct s3_address *ret_address,
                     struct fault *fault) {
        struct s3_address address = { .addressing = S3_ADDRESSING_AUTO };
        int r = 0;

        if (style && *style)
                r = parse_style(style, "AWS_S3_ADDRESSING_STYLE", &address, fault);
        if (!r)
                r = parse_uri(uri, &address, fault);
        if (!r && endpoint)
                r = parse_endpoint(endpoint, &address, fault);
        if (!r)
                *ret_address = address;
        return r;
}

bool s3_address_is_virtual(const struct s3_address *address) {
        if (address->addressing != S3_ADDRESSING_AUTO)
                return address->addressing == S3_ADDRESSING_VIRTUAL;
        return !strchr(address->bucket, '.') && !(*address->host && host_is_bare(address->host));
}

bool s3_address_is_private(const struct s3_address *address) {
        static const char *const own[] = { "localhost", "[::1]" };
        const char *host = address->host;
        size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

        if (!address->is_plain || (!strncmp(host, "127.", 4) && strspn(host, "0123456789.") == n))
                return true;
        for (size_t i = 0; i < N_ELEMENTS(own); i++)
                if (strlen(own[i]) == n && !memcmp(host, own[i], n))
                        return true;
        return false;
}

void s3_address_host(const struct s3_address *address, const char *region, char ret_host[S3_HOST_BYTES]) {
        const char *bucket = s3_address_is_virtual(address) ? address->bucket : "";
        const char *dot = *bucket ? "." : "";

        if (*address->host)
                snprintf(ret_host, S3_HOST_BYTES, "%s%s%s", bucket, dot, address->host);
        else
                snprintf(ret_host, S3_HOST_BYTES, "%s%ss3.%s.amazonaws.com%s", bucket, dot, region,
                         strncmp(region, "cn-", 3) ? "" : ".cn");
}

void s3_address_path(const struct s3_address *address, bool is_virtual, const char *key, char ret_path[S3_PATH_BYTES]) {
        if (is_virtual)
                snprintf(ret_path, S3_PATH_BYTES, "%s/%s", address->above, key);
        else
                snprintf(ret_path, S3_PATH_BYTES, "%s/%s%s%s", address->above, address->bucket, *key ? "/" : "", key);
}
