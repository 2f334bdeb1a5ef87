#pragma once

/*
 * Place
 *
 * Where the things lie that the command opens itself: the pipeline's folder, the home with store and registry, the
 * daemons' programs. The command stays in the folder in which it was called, so what pipeline.yaml says relative to the
 * home is made absolute here.
 */

#include "common/base/fault.h"
#include "common/base/options.h"
#include "common/store/store.h"
#include "proto/pipeline.h"
#include "proto/stages.h"

#define PLACE_BYTES 4096

/* The folder of this program's own file. 0 or a negative errno. */
int place_program(char ret_folder[PLACE_BYTES]);

/* The program of a stage: in CONVOY_BIN, else beside this program, else where a build folder has it. FAULT_E_INPUT
 * (PROGRAM_MISSING) with what to do, or a negative errno. */
int place_daemon(enum stage stage, char ret_path[PLACE_BYTES], struct fault *fault);

/* The folder of the pipeline: the one given (NULL: none), else the only one below pipelines/, here or where this
 * program was built. FAULT_E_INPUT: PIPELINE_MISSING, PIPELINE_AMBIGUOUS. */
int place_pipeline(const char *given, char ret_folder[PLACE_BYTES], struct fault *fault);

/* Loads the pipeline that --pipeline or CONVOY_PIPELINE names; the caller frees it. */
int place_load_pipeline(const struct options *options, struct pipeline **ret_pipeline, struct fault *fault);

/* The absolute form of a path, which need not exist. 0 or a negative errno. */
int place_absolute(const char *path, char ret_path[PLACE_BYTES]);

/* A source as a person types it: a bare path, or file:// with one, becomes file:// with the absolute path; other URIs
 * stay. FAULT_E_INPUT (FILE_NOT_FOUND) for a file that cannot be read. */
int place_source(const char *text, char ret_uri[PLACE_BYTES], struct fault *fault);

/* Opens a store of the pipeline: uri is its store_uri or its registry_uri. Relative paths stand on the home; where
 * there is none, the copies of a store far away lie in ${XDG_CACHE_HOME:-~/.cache}/convoy. FAULT_E_INPUT: HOME_MISSING,
 * STORE_URI. */
int place_open_store(const char *home, const struct pipeline *pipeline, const char *uri, struct store **ret_store,
                     struct fault *fault);
