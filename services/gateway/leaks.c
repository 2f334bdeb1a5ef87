/* What the leak check of the sanitizers is told; nothing else is in here, and in other builds nothing at all. */

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define HAS_LEAK_CHECK
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_LEAK_CHECK
#endif

#ifdef HAS_LEAK_CHECK
/* libh2o 2.2.5 never frees the memory that each thread keeps for its next requests, and a queue of 88 bytes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:h2o_mem_alloc_recycle\nleak:h2o_multithread_create_queue\n";
}
#else
extern int leaks_unused; /* a file that declares nothing is not C */
#endif
