#ifndef CLUA_H
#define CLUA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A sandboxed Lua state that holds one function: a pricing rule, or the map of an import.
//
// This header is all that the rest of Florin knows about Lua. Lua reports errors with longjmp, which must not cross a
// Swift frame, so everything that can raise runs below this line, inside lua_pcall; nothing here calls back into Swift.
//
// What holds for every state:
// - Of what others wrote only text is loaded, never bytecode. The environment holds the names of closed_list.h and
//   nothing else; it cannot be written to, nor can its libraries or the metatable of strings be seen.
// - Each call (and each load) may run `instructions` Lua instructions for `nanoseconds` of its thread's time, keep
//   `memory` bytes alive, ask for `allocation` bytes in sum, in strings of at most `string` bytes and other blocks of
//   at most `block`. The last three bound what a single instruction can cost: the count hook does not run inside C.
// - A state that raised an error of any kind is dead and answers CLUA_DEAD from then on: free it, make another.
//
// Compiling is under the memory limits only: nothing can interrupt it. Text is bounded before it is loaded.
//
// A state belongs to one thread at a time. Values that point into it live until its next call.
typedef struct clua clua;

typedef enum __attribute__((enum_extensibility(closed))) clua_status {
    CLUA_OK = 0,
    CLUA_SYNTAX = 1,   // the source does not compile
    CLUA_RUNTIME = 2,  // the code raised an error, or did not return what it must
    CLUA_BUDGET = 3,   // out of instructions or time
    CLUA_MEMORY = 4,   // out of memory
    CLUA_DEAD = 5,     // used after one of these, or before a successful load
    CLUA_ABANDONED = 6,  // a script whose host did not want to go on
} clua_status;

typedef struct clua_limits {
    int instructions;
    int64_t nanoseconds;
    size_t memory;
    size_t allocation;
    size_t string;
    size_t block;
} clua_limits;

// A new state, or NULL when its own libraries do not fit into `limits`. `words` are interned once and stay: passing one
// as an argument, or using one as a key, allocates nothing. At most CLUA_MAXIMUM_WORDS.
enum { CLUA_MAXIMUM_WORDS = 64 };
clua *clua_new(clua_limits limits, const char *const *words, int word_count);
void clua_free(clua *state);

// Compiles and runs a chunk that must return one Lua function. `name` stands before the line number in errors.
clua_status clua_load(clua *state, const char *source, size_t length, const char *name);

// What a successful clua_load compiled, for clua_load_code in another state: returns its length, and writes it when
// `capacity` suffices. Bytecode is not checked by Lua when it is loaded: it must never leave the process, nor come from
// outside.
size_t clua_code(const clua *state, unsigned char *buffer, size_t capacity);

// Takes what clua_code gave, without running it. Some microseconds, where compiling takes up to milliseconds.
clua_status clua_load_code(clua *state, const unsigned char *code, size_t length, const char *name);

// Why the last load or call failed, without control characters; "" after a success.
const char *clua_error(const clua *state);

// ---- Arguments and values ----

typedef enum __attribute__((enum_extensibility(closed))) clua_kind {
    CLUA_NIL = 0,
    CLUA_INTEGER = 1,
    CLUA_FLOAT = 2,
    CLUA_TEXT = 3,
    CLUA_BOOLEAN = 4,
    CLUA_TABLE = 5,
    CLUA_FUNCTION = 6,
    CLUA_OTHER = 7,
    CLUA_WORD = 8,   // arguments only
    CLUA_MONEY = 9,  // scripts only: nano-USD
} clua_kind;

typedef struct clua_value {
    clua_kind kind;
    uint32_t length;   // of text
    int64_t integer;   // an integer, a boolean, an amount in nano-USD, or the number of a word
    double number;     // a float
    const char *text;  // not terminated
} clua_value;

typedef struct clua_query {
    int count;
    clua_value arguments[4];
} clua_query;

static inline void clua_add_word(clua_query *query, int word) {
    clua_value *argument = &query->arguments[query->count++];
    argument->kind = CLUA_WORD;
    argument->integer = word;
}

static inline void clua_add_integer(clua_query *query, int64_t integer) {
    clua_value *argument = &query->arguments[query->count++];
    argument->kind = CLUA_INTEGER;
    argument->integer = integer;
}

static inline void clua_add_text(clua_query *query, const char *text, size_t length) {
    clua_value *argument = &query->arguments[query->count++];
    argument->kind = CLUA_TEXT;
    argument->text = text;
    argument->length = (uint32_t)length;
}

// ---- Calls ----

// Runs the chunk anew, then calls the function it returns, with scalars: within one budget, and with nothing left of
// the calls before. Results are read with clua_result(0…2); further ones are dropped.
clua_status clua_call(clua *state, const clua_query *query);
clua_value clua_result(const clua *state, int index);

// The first result as a table of rows, `{ {a, b}, … }`. The count is -1 when it is not a table with the keys 1…n
// only; the same goes for a row's width. Rows and columns count from 1.
int clua_rows(const clua *state);
int clua_row_width(const clua *state, int row);
clua_value clua_row_value(const clua *state, int row, int column);

// Calls the function that clua_load got (it may remember its calls) with a new table whose fields are the words
// 0…count-1 with these integers.
clua_status clua_call_with_fields(clua *state, const int64_t *values, int count);

