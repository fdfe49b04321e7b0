/* Walks the stack from a C function at the bottom, called by Wasm, called by `main`; or leaves it. The first argument says how.
 *
 * The same file is C and, with exceptions, C++. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif
int32_t m_outer(int32_t), m_handler(int32_t), m_grown(int32_t), m_divider(int32_t), m_stopper(int32_t);
int m_init(void);
int32_t bottom(int32_t);
int main(int, char **);
void finished(void);
#ifdef __cplusplus
}
#endif

/* The first letter of the first argument. */
static char mode;
static void **main_frame;
static jmp_buf landing;

static void print(void *const *addresses, int n)
{
    for (int i = 0; i < n; i++)
        printf("%ld ", (long)((char *)addresses[i] - (char *)(uintptr_t)&main));
    printf("\n");
}

/* Each line of output is a stack: distances of addresses from `main`, the innermost first. */
int32_t bottom(int32_t value)
{
    void *addresses[64];
    void **frame = (void **)__builtin_frame_address(0);
    int n = 0;
    switch (mode) {
    case 'u': /* by the unwinder */
        print(addresses, backtrace(addresses, 64));
        break;
    case 'f': /* by frame pointers, as profilers do */
        addresses[n++] = (char *)(uintptr_t)&bottom + 1;
        for (; frame != main_frame && n < 64; frame = (void **)frame[0])
            addresses[n++] = frame[1];
        print(addresses, n);
        break;
    case 'j': /* jump over everything */
        longjmp(landing, value);
    case 't': /* the thread ends here */
        pthread_exit((void *)(uintptr_t)value);
#ifdef __cplusplus
    case 'e': /* exception */
        throw value;
#endif
    }
    return value + 1;
}

static volatile uint64_t source[6] = {11, 22, 33, 44, 55, 66};

/* Prints whether values that were in registers over the call are what they were. */
#define KEEP uint64_t a = source[0], b = source[1], c = source[2], d = source[3], e = source[4], f = source[5];
#define CHECK printf(a == 11 && b == 22 && c == 33 && d == 44 && e == 55 && f == 66 ? "kept\n" : "lost\n");

static __attribute__((noinline)) void jump(void)
{
    /* What is not volatile keeps its value only if nobody writes to it behind setjmp. */
    KEEP
    int value = setjmp(landing);
    if (value == 0)
        m_outer(7);
    printf("landed with %d\n", value);
    CHECK
}

static void *thread(void *unused)
{
    (void)unused;
    m_outer(8);
    return NULL;
}

#ifdef __cplusplus
static __attribute__((noinline)) void try_call(int32_t (*function)(int32_t), int32_t value)
{
    KEEP
    try {
        printf("returned %d\n", function(value));
    } catch (int32_t caught) {
        printf("caught %d\n", caught);
    }
    CHECK
}
#endif

__attribute__((noinline)) void finished(void)
{
    __asm__ volatile("");
}

int main(int argc, char **argv)
{
    pthread_t id;
    void *result;
    mode = argc > 1 ? argv[1][0] : 0;
    main_frame = (void **)__builtin_frame_address(0);
    /* So that no call comes from the runtime. */
    m_init();
    switch (mode) {
    case 'j':
        jump();
        break;
    case 't':
        pthread_create(&id, NULL, thread, NULL);
        pthread_join(id, &result);
        printf("the thread has ended with %d\n", (int)(uintptr_t)result);
        break;
    case 'd': /* divide by zero */
        m_divider(0);
        break;
    case 's': /* stop: unreachable */
        m_stopper(0);
        break;
#ifdef __cplusplus
    case 'e':
        try_call(m_outer, 5);
        try_call(m_handler, 6);
        try_call(m_grown, 7);
        break;
#endif
    default:
        m_outer(4);
        finished();
    }
    return 0;
}
