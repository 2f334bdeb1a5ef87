#pragma once

/*
 * MLmodel
 *
 * The file by which MLflow knows a model folder (mlflow/mlflow: mlflow/models/model.py, mlflow/xgboost): flavors
 * python_function and xgboost over model.ubj, and the signature. Its inputs are the matrix's columns, which bear the
 * names that encoded clients send; it is YAML in the order in which MLflow writes it.
 */

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/data/schema/schema.h"
#include "proto/parameters.h"

#define MLMODEL_FILE "MLmodel"

struct mlmodel {
        const struct schema *schema;
        const struct parameters *parameters;
        const char *run;
        const char *xgboost; /* version that trained */
        int64_t created_at_ms;
};

/* Appends the file. 0 or -ENOMEM. */
int mlmodel_write(const struct mlmodel *mlmodel, struct buffer *text);
