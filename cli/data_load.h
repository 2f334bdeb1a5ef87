#pragma once

/* `convoy data load`: a file into a collection of MongoDB. argv[0] is "load". The exit code. */
int data_load(int argc, char **argv);
