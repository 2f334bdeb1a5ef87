#pragma once

/*
 * Mongo words
 *
 * What libmongoc or a server says may repeat a part of the URI; nobody is shown its user, password or token.
 */

/* room for words of libmongoc and the server */
#define MONGO_WORDS_BYTES 512

/* Writes foreign words without what they repeat of the URI's secrets: all of them, or a note in their place. Returns
 * ret_words. */
char *mongo_words(const char *uri, const char *words, char ret_words[MONGO_WORDS_BYTES]);
