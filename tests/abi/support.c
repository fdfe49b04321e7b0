/* The cases: every way of making a call, for every signature of the batch.
 *
 * Prints `case N` before and `done` behind each case, and a line `fault ...` for everything that is wrong in between, so that whoever
 * reads it knows also of a case that ended the program. The arguments are the number of the first case, and how many to run. */
#include "support.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(offsetof(struct outgoing, function) == OUT_FUNCTION, "as the assembly has it");
_Static_assert(offsetof(struct outgoing, integer) == OUT_INTEGER, "as the assembly has it");
_Static_assert(offsetof(struct outgoing, vector) == OUT_VECTOR, "as the assembly has it");
_Static_assert(offsetof(struct outgoing, stack) == OUT_STACK, "as the assembly has it");
_Static_assert(offsetof(struct outcome, integer) == OUTCOME_INTEGER, "as the assembly has it");
_Static_assert(offsetof(struct outcome, vector) == OUTCOME_VECTOR, "as the assembly has it");
_Static_assert(offsetof(struct outcome, saved) == OUTCOME_SAVED, "as the assembly has it");
_Static_assert(offsetof(struct outcome, control) == OUTCOME_CONTROL, "as the assembly has it");
_Static_assert(offsetof(struct outcome, stack) == OUTCOME_STACK, "as the assembly has it");
_Static_assert(offsetof(struct received, number) == RECEIVED_NUMBER, "as the assembly has it");
_Static_assert(offsetof(struct received, entry) == RECEIVED_ENTRY, "as the assembly has it");
_Static_assert(offsetof(struct received, stack) == RECEIVED_STACK, "as the assembly has it");
_Static_assert(offsetof(struct received, integer) == RECEIVED_INTEGER, "as the assembly has it");
_Static_assert(offsetof(struct received, vector) == RECEIVED_VECTOR, "as the assembly has it");
_Static_assert(offsetof(struct received, control) == RECEIVED_CONTROL, "as the assembly has it");
_Static_assert(offsetof(struct received, integer_result) == RECEIVED_INTEGER_RESULT, "as the assembly has it");
_Static_assert(offsetof(struct received, vector_result) == RECEIVED_VECTOR_RESULT, "as the assembly has it");
_Static_assert(sizeof(struct received) == RECEIVED_SIZE, "as the assembly has it");
_Static_assert(N_SAVED <= MOST_SAVED && N_CONTROL <= MOST_CONTROL, "there is room");

/* How deep calls go in `down`: from Wasm to Wasm, and from C to Wasm. */
#define WASM_DEPTH 3
#define C_DEPTH 2

const uint64_t abi_saved_pattern[MOST_SAVED] = {
    0x1111111122222222, 0x3333333344444444, 0x5555555566666666, 0x7777777788888888, 0x99999999aaaaaaaa,
    0xbbbbbbbbcccccccc, 0xddddddddeeeeeeee, 0x123456789abcdef0, 0x0fedcba987654321, 0x1122334455667788,
    0x99aabbccddeeff00, 0x0102030405060708, 0x1020304050607080, 0x1f2f3f4f5f6f7f8f, 0xf1f2f3f4f5f6f7f8,
    0x0011223344556677, 0x8899aabbccddeeff, 0xf0e1d2c3b4a59687, 0x78695a4b3c2d1e0f, 0x0123456789abcdef,
};
static const char *const saved_names[] = SAVED_NAMES;
static const struct {
    const char *name;
    uint64_t mask;
} control_words[] = CONTROL;

/* Control words when the program began. */
static uint64_t first_control[MOST_CONTROL];

/* What is under way. */
static const struct signature *current, *following;
static unsigned n_calls;
static int c_depth;
static void (*pointer_under_way)(void);

