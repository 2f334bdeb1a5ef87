#pragma once

/* `convoy data generate`: synthetic rows with the real statistics, into a file. argv[0] is "generate". The exit code.
 */
int data_generate(int argc, char **argv);
