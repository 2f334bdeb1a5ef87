/* AWS settings: region and addresses, from the environment or the profile. */

#include "common/store/aws/aws_settings.h"

#include <errno.h>

#include "common/base/error.h"

void aws_settings_finish(struct aws_settings *settings) {
        aws_profiles_finish(&settings->profiles);
}

const char *aws_settings_profile(const struct aws_environment *environment) {
        const char *profile = environment->values[AWS_VARIABLE_PROFILE];

        if (!profile)
                profile = environment->values[AWS_VARIABLE_DEFAULT_PROFILE];
        return profile ? profile : "default";
}

int aws_settings_load(struct aws_settings *settings, const struct aws_environment *environment) {
        struct fault fault = FAULT_NULL;
        char text[FAULT_TEXT_BYTES];
        int r;

        if (settings->is_loaded)
                return 0;
        r = aws_profiles_read(&settings->profiles, environment, &fault);
        if (r > 0)
                return error_origin(-EACCES, "reading AWS profiles: %s", fault_format(&fault, text, sizeof(text)));
        if (r)
                return error_trace(r);
        settings->is_loaded = true;
        return 0;
}

const char *aws_settings_get(const struct aws_settings *settings, const struct aws_environment *environment,
                             const char *name) {
        return aws_profiles_get(&settings->profiles, aws_settings_profile(environment), name);
}

const char *aws_settings_endpoint(const struct aws_settings *settings, const struct aws_environment *environment,
                                  const char *service) {
        return aws_search_endpoint(environment, &settings->profiles, aws_settings_profile(environment), service);
}

/* Of the instance, asked for once; "" when there is none. */
static int ask_instance(struct aws_settings *settings, const struct aws_environment *environment,
                        struct aws_clock *clock, struct http *http) {
        struct aws_search search = {
                .environment = environment,
                .profiles = &settings->profiles,
                .profile = aws_settings_profile(environment),
                .clock = clock,
                .http = http,
        };
        int r;

        if (settings->is_region_asked)
                return 0;
        r = aws_instance_region(&search, settings->region);
        if (r == -ENOMEM)
                return error_trace(r);
        /* it was not given its time, so what it did not say is not remembered */
        if (!*settings->region && http_time_left_ms(http) <= 0)
                return error_origin(-ETIMEDOUT, "asking the instance for its region");
        settings->is_region_asked = true;
        return 0;
}

int aws_settings_region(struct aws_settings *settings, const struct aws_environment *environment,
                        struct aws_clock *clock, struct http *http, const char **ret_region, const char **ret_source) {
        static const enum aws_variable variables[] = { AWS_VARIABLE_REGION, AWS_VARIABLE_DEFAULT_REGION };
        const char *region;
        int r = 0;

        for (size_t i = 0; i < N_ELEMENTS(variables); i++)
                if (environment->values[variables[i]]) {
                        *ret_region = environment->values[variables[i]];
                        *ret_source = aws_variable_name(variables[i]);
                        return 0;
                }
        region = aws_settings_get(settings, environment, "region");
        if (region) {
                *ret_region = region;
                *ret_source = "the profile";
                return 0;
        }
        if (!aws_settings_endpoint(settings, environment, "S3"))
                r = ask_instance(settings, environment, clock, http);
        if (r)
                return error_trace(r);
        *ret_region = *settings->region ? settings->region : "us-east-1";
        *ret_source = *settings->region ? "the instance" : "nothing set";
        return 0;
}