static void fault(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("fault ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

/* Bytes of a value in Wasm, where narrow integers are extended. */
static unsigned size_of(char type)
{
    return type == 'v' ? 16 : type == 'l' || type == 'd' ? 8 : 4;
}

static int is_narrow(char type)
{
    return strchr("bBhH", type) != NULL;
}

/* Bytes that C gives a meaning to. */
static unsigned size_in_c(char type)
{
    return is_narrow(type) ? (type == 'b' || type == 'B' ? 1 : 2) : size_of(type);
}

static int is_integer(char type)
{
    return type == 'i' || type == 'l' || is_narrow(type);
}

static int returns_structure(const struct signature *signature)
{
    return strlen(signature->results) > 1;
}

static void compare(const char *what, unsigned place, const void *bytes, unsigned size, const void *expected)
{
    char got[33] = "", wanted[33] = "";
    if (memcmp(bytes, expected, size) == 0)
        return;
    for (unsigned i = 0; i < size; i++) {
        sprintf(got + 2 * i, "%02x", ((const unsigned char *)bytes)[size - 1 - i]);
        sprintf(wanted + 2 * i, "%02x", ((const unsigned char *)expected)[size - 1 - i]);
    }
    fault("%s %u is %s instead of %s", what, place, got, wanted);
}

static uint64_t noise(void)
{
    static uint64_t state = 0x243f6a8885a308d3;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void fill_with_noise(void *start, size_t size)
{
    unsigned char *bytes = start;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(noise() >> 32);
}

/* The module's globals. */

static unsigned number_of(char type)
{
    static const char types[] = "ilfdv";
    return is_narrow(type) ? 0 : (unsigned)(strchr(types, type) - types);
}

static void spoil(const struct globals *globals, const char *types)
{
    for (unsigned place = 0; types[place]; place++) {
        fill_with_noise(globals->by_type[number_of(types[place])][place], size_of(types[place]));
        *globals->zero[place] = *globals->sign[place] = (int64_t)noise();
    }
}

static void check_globals(const char *what, const struct globals *globals, const char *types, const struct value *expected)
{
    for (unsigned place = 0; types[place]; place++) {
        compare(what, place, globals->by_type[number_of(types[place])][place], size_of(types[place]), expected[place].bytes);
        if (number_of(types[place]) == 0) {
            int32_t narrow;
            memcpy(&narrow, expected[place].bytes, sizeof narrow);
            int64_t zero = (uint32_t)narrow, sign = narrow;
            compare("the zero extension of what Wasm got as", place, globals->zero[place], 8, &zero);
            compare("the sign extension of what Wasm got as", place, globals->sign[place], 8, &sign);
        }
    }
}

static void check_parameters_kept(const struct signature *signature)
{
    check_globals("what Wasm got as parameter", &parameters_kept, signature->params, signature->arguments);
}

static void check_results_kept(const struct signature *signature)
{
    check_globals("what Wasm got as result", &results_kept, signature->results, signature->replies);
}

/* The machine's state. */

static void check_control(const char *when, const uint64_t *control)
{
    for (unsigned i = 0; i < N_CONTROL; i++)
        if ((control[i] ^ first_control[i]) & control_words[i].mask)
            fault("%s %s is %#llx instead of %#llx", when, control_words[i].name, (unsigned long long)control[i],
                  (unsigned long long)first_control[i]);
}

void check_alignment(const void *frame)
{
    if ((uintptr_t)frame % 16 != 0)
        fault("a C function's frame is at %p, not a multiple of 16", frame);
}

void check_data(const void *data)
{
    if (data != abi_data)
        fault("the host's pointer is %p instead of %p", data, abi_data);
}

void count_call(void)
{
    n_calls++;
}

void check_argument(unsigned place, const void *bytes, unsigned size, const struct value *expected)
{
    compare("what C got as parameter", place, bytes, size, expected->bytes);
}

void check_reply(unsigned place, const void *bytes, unsigned size, const struct value *expected)
{
    compare("what C got as result", place, bytes, size, expected->bytes);
}

/* Calls into Wasm, register by register. */

/* The structure of results, with what must not be touched around it. */
struct results {
    _Alignas(16) unsigned char before[64], bytes[128], behind[64];
};

static void put(struct outgoing *out, unsigned *used, struct slot slot, const void *bytes, unsigned size)
{
    void *to = slot.place == IN_INTEGER  ? (void *)&out->integer[slot.at]
               : slot.place == IN_VECTOR ? (void *)&out->vector[slot.at]
                                         : (void *)&out->stack[slot.at];
    /* The rest of the register or of the word stays as it is: noise. */
    memcpy(to, bytes, size);
    if (slot.place == IN_MEMORY && slot.at + size > *used)
        *used = slot.at + size;
}

/* Calls with everything set; what no argument needs holds noise. `counter` goes before the parameters, if there is one. */
static void call(const struct signature *signature, void (*function)(void), const char *params, const char *results,
                 const uint32_t *counter)
{
    struct outgoing out;
    struct outcome outcome;
    struct results structure, untouched;
    const int with_structure = strlen(results) > 1;
    unsigned used = 0;
    fill_with_noise(&out, sizeof out);
    fill_with_noise(&outcome, sizeof outcome);
    fill_with_noise(&structure, sizeof structure);
    untouched = structure;
    out.function = function;
    if (with_structure)
        out.integer[0] = (uint64_t)(uintptr_t)structure.bytes;
    if (counter)
        memcpy(&out.integer[with_structure], counter, sizeof *counter);
    for (unsigned place = 0; params[place]; place++) {
        const struct slot *slots = counter ? signature->slots_behind_counter : signature->slots;
        /* An export takes an `i32`, a function pointer what C has. */
        unsigned size = function == pointer_under_way ? size_in_c(params[place]) : size_of(params[place]);
        put(&out, &used, slots[place], signature->arguments[place].bytes, size);
    }
    abi_call(&out, &outcome);
    for (unsigned i = 0; i < N_SAVED; i++)
        if (outcome.saved[i] != abi_saved_pattern[i])
            fault("the call has changed the callee-saved register %s", saved_names[i]);
    check_control("behind the call", outcome.control);
    if (memcmp(out.stack + used, outcome.stack + used, STACK_BYTES - used) != 0)
        fault("the call has changed the caller's frame");
    for (unsigned place = 0; results[place]; place++) {
        const void *bytes = with_structure                 ? (void *)(structure.bytes + signature->offsets[place])
                            : is_integer(results[place]) ? (void *)&outcome.integer
                                                         : (void *)&outcome.vector;
        /* Where callers extend what is narrow, more is in the register than the result. */
        int is_whole = function != pointer_under_way || EXTENDS_RESULTS;
        unsigned size = is_whole ? size_of(results[place]) : size_in_c(results[place]);
        check_reply(place, bytes, size, &signature->replies[place]);
    }
    unsigned size = with_structure ? signature->size : 0;
    if (memcmp(structure.before, untouched.before, sizeof structure.before) != 0
        || memcmp(structure.bytes + size, untouched.bytes + size, sizeof structure.bytes - size) != 0
        || memcmp(structure.behind, untouched.behind, sizeof structure.behind) != 0)
        fault("the call has written around the structure of results");
}

/* As `call`, for an export of the signature's own type. */
static void call_with_arguments(const struct signature *signature, void (*function)(void))
{
    call(signature, function, signature->params, signature->results, NULL);
}

static void call_without_arguments(const struct signature *signature, void (*function)(void))
{
    call(signature, function, "", "", NULL);
}

static void call_down(const struct signature *signature, uint32_t counter)
{
    spoil(&parameters_kept, signature->params);
    spoil(&results_kept, signature->results);
    call(signature, signature->down, signature->params, signature->results, &counter);
    check_parameters_kept(signature);
    check_results_kept(signature);
}

/* Calls from Wasm, register by register. */

void abi_received(struct received *received)
{
    const struct signature *signature = &signatures[received->number / 2];
    const int is_back = received->number % 2;
    const int with_structure = returns_structure(signature);
    const int with_data = is_back ? signature->back_has_data : signature->has_data;
    const struct slot *slots = is_back ? signature->given_behind_counter : signature->given;
    n_calls++;
    if (with_data)
        check_data((const void *)(uintptr_t)received->integer[0]);
    if (signature != current && signature != following)
        fault("the wrong function was called: number %llu", (unsigned long long)received->number);
    if (received->entry % 16 != 0)
        fault("the stack is at %#llx before the call, not at a multiple of 16", (unsigned long long)received->entry);
    check_control("at a C function's entry", received->control);
    for (unsigned place = 0; signature->params[place]; place++) {
        struct slot slot = slots[place];
        const void *bytes = slot.place == IN_INTEGER  ? (const void *)&received->integer[slot.at]
                            : slot.place == IN_VECTOR ? (const void *)&received->vector[slot.at]
                                                      : (const void *)(received->stack + slot.at);
        check_argument(place, bytes, size_of(signature->params[place]), &signature->arguments[place]);
    }
    if (is_back) {
        uint32_t counter = (uint32_t)received->integer[with_data + with_structure];
        if (counter != 0)
            fault("the counter is %u instead of 0", counter);
        if (c_depth > 0) {
            c_depth--;
            call_down(signature, WASM_DEPTH);
        }
    }
    fill_with_noise(&received->integer_result, sizeof received->integer_result);
    fill_with_noise(&received->vector_result, sizeof received->vector_result);
    for (unsigned place = 0; signature->results[place]; place++) {
        void *bytes = with_structure ? (unsigned char *)(uintptr_t)received->integer[with_data] + signature->offsets[place]
                      : is_integer(signature->results[place]) ? (void *)&received->integer_result
                                                              : (void *)&received->vector_result;
        /* As for arguments: what `down` gets back is an `i32`. */
        memcpy(bytes, signature->replies[place].bytes,
               is_back ? size_of(signature->results[place]) : size_in_c(signature->results[place]));
        if ((uintptr_t)bytes % size_of(signature->results[place]) != 0)
            fault("the structure of results is not aligned: result %u belongs at %p", place, bytes);
    }
}

/* The ways of making a call; the suite lists them by name. */

static void begin(const struct signature *signature)
{
    spoil(&parameters_kept, signature->params);
    spoil(&results_kept, signature->results);
    current = following = signature;
    n_calls = 0;
}

static void check_calls(unsigned expected)
{
    if (n_calls != expected)
        fault("C was called %u times instead of %u", n_calls, expected);
}

/* C calls an export with the code of the C compiler, and with all registers set. */
void export_typed(const struct signature *signature)
{
    signature->typed(signature);
    check_calls(0);
    check_parameters_kept(signature);
}

void export_raw(const struct signature *signature)
{
    call_with_arguments(signature, signature->take);
    check_calls(0);
    check_parameters_kept(signature);
}

/* C gets a function pointer from Wasm, and calls that. */
void pointer(const struct signature *signature)
{
    call_without_arguments(signature, signature->give_pointer);
    pointer_under_way = *signature->pointer;
    call_with_arguments(signature, *signature->pointer);
    check_parameters_kept(signature);
    /* The same function has the same pointer. */
    void (*first)(void) = *signature->pointer;
    call_without_arguments(signature, signature->give_pointer);
    if (*signature->pointer != first)
        fault("the function's pointer is another one");
}

/* Wasm calls an import: directly, through a table, by a reference. */
static void give(const struct signature *signature, void (*function)(void))
{
    call_without_arguments(signature, function);
    check_calls(1);
    check_results_kept(signature);
}

void import_typed(const struct signature *signature)
{
    give(signature, signature->give_typed);
}

void import_raw(const struct signature *signature)
{
    give(signature, signature->give_raw);
}

void import_indirect(const struct signature *signature)
{
    give(signature, signature->give_indirect);
}

void import_reference(const struct signature *signature)
{
    give(signature, signature->give_reference);
}

/* Wasm calls two imports, one after the other; the results of the first are written over. */
void import_pair(const struct signature *signature)
{
    following = &signatures[(signature - signatures + 1) % n_signatures];
    spoil(&results_kept, following->results);
    call_without_arguments(signature, signature->give_pair);
    check_calls(2);
    check_results_kept(following);
}

/* Wasm calls an export, through a table, and from another object. */
static void stay(const struct signature *signature, void (*function)(void))
{
    call_without_arguments(signature, function);
    check_calls(0);
    check_parameters_kept(signature);
    check_results_kept(signature);
}

void export_indirect(const struct signature *signature)
{
    stay(signature, signature->give_own);
}

void export_cross(const struct signature *signature)
{
    stay(signature, signature->cross);
}

/* C calls Wasm, which calls C with the same arguments and returns its results: as a tail call, through a thunk, and in the middle. */
static void forward(const struct signature *signature, void (*function)(void))
{
    call_with_arguments(signature, function);
    check_calls(1);
}

void tail(const struct signature *signature)
{
    forward(signature, signature->tail);
}

void tail_indirect(const struct signature *signature)
{
    forward(signature, signature->tail_indirect);
}

void tail_reference(const struct signature *signature)
{
    forward(signature, signature->tail_reference);
}

void reexport(const struct signature *signature)
{
    forward(signature, signature->again);
}

void pass(const struct signature *signature)
{
    forward(signature, signature->pass);
    check_parameters_kept(signature);
    check_results_kept(signature);
}

/* C calls Wasm, which calls itself, then C, which calls Wasm … */
void recursion(const struct signature *signature)
{
    c_depth = C_DEPTH;
    call_down(signature, WASM_DEPTH);
    check_calls(C_DEPTH + 1);
}

extern void (*const ways[])(const struct signature *);
extern const unsigned n_ways;

/* Not all ways are for all signatures; the suite knows which are not. */
static int is_sensible(const struct signature *signature, void (*way)(const struct signature *))
{
    if (way == pointer)
        return signature->pointer != NULL;
    return !signature->is_narrow || (way != export_typed && way != export_raw && way != export_indirect && way != export_cross);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    abi_control(first_control);
    abi_configure();
    if (argc != 3)
        return 1;
    unsigned first = (unsigned)atoi(argv[1]), end = first + (unsigned)atoi(argv[2]);
    for (unsigned number = first; number < end && number < n_signatures * n_ways; number++) {
        printf("case %u\n", number);
        const struct signature *signature = &signatures[number / n_ways];
        begin(signature);
        if (is_sensible(signature, ways[number % n_ways]))
            ways[number % n_ways](signature);
        printf("done\n");
    }
    return 0;
}
