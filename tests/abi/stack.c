/* The end of the stack: Wasm functions with large frames are entered near it, and calls go through Wasm and C until there is none left.
 *
 * stack WHAT WHERE ROOM: WHAT is the first letter of a function below, WHERE is `main` or `thread`, ROOM the bytes that are left. */
#define _GNU_SOURCE
#include <alloca.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int m_init(void);
void m_page(void), m_hundred(void), m_megabyte(void);
int32_t m_down(int32_t), m_down_large(int32_t), m_down_wide(int32_t);
/* The runtime's: 0, or the number of the trap. */
int w2n_try(void (*function)(void *), void *data, void *report);

/* Of a thread: its stack, the guard below, and what must not be reached over the guard. */
#define STACK (4u << 20)
#define GUARD 4096u
#define BEYOND (4u << 20)

static char what;
static size_t room;
static int is_thread;
static char *start, *above, *beyond;

static __attribute__((noinline)) void note_depth(void)
{
    char here;
    printf("frame %ld\n", (long)(above - &here));
    fflush(stdout);
}

/* The module's imports. */
void leaf(void)
{
    note_depth();
}

struct many {
    _Alignas(16) long long values[1000][2];
};

void many(struct many *results)
{
    static int n_calls;
    memset(results, 0, sizeof *results);
    if (n_calls++ == 0)
        note_depth();
}

int32_t back(int32_t depth)
{
    return m_down(depth + 1) + 1;
}

/* The frame is larger than that of the Wasm function, so that the fault is here as a rule. */
int32_t back_large(int32_t depth)
{
    volatile char frame[3000];
    memset((char *)frame, depth, sizeof frame);
    return m_down_large(depth + 1) + frame[depth & 1023];
}

int32_t back_wide(int32_t depth)
{
    return m_down_wide(depth + 1) + 1;
}

/* Nothing of Wasm is on the stack. */
static __attribute__((noinline)) int only_c(int depth)
{
    volatile char frame[1000];
    memset((char *)frame, depth, sizeof frame);
    return only_c(depth + 1) + frame[depth & 511];
}

static __attribute__((noinline)) void call(void *unused)
{
    char here;
    (void)unused;
    above = &here;
    switch (what) {
    case 'p': /* page */
        m_page();
        break;
    case 'h': /* hundred kilobytes */
        m_hundred();
        break;
    case 'm': /* megabyte */
        m_megabyte();
        break;
    case 'd': /* down: Wasm and C in turn */
        m_down(0);
        break;
    case 'l': /* as before, with larger frames in C */
        m_down_large(0);
        break;
    case 'w': /* as before, with larger frames in Wasm */
        m_down_wide(0);
        break;
    case 'c': /* C alone */
        only_c(0);
        break;
    }
}

/* Calls it with `room` bytes of stack left; 0 is all. */
static __attribute__((noinline)) void near_the_end(void *unused)
{
    char here;
    if (room != 0) {
        size_t used = (size_t)(&here - start) - room;
        volatile char *gap = alloca(used);
        /* From above, as a stack grows. */
        for (size_t at = used; at > 4096; at -= 4096)
            gap[at - 1] = 1;
        gap[0] = 1;
    }
    call(unused);
}

static void trap(void)
{
    near_the_end(NULL);
    printf("returned\n");
}

/* Survives, ten times. */
static void attempt(void)
{
    for (int i = 0; i < 10; i++)
        printf("trap %d\n", w2n_try(near_the_end, NULL, NULL));
}

static void find_start(void)
{
    pthread_attr_t attributes;
    void *address;
    size_t size;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &address, &size);
    pthread_attr_destroy(&attributes);
    start = address;
}

static void (*task)(void);

static void *thread(void *unused)
{
    /* Each thread that calls an export has to be prepared, to get a stack for signals. */
    if (m_init() == 0)
        task();
    return unused;
}

static void run_thread(void)
{
    pthread_attr_t attributes;
    pthread_t id;
    beyond = mmap(NULL, BEYOND + GUARD + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    start = beyond + BEYOND + GUARD;
    mprotect(start - GUARD, GUARD, PROT_NONE);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, start, STACK);
    pthread_create(&id, &attributes, thread, NULL);
    pthread_join(id, NULL);
    for (size_t at = 0; at < BEYOND; at++)
        if (beyond[at] != 0) {
            printf("somebody wrote %zu bytes below the stack\n", BEYOND + GUARD - at);
            break;
        }
}

int main(int argc, char **argv)
{
    if (argc != 5 || m_init() != 0)
        return 1;
    what = argv[1][0];
    is_thread = strcmp(argv[2], "thread") == 0;
    room = (size_t)atol(argv[3]);
    task = strcmp(argv[4], "attempt") == 0 ? attempt : trap;
    if (is_thread) {
        run_thread();
    } else {
        find_start();
        task();
    }
    return 0;
}
