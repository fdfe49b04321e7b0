/* What the C side of every batch and the assembly of the processor agree on.
 *
 * `processor.h` is written by the suite, from the processor's row. Offsets for the assembly stand beside the structures. */
#include "processor.h"

#define STACK_BYTES 512
#define MOST_SAVED 20
#define MOST_CONTROL 4

/* struct outgoing */
#define OUT_FUNCTION 0
#define OUT_INTEGER 16
#define OUT_VECTOR 80
#define OUT_STACK 208
/* struct outcome */
#define OUTCOME_INTEGER 0
#define OUTCOME_VECTOR 16
#define OUTCOME_SAVED 32
#define OUTCOME_CONTROL 192
#define OUTCOME_STACK 224
/* struct received */
#define RECEIVED_NUMBER 0
#define RECEIVED_ENTRY 8
#define RECEIVED_STACK 16
#define RECEIVED_INTEGER 32
#define RECEIVED_VECTOR 96
#define RECEIVED_CONTROL 224
#define RECEIVED_INTEGER_RESULT 256
#define RECEIVED_VECTOR_RESULT 272
#define RECEIVED_SIZE 288

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A value in the low bytes. */
struct value {
    _Alignas(16) unsigned char bytes[16];
};

/* A call to make: what every argument register holds, and the words of the stack. */
struct outgoing {
    void (*function)(void);
    _Alignas(16) uint64_t integer[8];
    struct value vector[8];
    _Alignas(16) unsigned char stack[STACK_BYTES];
};

/* What a call has left behind. */
struct outcome {
    uint64_t integer;
    struct value vector;
    uint64_t saved[MOST_SAVED];
    uint64_t control[MOST_CONTROL];
    _Alignas(16) unsigned char stack[STACK_BYTES];
};

/* A call that has arrived; its results are to be filled in. */
struct received {
    uint64_t number;
    /* Address that has to be a multiple of 16. */
    uint64_t entry;
    /* Stack arguments. */
    const unsigned char *stack;
    _Alignas(16) uint64_t integer[8];
    struct value vector[8];
    uint64_t control[MOST_CONTROL];
    uint64_t integer_result;
    struct value vector_result;
};

enum place { IN_INTEGER, IN_VECTOR, IN_MEMORY };

struct slot {
    enum place place;
    /* Number of the register, or offset from the first stack argument. */
    unsigned at;
};

/* A function type, the values that go through it, and the module's functions for it. */
struct signature {
    /* Letters: `ilfdv` as in Wasm, `bBhH` for int8_t, uint8_t, int16_t, uint16_t. */
    const char *params, *results;
    /* Some letter is one of the latter. */
    int is_narrow;
    const struct value *arguments, *replies;
    /* Where arguments go; those of `down`, the counter left out. */
    const struct slot *slots, *slots_behind_counter;
    /* The same of imports, and of `back`, which may get the host's pointer first. */
    const struct slot *given, *given_behind_counter;
    int has_data, back_has_data;
    /* The structure of results as C lays it out. */
    const unsigned *offsets;
    unsigned size;
    /* Calls the export as the C compiler does. */
    void (*typed)(const struct signature *);
    void (*take)(void), (*give_typed)(void), (*give_raw)(void), (*give_indirect)(void), (*give_reference)(void);
    void (*give_own)(void), (*give_pair)(void);
    void (*tail)(void), (*tail_indirect)(void), (*tail_reference)(void);
    /* Gives C a pointer to `take`, which is kept in `pointer`. Null if there is none. */
    void (*give_pointer)(void), (**pointer)(void);
    void (*pass)(void), (*down)(void), (*again)(void), (*cross)(void);
};

/* The host's pointer; hands it to the library, if that passes it on. */
extern void *const abi_data;
void abi_configure(void);

/* Written by the suite: the signatures, and the module's globals by role, type and place. */
extern const struct signature signatures[];
extern const unsigned n_signatures;
struct globals {
    /* In the order of "ilfdv"; then, of an `i32`, what zero and sign extension make of it. */
    void *const *by_type[5];
    int64_t *const *zero, *const *sign;
};
extern const struct globals parameters_kept, results_kept;

/* For what the suite writes: checks an argument that a C function got, and a result; how often a function was called. */
void check_argument(unsigned place, const void *bytes, unsigned size, const struct value *expected);
void check_reply(unsigned place, const void *bytes, unsigned size, const struct value *expected);
void check_data(const void *data);
void check_alignment(const void *frame);
void count_call(void);

/* The assembly's. */
void abi_call(const struct outgoing *, struct outcome *);
void abi_control(uint64_t *control);
extern const uint64_t abi_saved_pattern[MOST_SAVED];
/* Called by the assembly. */
void abi_received(struct received *);
#endif
