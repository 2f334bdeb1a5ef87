#pragma once

/*
 * Check home
 *
 * What doctor finds out about the home: whether a line can live there, and whether what the daemons must not forget is
 * sound. Nothing that is there is changed, and the line may run.
 */

#include "cli/findings.h"

/* A home that is not there is made and removed again, since nothing else tells whether it can be. */
void check_home(struct findings *findings, const char *home);

/* The spool of each daemon that has one. */
void check_spools(struct findings *findings, const char *home);
