#pragma once

/*
 * The tree behind config.h: shared by config.c, which builds it, and config_get.c, which reads it. Not for others.
 */

#include "common/base/buffer.h"
#include "common/base/config.h"

struct config_node {
        const struct config *config;
        struct config_node *parent, *first, *last, *next;
        struct config_node *allocated; /* the one allocated before this one */
        size_t n_children;
        enum config_kind kind;
        bool is_expanded; /* the text came out of variables; written has them */
        char *key;
        char *text;    /* scalars: the value as text */
        char *written; /* scalars: as the file has it; may be text itself */
        bool truth;
        int64_t integer;
        double number; /* also of an integer */
        int64_t line, position, key_line, key_position;
};

struct config {
        struct buffer bytes;
        char *name;
        struct config_node *root;
        struct config_node *allocated; /* the last one */
        size_t n_nodes;
};

/* Types the text of a plain scalar by the core schema. */
void config_node_type(struct config_node *node);