// Reads the first result's fields whose keys are the words from `first` on, `count` of them, into `values`: CLUA_NIL
// where one is absent, and with a text that is one of the words after those its number as `integer`, otherwise -1.
// Answers the first other key of the result, described, which ends the reading; NULL when there is none.
const char *clua_fields(clua *state, int first, int count, clua_value *values);

// ---- Line by line ----

// What clua_record_steps records, in native byte order, for each step: four bytes of a line's number, one of how many
// locals follow, and for each a name and its value as text, both with a byte of length. Values are those before the
// line runs. Starts with `most` and zeros, ends with clua_free_steps.
typedef struct clua_steps {
    int most;
    int count;
    bool is_cut;  // there were more
    unsigned char *bytes;
    size_t length;
    size_t capacity;
} clua_steps;

// The next calls write their steps there; NULL: no more. Costs a call some microseconds a step; budgets are the same.
void clua_record_steps(clua *state, clua_steps *steps);
void clua_free_steps(clua_steps *steps);

// ---- Scenarios of load tests (scenario.h) ----

// Gives a new state, before its clua_load, what scenarios may use besides: text formatting, patterns, sorting, roots.
// Nothing in it bounds the work of a single instruction: for scripts of the person who runs the process.
clua_status clua_open_client(clua *state);

// Bytes that grow; start with zeros, end with clua_free_bytes.
typedef struct clua_bytes {
    unsigned char *bytes;
    size_t length;
    size_t capacity;
} clua_bytes;
void clua_free_bytes(clua_bytes *bytes);
// False: no memory for them.
bool clua_append(clua_bytes *bytes, const void *source, size_t count);

typedef struct clua_named {
    const char *name;
    clua_value value;
} clua_named;

// Calls the function that clua_load got with a new table of these fields, and writes what it returned to `result`, in
// native byte order: the kind as one byte, then eight bytes of an integer, a boolean, a float or a function's number;
// of a text four bytes of length and the text; of a table eight bytes that tell it from others, four of their number,
// and keys and values in turn.
clua_status clua_describe(clua *state, const clua_named *parameters, int count, clua_bytes *result);

// Calls a function that was in such a result, by its number, with an integer; writes what it returned likewise.
clua_status clua_call_exported(clua *state, int64_t function, int64_t argument, clua_bytes *result);

// ---- Scripts (script.h) ----

typedef enum __attribute__((enum_extensibility(closed))) clua_host_status {
    CLUA_HOST_VALUE = 0,    // the answer is what the function returns
    CLUA_HOST_REFUSED = 1,  // it returns nil and the answer
    CLUA_HOST_ERROR = 2,    // it raises the answer, a text
    CLUA_HOST_RAISED = 4,   // it raises the answer as it is
    CLUA_HOST_ABANDON = 3,  // the script ends here, and cannot catch that
} clua_host_status;

// Called while a script runs. `arguments`: their number in four bytes, then each as clua_describe writes values. The
// answer is one such value. It must not call back into the state.
typedef clua_host_status (*clua_host)(void *context, int function, const clua_bytes *arguments, clua_bytes *answer);

// A function that calls the host, and where it stands: `ledger.credit.charge`, or `ledger.charge` with a null behind.
typedef struct clua_function {
    const char *path[3];
    int number;
} clua_function;

// Gives a new state, before anything is loaded, what scripts have besides rules: pcall, amounts, bounded functions of
// text, and these functions. Time is the wall's here, from the beginning of a run to its end. `keeps_globals`: what one
// chunk sets the next one sees, errors leave the state as it is, chunk after chunk may be loaded, and `__compile(text)`
// makes a function of a text, or gives nil and why not.
clua_status clua_open_script(clua *state, const clua_function *functions, int count, bool keeps_globals, clua_host host);

// Compiles a script. (What clua_code gives of it goes to clua_load_code of another state, opened likewise.)
clua_status clua_load_script(clua *state, const char *source, size_t length, const char *name);

// Runs it. `lists`: KEYS and ARGV, two values one behind the other; NULL where there are none. `result`: the number of
// values it returned in four bytes, then each, without nils at the end.
clua_status clua_run_script(clua *state, void *context, const clua_bytes *lists, clua_bytes *result);

// Whether the last run ended by an error that was a refusal of the host's, raised as it came: the error's text is
// then its code and its text.
bool clua_raised_refusal(const clua *state);

// Ends the run that is under way, or the next one, until clua_rest. Any thread, while the state is there.
void clua_kill(clua *state);

// Behind a run: lets go of what it left, and of a kill that came too late.
void clua_rest(clua *state);

// ---- Looking inside (tests, INFO) ----

typedef struct clua_usage {
    size_t memory;         // bytes alive now
    size_t asked;          // bytes asked for by the last call
    uint64_t allocations;  // blocks asked for in the state's life
    int instructions;      // of the last call: instructions, or C functions' work worth more of them
} clua_usage;
clua_usage clua_measure(const clua *state);

// From now on instructions are counted one by one, and no more in slices; calls take several times as long.
void clua_count_all(clua *state);

// Writes one line for everything that code in the state can reach: its kind and its path. Returns the length, or 0 when
// `capacity` does not suffice.
size_t clua_enumerate(clua *state, char *buffer, size_t capacity);

#endif
