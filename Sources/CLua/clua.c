#define _GNU_SOURCE  // memmem
#include "CLua.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lua5.4/lua.h>
#include <lua5.4/lauxlib.h>
#include <lua5.4/lualib.h>

// The stack of a state at rest: the source as a function, what it returned (a map only), the words, then what the last
// call returned. So a word becomes an argument by copying a stack slot, and results stay alive until the next call.
enum { CHUNK_SLOT = 1, FUNCTION_SLOT = 2, WORD_SLOT = 3, RESULTS = 3 };

// Instructions between two looks at the budget.
enum { SLICE = 100 };

// So often may a call be short of memory and be saved by a full collection. A rule that lives just below its limit
// would otherwise have one, of a millisecond, for every table it makes.
enum { MAXIMUM_SQUEEZES = 2 };

enum refusal { NO_REFUSAL, TOO_LONG, TOO_LARGE, ASKED_TOO_MUCH, KEPT_TOO_MUCH };

struct clua {
    lua_State *lua;
    clua_limits limits;
    int base;  // stack slots in use at rest
    bool loaded;
    bool dead;
    bool tripped;  // out of instructions
    int slice;     // instructions between two looks at the budget
    clua_steps *steps;  // where calls are recorded line by line, or NULL
    enum refusal refusal;
    int squeezes;
    int left;       // instructions
    int work;       // what C functions may still do in this call, in units of roughly an instruction
    int64_t began;  // the thread's time at the first look; 0: none yet
    size_t used;
    size_t asked;
    uint64_t allocations;
    int word_count;
    const void *words[CLUA_MAXIMUM_WORDS];  // a word is one object wherever it occurs: short strings are interned
    char name[60];  // as much as Lua shows
    char error[512];
    char field[160];
    // Of scripts alone (script.h).
    bool is_script;
    bool keeps_globals;
    bool abandoned;
    bool was_refusal;
    atomic_bool killed;
    size_t export_limit;
    clua_host host;
    void *context;
    clua_bytes arguments;
    clua_bytes answer;
};

static clua *state_of(lua_State *L) { return *(clua **)lua_getextraspace(L); }

// ---- Memory ----

// Never fails to shrink (Lua relies on it). A refusal makes Lua collect everything once and ask again.
static void *allocate(void *context, void *block, size_t old, size_t size) {
    clua *s = context;
    const bool is_string = block == NULL && old == LUA_TSTRING;  // for new blocks `old` tells the kind of object
    if (block == NULL) old = 0;
    if (size == 0) {
        s->used -= old;
        free(block);
        return NULL;
    }
    if (size > old) {
        const size_t header = 64;
        if (is_string && size > s->limits.string + header) {
            s->refusal = TOO_LONG;
            return NULL;
        }
        if (size > s->limits.block) {
            s->refusal = TOO_LARGE;
            return NULL;
        }
        if (s->asked + size > s->limits.allocation) {
            s->refusal = ASKED_TOO_MUCH;
            return NULL;
        }
        if (s->used + (size - old) > s->limits.memory || s->squeezes > MAXIMUM_SQUEEZES) {
            s->squeezes += 1;
            s->refusal = KEPT_TOO_MUCH;
            return NULL;
        }
        s->asked += size;
        s->allocations += 1;
    }
    void *moved = realloc(block, size);
    if (moved == NULL) return size <= old ? block : NULL;
    s->used = s->used - old + size;
    return moved;
}

// ---- Budget ----

static int64_t thread_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t wall_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void out_of_budget(lua_State *L, lua_Debug *where);

// Sticky: whatever runs next stops at once, caught or not.
static void trip(lua_State *L) {
    state_of(L)->tripped = true;
    lua_sethook(L, out_of_budget, LUA_MASKCOUNT, 1);
}

static void out_of_budget(lua_State *L, lua_Debug *where) {
    clua *s = state_of(L);
    trip(L);
    lua_getinfo(L, "Sl", where);
    if (atomic_load_explicit(&s->killed, memory_order_relaxed))
        lua_pushfstring(L, "%s:%d: killed by SCRIPT KILL", where->short_src, where->currentline);
    else if (s->left <= 0)
        lua_pushfstring(L, "%s:%d: still running after %d instructions", where->short_src, where->currentline,
                        s->limits.instructions);
    else
        lua_pushfstring(L, "%s:%d: still running after %d ms", where->short_src, where->currentline,
                        (int)(s->limits.nanoseconds / 1000000));
    lua_error(L);
}

// Under a sanitizer the same work takes many times as long: the wall moves with it.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLOWNESS 20
#endif
#endif
#ifndef SLOWNESS
#define SLOWNESS 1
#endif

// Others wait for a script as long as the clock says, whatever it waits for itself.
static bool is_out_of_time(const clua *s) {
    return atomic_load_explicit(&s->killed, memory_order_relaxed)
        || wall_time() - s->began >= s->limits.nanoseconds * SLOWNESS;
}

// The time is a second wall. An instruction can cost a thousand others (a float turned into text, a remainder, a copy
// of four thousand arguments), and no count knows which; code that stays in the count with plain work never meets the
// wall.
static void look_at_budget(lua_State *L, lua_Debug *where) {
    clua *s = state_of(L);
    s->left -= s->slice;
    // Looking at the time costs more than a hundred instructions do.
    if (s->left > 0 && s->slice < SLICE && s->left % SLICE != 0) return;
    if (s->is_script) {
        if (s->left <= 0 || is_out_of_time(s)) out_of_budget(L, where);
        return;
    }
    const int64_t now = thread_time();
    if (s->began == 0) s->began = now;
    if (s->left <= 0 || now - s->began >= s->limits.nanoseconds * SLOWNESS) out_of_budget(L, where);
}

// Counts from here.
static void watch(clua *s) {
    lua_sethook(s->lua, look_at_budget, LUA_MASKCOUNT, s->slice);
}

// For C functions whose cost grows with their arguments. Some of them between two looks at the time would be many times
// the budget, so what is large looks itself.
static void charge(lua_State *L, lua_Integer units) {
    clua *s = state_of(L);
    lua_Debug where;
    if (units >= 1000 && s->is_script && is_out_of_time(s) && lua_getstack(L, 0, &where)) out_of_budget(L, &where);
    if (units <= s->work) {
        s->work -= (int)units;
        return;
    }
    trip(L);
    luaL_error(L, "still running after work worth %d instructions", s->limits.instructions);
}

#include "steps.h"

// ---- Functions of the closed list that are not Lua's own ----

// Decimal text to integer nano-USD, exactly; the grammar is that of Money in the protocol.
static bool parse_amount(const char *text, size_t length, bool may_be_negative, int64_t *nanos) {
    const bool is_negative = may_be_negative && length > 0 && text[0] == '-';
    if (is_negative) {
        text += 1;
        length -= 1;
    }
    uint64_t value = 0;
    int whole = 0, fraction = -1;  // -1: before the point
    bool good = length <= 32;
    for (size_t i = 0; good && i < length; i++) {
        const char c = text[i];
        if (c == '.') {
            good = fraction < 0 && whole > 0;
            fraction = 0;
            continue;
        }
        good = c >= '0' && c <= '9';
        if (fraction >= 0)
            good = good && ++fraction <= 9;
        else
            whole += 1;
        good = good && !__builtin_mul_overflow(value, 10u, &value);
        good = good && !__builtin_add_overflow(value, (uint64_t)(c - '0'), &value);
    }
    good = good && whole > 0 && fraction != 0;
    for (int i = fraction < 0 ? 0 : fraction; good && i < 9; i++) good = !__builtin_mul_overflow(value, 10u, &value);
    if (!good || value > INT64_MAX) return false;
    *nanos = is_negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static int usd(lua_State *L) {
    if (lua_type(L, 1) != LUA_TSTRING)
        return luaL_error(L, "usd takes text, as in usd\"0.05\"; this is a %s", luaL_typename(L, 1));
    size_t length;
    int64_t value = 0;
    const char *text = lua_tolstring(L, 1, &length);
    if (!parse_amount(text, length, false, &value)) {
        char shown[40];
        snprintf(shown, sizeof shown, "%.32s%s", text, length > 32 ? "..." : "");
        return luaL_error(
            L, "usd\"%s\" is not an amount: digits, then at most one point and nine digits, as in usd\"0.0375\"", shown);
    }
    lua_pushinteger(L, (lua_Integer)value);
    return 1;
}

// No addresses: they differ from run to run.
static int plain_tostring(lua_State *L) {
    luaL_checkany(L, 1);
    switch (lua_type(L, 1)) {
    case LUA_TNUMBER:
        charge(L, lua_isinteger(L, 1) ? 4 : 32);
        // fall through
    case LUA_TSTRING:
        lua_settop(L, 1);
        lua_tostring(L, 1);
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, 1) ? "true" : "false");
        break;
    default:
        lua_pushstring(L, luaL_typename(L, 1));
    }
    return 1;
}

// Numbers in text of at most 64 bytes, base ten or 0x.
static int short_tonumber(lua_State *L) {
    luaL_checkany(L, 1);
    if (!lua_isnoneornil(L, 2)) return luaL_error(L, "tonumber takes one argument here");
    if (lua_type(L, 1) == LUA_TNUMBER) {
        lua_settop(L, 1);
        return 1;
    }
    size_t length;
    const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &length) : NULL;
    charge(L, 8);
    if (text == NULL || length > 64 || lua_stringtonumber(L, text) != length + 1) lua_pushnil(L);
    return 1;
}

// One byte: Lua's own returns as many values as there are bytes, in one instruction.
static int single_byte(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    lua_Integer position = luaL_optinteger(L, 2, 1);
    if (!lua_isnoneornil(L, 3)) return luaL_error(L, "string.byte gives one byte here: string.byte(s, i)");
    if (position < 0) position += (lua_Integer)length + 1;
    if (position < 1 || position > (lua_Integer)length) return 0;
    lua_pushinteger(L, (unsigned char)text[position - 1]);
    return 1;
}

// Text of `length` bytes is read and written.
static void charge_text(lua_State *L, size_t length) { charge(L, 1 + (lua_Integer)(length / 8)); }

static char lower_case(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
static char upper_case(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }

static int convert(lua_State *L, char (*convert_byte)(char)) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    charge_text(L, length);
    luaL_Buffer buffer;
    char *result = luaL_buffinitsize(L, &buffer, length);
    for (size_t i = 0; i < length; i++) result[i] = convert_byte(text[i]);
    luaL_pushresultsize(&buffer, length);
    return 1;
}

static int charged_lower(lua_State *L) { return convert(L, lower_case); }
static int charged_upper(lua_State *L) { return convert(L, upper_case); }

static int charged_reverse(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    charge_text(L, length);
    luaL_Buffer buffer;
    char *result = luaL_buffinitsize(L, &buffer, length);
    for (size_t i = 0; i < length; i++) result[i] = text[length - 1 - i];
    luaL_pushresultsize(&buffer, length);
    return 1;
}

static int charged_sub(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    const lua_Integer size = (lua_Integer)length;
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_optinteger(L, 3, -1);
    if (from < 0) from = from < -size ? 1 : from + size + 1;
    if (from == 0) from = 1;
    if (to < 0) to = to < -size ? 0 : to + size + 1;
    if (to > size) to = size;
    if (from > to) {
        lua_pushliteral(L, "");
        return 1;
    }
    charge_text(L, (size_t)(to - from + 1));
    lua_pushlstring(L, text + from - 1, (size_t)(to - from + 1));
    return 1;
}

static int charged_char(lua_State *L) {
    const int count = lua_gettop(L);
    charge_text(L, (size_t)count * 8);
    luaL_Buffer buffer;
    char *result = luaL_buffinitsize(L, &buffer, (size_t)count);
    for (int i = 1; i <= count; i++) {
        const lua_Unsigned byte = (lua_Unsigned)luaL_checkinteger(L, i);
        luaL_argcheck(L, byte <= 255, i, "value out of range");
        result[i - 1] = (char)byte;
    }
    luaL_pushresultsize(&buffer, (size_t)count);
    return 1;
}

// The only tables with a metatable are the frozen ones.
static void check_writable(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_getmetatable(L, 1)) luaL_error(L, "the environment and its libraries are read-only");
}

static int charged_insert(lua_State *L) {
    check_writable(L);
    const lua_Integer end = (lua_Integer)lua_rawlen(L, 1) + 1;
    lua_Integer position = end;
    switch (lua_gettop(L)) {
    case 2:
        break;
    case 3:
        position = luaL_checkinteger(L, 2);
        luaL_argcheck(L, position >= 1 && position <= end, 2, "position out of bounds");
        charge(L, end - position);
        for (lua_Integer i = end; i > position; i--) {
            lua_rawgeti(L, 1, i - 1);
            lua_rawseti(L, 1, i);
        }
        break;
    default:
        return luaL_error(L, "table.insert takes a table, a position if need be, and a value");
    }
    lua_rawseti(L, 1, position);
    return 0;
}

static int charged_remove(lua_State *L) {
    check_writable(L);
    const lua_Integer size = (lua_Integer)lua_rawlen(L, 1);
    const lua_Integer position = luaL_optinteger(L, 2, size);
    if (size == 0 && position == 0) {
        lua_pushnil(L);
        return 1;
    }
    luaL_argcheck(L, position >= 1 && position <= size, 2, "position out of bounds");
    charge(L, size - position);
    lua_rawgeti(L, 1, position);
    for (lua_Integer i = position; i < size; i++) {
        lua_rawgeti(L, 1, i + 1);
        lua_rawseti(L, 1, i);
    }
    lua_pushnil(L);
    lua_rawseti(L, 1, size);
    return 1;
}

struct key {
    int rank;
    lua_Integer integer;
    lua_Number number;
    const char *text;
    size_t length;
};

static int compare_keys(const void *left, const void *right) {
    const struct key *a = left, *b = right;
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    switch (a->rank) {
    case 1:
        return a->number < b->number ? -1 : a->number > b->number;
    case 2: {
        const size_t shared = a->length < b->length ? a->length : b->length;
        const int order = memcmp(a->text, b->text, shared);
        return order != 0 ? order : a->length < b->length ? -1 : a->length > b->length;
    }
    default:
        return a->integer < b->integer ? -1 : a->integer > b->integer;
    }
}

static int next_sorted(lua_State *L) {
    lua_Integer position = lua_tointeger(L, lua_upvalueindex(3));
    for (;;) {
        position += 1;
        lua_settop(L, 0);
        if (lua_rawgeti(L, lua_upvalueindex(2), position) == LUA_TNIL) return 1;
        lua_pushvalue(L, 1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) break;  // nil: removed meanwhile
        charge(L, 1);
    }
    lua_pushinteger(L, position);
    lua_replace(L, lua_upvalueindex(3));
    return 2;
}

// Integers, floats, text, booleans, each in ascending order. Lua's own order depends on a seed drawn per state, and a
// rule must answer the same when it is asked again by EXPLAIN.
static int sorted_pairs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) count += 1;
    charge(L, 2 * count);
    struct key *keys = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *keys, 0);
    struct key *key = keys;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1), key++) {
        memset(key, 0, sizeof *key);
        switch (lua_type(L, -2)) {
        case LUA_TNUMBER:
            key->rank = lua_isinteger(L, -2) ? 0 : 1;
            if (key->rank == 0)
                key->integer = lua_tointeger(L, -2);
            else
                key->number = lua_tonumber(L, -2);
            break;
        case LUA_TSTRING:
            key->rank = 2;
            key->text = lua_tolstring(L, -2, &key->length);
            break;
        case LUA_TBOOLEAN:
            key->rank = 3;
            key->integer = lua_toboolean(L, -2);
            break;
        default:
            return luaL_error(L, "pairs: keys of type %s have no order", luaL_typename(L, -2));
        }
    }
    qsort(keys, (size_t)count, sizeof *keys, compare_keys);  // compares without raising
    lua_pushvalue(L, 1);
    lua_createtable(L, (int)count, 0);
    for (lua_Integer i = 0; i < count; i++) {
        switch (keys[i].rank) {
        case 0:
            lua_pushinteger(L, keys[i].integer);
            break;
        case 1:
            lua_pushnumber(L, keys[i].number);
            break;
        case 2:
            lua_pushlstring(L, keys[i].text, keys[i].length);  // alive: it is a key of slot 1
            break;
        default:
            lua_pushboolean(L, (int)keys[i].integer);
        }
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_sorted, 3);
    return 1;
}

// ---- The environment ----

#define STANDARD NULL
static const struct listed {
    const char *library;
    const char *name;
    lua_CFunction origin;
} closed_list[] = {
#define FUNCTION(library, name, origin) {library, name, origin},
#define CONSTANT(library, name) {library, name, STANDARD},
#include "closed_list.h"
#undef FUNCTION
#undef CONSTANT
};
enum { LISTED = sizeof closed_list / sizeof closed_list[0] };

static int refuse_global(lua_State *L) {
    const char *name = lua_isstring(L, 2) ? lua_tostring(L, 2) : luaL_typename(L, 2);
    return luaL_error(L, "'%s' is not declared: there are no globals to set here, write 'local %s = ...'", name, name);
}

static int refuse_library(lua_State *L) {
    return luaL_error(L, "the library '%s' is read-only", lua_tostring(L, lua_upvalueindex(1)));
}

// Pops a table of functions, pushes an empty table that shows them and refuses writes.
static void freeze(lua_State *L, const char *library) {
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    if (library == NULL) {
        lua_pushcfunction(L, refuse_global);
    } else {
        lua_pushstring(L, library);
        lua_pushcclosure(L, refuse_library, 1);
    }
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

// Pushes a table with the listed names of one library; the table of Lua's own functions is at `origin`.
static void collect(lua_State *L, const char *library, int origin) {
    lua_newtable(L);
    for (int i = 0; i < LISTED; i++) {
        if (strcmp(closed_list[i].library, library) != 0) continue;
        if (closed_list[i].origin == STANDARD) {
            if (lua_getfield(L, origin, closed_list[i].name) == LUA_TNIL)
                luaL_error(L, "this Lua has no %s.%s", library, closed_list[i].name);
        } else {
            lua_pushcfunction(L, closed_list[i].origin);
        }
        lua_setfield(L, -2, closed_list[i].name);
    }
}

struct setup {
    const char *const *words;
    int word_count;
};

static int set_up(lua_State *L) {
    const struct setup *arguments = lua_touserdata(L, 1);
    static const struct {
        const char *name;
        lua_CFunction open;
    } libraries[] = {{"math", luaopen_math}, {"string", luaopen_string}, {"table", luaopen_table}};

    lua_settop(L, 0);
    lua_pushcfunction(L, luaopen_base);
    lua_pushliteral(L, "_G");
    lua_call(L, 1, 1);
    collect(L, "", 1);
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        lua_pushcfunction(L, libraries[i].open);
        lua_pushstring(L, libraries[i].name);
        lua_call(L, 1, 1);
        collect(L, libraries[i].name, 3);
        lua_remove(L, 3);
        freeze(L, libraries[i].name);
        lua_setfield(L, 2, libraries[i].name);
    }

    // Methods of strings come from the same frozen table; "10" + 1 is an error (Lua's own __add and so on are gone).
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_getfield(L, 2, "string");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);

    freeze(L, NULL);  // pops the collected globals
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_settop(L, 0);

    luaL_checkstack(L, arguments->word_count + WORD_SLOT, NULL);
    for (int i = 1; i < WORD_SLOT; i++) lua_pushboolean(L, 0);  // where the two functions will be
    for (int i = 0; i < arguments->word_count; i++) lua_pushstring(L, arguments->words[i]);
    lua_gc(L, LUA_GCCOLLECT);
    return WORD_SLOT - 1 + arguments->word_count;
}

clua *clua_new(clua_limits limits, const char *const *words, int word_count) {
    if (word_count > CLUA_MAXIMUM_WORDS) return NULL;
    clua *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->limits = limits;
    s->slice = limits.instructions < SLICE ? limits.instructions : SLICE;
    s->lua = lua_newstate(allocate, s);
    if (s->lua == NULL) {
        free(s);
        return NULL;
    }
    *(clua **)lua_getextraspace(s->lua) = s;
    struct setup arguments = {words, word_count};
    lua_pushcfunction(s->lua, set_up);
    lua_pushlightuserdata(s->lua, &arguments);
    if (lua_pcall(s->lua, 1, LUA_MULTRET, 0) != LUA_OK || !lua_checkstack(s->lua, 80)) {
        clua_free(s);
        return NULL;
    }
    s->base = lua_gettop(s->lua);
    s->word_count = word_count;
    for (int i = 0; i < word_count; i++) s->words[i] = lua_topointer(s->lua, WORD_SLOT + i);
    return s;
}

void clua_free(clua *s) {
    if (s == NULL) return;
    lua_close(s->lua);
    clua_free_bytes(&s->arguments);
    clua_free_bytes(&s->answer);
    free(s);
}

// ---- Load and call ----

static void begin(clua *s) {
    lua_settop(s->lua, s->base);
    s->tripped = false;
    s->refusal = NO_REFUSAL;
    s->squeezes = 0;
    s->left = s->limits.instructions;
    s->work = s->limits.instructions;
    s->began = 0;
    s->asked = 0;
    s->error[0] = 0;
}

static clua_status fail(clua *s, clua_status status, const char *message) {
    snprintf(s->error, sizeof s->error, "%s", message);
    for (char *c = s->error; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' ';
    return status;
}

// The error value is on top of the stack.
static clua_status explain(clua *s, int code, clua_status otherwise) {
    lua_State *L = s->lua;
    char text[sizeof s->error];
    clua_status status = otherwise;
    s->dead = !s->keeps_globals;
    if (code == LUA_ERRMEM) {
        status = CLUA_MEMORY;
        switch (s->refusal) {
        case TOO_LONG:
            snprintf(text, sizeof text, "%s: out of memory: a text may have at most %zu bytes", s->name,
                     s->limits.string);
            break;
        case TOO_LARGE:
            snprintf(text, sizeof text, "%s: out of memory: one table, or the stack, may take at most %zu bytes",
                     s->name, s->limits.block);
            break;
        case ASKED_TOO_MUCH:
            snprintf(text, sizeof text, "%s: out of memory: one call may ask for at most %zu bytes in sum", s->name,
                     s->limits.allocation);
            break;
        default:
            snprintf(text, sizeof text, "%s: out of memory: at most %zu bytes may be kept", s->name, s->limits.memory);
        }
    } else if (lua_type(L, -1) == LUA_TSTRING) {
        const char *message = lua_tostring(L, -1);
        const size_t name = strlen(s->name);
        const bool is_named = strncmp(message, s->name, name) == 0 && message[name] == ':';
        snprintf(text, sizeof text, "%s%s%s", is_named ? "" : s->name, is_named ? "" : ": ", message);
    } else {
        snprintf(text, sizeof text, "%s: error called with a %s instead of text", s->name, luaL_typename(L, -1));
    }
    if (s->tripped) status = CLUA_BUDGET;
    lua_settop(L, s->base);
    return fail(s, status, text);
}

// Compiles a chunk, or takes one that was compiled, into its slot.
static clua_status take_chunk(clua *s, const char *bytes, size_t length, const char *name, const char *mode) {
    if (s->dead || s->loaded) return fail(s, CLUA_DEAD, "this state cannot load anything any more");
    lua_State *L = s->lua;
    begin(s);
    snprintf(s->name, sizeof s->name, "%s", name);
    char chunk_name[sizeof s->name + 1];
    snprintf(chunk_name, sizeof chunk_name, "=%s", s->name);
    const int code = luaL_loadbufferx(L, bytes, length, chunk_name, mode);  // protects itself
    if (code != LUA_OK) return explain(s, code, CLUA_SYNTAX);
    lua_replace(L, CHUNK_SLOT);
    return CLUA_OK;
}

// Whether the chunk returned one Lua function, whose results are in the slots from `first` on.
static bool returned_function(lua_State *L, int first) {
    return lua_isfunction(L, first) && !lua_iscfunction(L, first) && lua_isnil(L, first + 1);
}

clua_status clua_load(clua *s, const char *source, size_t length, const char *name) {
    const clua_status taken = take_chunk(s, source, length, name, "t");
    if (taken != CLUA_OK) return taken;
    lua_State *L = s->lua;
    watch(s);
    lua_pushvalue(L, CHUNK_SLOT);
    const int code = lua_pcall(L, 0, 2, 0);
    if (code != LUA_OK) return explain(s, code, CLUA_RUNTIME);
    if (!returned_function(L, s->base + 1)) {
        char text[sizeof s->error];
        snprintf(text, sizeof text, "%s: the source must end with 'return function(...) ... end'; it returned %s",
                 s->name,
                 lua_isnil(L, s->base + 1) ? "nothing"
                 : !lua_isnil(L, s->base + 2) ? "more than one value"
                                              : luaL_typename(L, s->base + 1));
        s->dead = true;
        lua_settop(L, s->base);
        return fail(s, CLUA_RUNTIME, text);
    }
    lua_settop(L, s->base + 1);
    lua_replace(L, FUNCTION_SLOT);
    s->loaded = true;
    return CLUA_OK;
}

struct code {
    unsigned char *bytes;
    size_t capacity;
    size_t length;
};

static int append_code(lua_State *L, const void *bytes, size_t count, void *context) {
    (void)L;
    struct code *code = context;
    if (count <= code->capacity - code->length && code->length <= code->capacity)
        memcpy(code->bytes + code->length, bytes, count);
    code->length += count;
    return 0;
}

size_t clua_code(const clua *s, unsigned char *buffer, size_t capacity) {
    if (s->dead || !s->loaded) return 0;
    struct code code = {buffer, capacity, 0};
    lua_pushvalue(s->lua, CHUNK_SLOT);
    lua_dump(s->lua, append_code, &code, 0);  // writes only: allocates and raises nothing
    lua_pop(s->lua, 1);
    return code.length;
}

clua_status clua_load_code(clua *s, const unsigned char *code, size_t length, const char *name) {
    const clua_status taken = take_chunk(s, (const char *)code, length, name, "b");
    s->loaded = taken == CLUA_OK;
    return taken;
}

const char *clua_error(const clua *s) { return s->error; }

static int make_text(lua_State *L) {
    const clua_value *value = lua_touserdata(L, 1);
    lua_pushlstring(L, value->text, value->length);
    return 1;
}

static clua_status run(clua *s, int arguments) {
    watch(s);
    if (s->steps != NULL) lua_sethook(s->lua, look_at_line, LUA_MASKLINE | LUA_MASKCOUNT, s->slice);
    const int code = lua_pcall(s->lua, arguments, RESULTS, 0);
    return code == LUA_OK ? CLUA_OK : explain(s, code, CLUA_RUNTIME);
}

// Runs the chunk, then calls what it returned with the arguments that follow it.
static int call_anew(lua_State *L) {
    lua_pushvalue(L, 1);
    lua_call(L, 0, 2);
    if (!returned_function(L, lua_gettop(L) - 1)) return luaL_error(L, "the source did not return a function");
    lua_pop(L, 1);
    lua_replace(L, 1);
    lua_call(L, lua_gettop(L) - 1, RESULTS);
    return RESULTS;
}

clua_status clua_call(clua *s, const clua_query *query) {
    if (s->dead || !s->loaded) return fail(s, CLUA_DEAD, "this state cannot be called any more");
    lua_State *L = s->lua;
    begin(s);
    // The chunk's one variable that outlives a run: a source may assign _ENV.
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    if (lua_setupvalue(L, CHUNK_SLOT, 1) == NULL) lua_pop(L, 1);
    lua_pushcfunction(L, call_anew);
    lua_pushvalue(L, CHUNK_SLOT);
    for (int i = 0; i < query->count; i++) {
        const clua_value *argument = &query->arguments[i];
        switch (argument->kind) {
        case CLUA_WORD:
            lua_pushvalue(L, WORD_SLOT + (int)argument->integer);
            break;
        case CLUA_TEXT: {
            lua_pushcfunction(L, make_text);
            lua_pushlightuserdata(L, (void *)argument);
            const int code = lua_pcall(L, 1, 1, 0);
            if (code != LUA_OK) return explain(s, code, CLUA_RUNTIME);
            break;
        }
        default:
            lua_pushinteger(L, argument->integer);
        }
    }
    return run(s, 1 + query->count);
}

struct fields {
    const int64_t *values;
    int count;
};

static int make_table(lua_State *L) {
    const struct fields *fields = lua_touserdata(L, 1);
    lua_createtable(L, 0, fields->count);
    for (int i = 0; i < fields->count; i++) {
        lua_pushvalue(L, 2 + i);
        lua_pushinteger(L, fields->values[i]);
        lua_rawset(L, -3);
    }
    return 1;
}

clua_status clua_call_with_fields(clua *s, const int64_t *values, int count) {
    if (s->dead || !s->loaded || !lua_isfunction(s->lua, FUNCTION_SLOT))
        return fail(s, CLUA_DEAD, "this state cannot be called any more");
    lua_State *L = s->lua;
    begin(s);
    struct fields fields = {values, count};
    lua_pushvalue(L, FUNCTION_SLOT);
    lua_pushcfunction(L, make_table);
    lua_pushlightuserdata(L, &fields);
    for (int i = 0; i < count; i++) lua_pushvalue(L, WORD_SLOT + i);
    const int code = lua_pcall(L, 1 + count, 1, 0);
    if (code != LUA_OK) return explain(s, code, CLUA_RUNTIME);
    return run(s, 1);
}

// ---- Results: raw reads, which neither allocate nor raise ----

static clua_value value_at(lua_State *L, int index) {
    clua_value value = {0};
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
        value.kind = CLUA_NIL;
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            value.kind = CLUA_INTEGER;
            value.integer = lua_tointeger(L, index);
        } else {
            value.kind = CLUA_FLOAT;
            value.number = lua_tonumber(L, index);
        }
        break;
    case LUA_TSTRING: {
        size_t length;
        value.kind = CLUA_TEXT;
        value.text = lua_tolstring(L, index, &length);
        value.length = (uint32_t)length;
        break;
    }
    case LUA_TBOOLEAN:
        value.kind = CLUA_BOOLEAN;
        value.integer = lua_toboolean(L, index);
        break;
    case LUA_TTABLE:
        value.kind = CLUA_TABLE;
        break;
    case LUA_TFUNCTION:
        value.kind = CLUA_FUNCTION;
        break;
    case LUA_TUSERDATA:  // only scripts have any: amounts
        value.kind = CLUA_MONEY;
        value.integer = *(const int64_t *)lua_touserdata(L, index);
        break;
    default:
        value.kind = CLUA_OTHER;
    }
    return value;
}

static bool has_result(const clua *s) { return lua_gettop(s->lua) >= s->base + RESULTS; }

clua_value clua_result(const clua *s, int index) {
    if (!has_result(s) || index < 0 || index >= RESULTS) return (clua_value){0};
    return value_at(s->lua, s->base + 1 + index);
}

static int list_length(lua_State *L, int table) {
    if (!lua_istable(L, table)) return -1;
    const lua_Unsigned length = lua_rawlen(L, table);
    lua_Unsigned keys = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (!lua_isinteger(L, -2) || (lua_Unsigned)lua_tointeger(L, -2) - 1 >= length) {
            lua_pop(L, 2);
            return -1;
        }
        keys += 1;
    }
    return keys == length && length <= INT32_MAX ? (int)length : -1;
}

int clua_rows(const clua *s) { return has_result(s) ? list_length(s->lua, s->base + 1) : -1; }

int clua_row_width(const clua *s, int row) {
    if (!has_result(s) || !lua_istable(s->lua, s->base + 1)) return -1;
    lua_rawgeti(s->lua, s->base + 1, row);
    const int width = list_length(s->lua, lua_gettop(s->lua));
    lua_pop(s->lua, 1);
    return width;
}

clua_value clua_row_value(const clua *s, int row, int column) {
    clua_value value = {0};
    if (!has_result(s) || !lua_istable(s->lua, s->base + 1)) return value;
    if (lua_rawgeti(s->lua, s->base + 1, row) == LUA_TTABLE) {
        lua_rawgeti(s->lua, -1, column);
        value = value_at(s->lua, -1);
        lua_pop(s->lua, 1);
    }
    lua_pop(s->lua, 1);
    return value;
}

// The number of the word at `index`, from `first` on; -1 for anything else.
static int word_at(const clua *s, int index, int first) {
    const void *pointer = lua_topointer(s->lua, index);
    for (int word = first; word < s->word_count; word++)
        if (s->words[word] == pointer) return word;
    return -1;
}

const char *clua_fields(clua *s, int first, int count, clua_value *values) {
    lua_State *L = s->lua;
    for (int i = 0; i < count; i++) values[i] = (clua_value){0};
    if (!has_result(s) || !lua_istable(L, s->base + 1)) return NULL;
    for (lua_pushnil(L); lua_next(L, s->base + 1); lua_pop(L, 1)) {
        const int word = word_at(s, -2, first);
        if (word >= 0 && word < first + count) {
            clua_value *value = &values[word - first];
            *value = value_at(L, -1);
            if (value->kind == CLUA_TEXT) value->integer = word_at(s, -1, first + count);
            continue;
        }
        if (lua_type(L, -2) == LUA_TSTRING)
            snprintf(s->field, sizeof s->field, "'%.100s'", lua_tostring(L, -2));
        else
            snprintf(s->field, sizeof s->field, "of type %s", luaL_typename(L, -2));
        for (char *c = s->field; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' ';
        lua_settop(L, s->base + RESULTS);
        return s->field;
    }
    return NULL;
}

// ---- Looking inside ----

clua_usage clua_measure(const clua *s) {
    const int ran = s->limits.instructions - s->left, worked = s->limits.instructions - s->work;
    return (clua_usage){s->used, s->asked, s->allocations, ran > worked ? ran : worked};
}

void clua_count_all(clua *s) { s->slice = 1; }

struct listing {
    char *buffer;
    size_t capacity;
    size_t length;
    bool full;
};

static void note(struct listing *listing, const char *kind, const char *path) {
    const size_t room = listing->capacity - listing->length;
    const int written = snprintf(listing->buffer + listing->length, room, "%s %s\n", kind, path);
    if (written < 0 || (size_t)written >= room)
        listing->full = true;
    else
        listing->length += (size_t)written;
}

// The value is on top of the stack; slot 1 is the set of what was already entered.
static void walk(lua_State *L, struct listing *listing, const char *path, const char *inside, int depth) {
    if (listing->full || depth > 12) {
        listing->full = true;
        return;
    }
    luaL_checkstack(L, 8, NULL);
    note(listing, luaL_typename(L, -1), path);
    const void *identity = lua_topointer(L, -1);
    const int value = lua_gettop(L), type = lua_type(L, value);
    if (type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA || type == LUA_TTHREAD) {
        const bool seen = lua_rawgetp(L, 1, identity) != LUA_TNIL;
        lua_pop(L, 1);
        if (seen) return;
        lua_pushboolean(L, 1);
        lua_rawsetp(L, 1, identity);
    }
    char child[256], within[256];
    if (type == LUA_TTABLE) {
        for (lua_pushnil(L); lua_next(L, value); lua_pop(L, 1)) {
            if (lua_type(L, -2) == LUA_TSTRING)
                snprintf(child, sizeof child, "%s.%s", inside, lua_tostring(L, -2));
            else
                snprintf(child, sizeof child, "%s[%s]", inside, luaL_typename(L, -2));
            // What a metatable's __index shows has the path by which code reaches it.
            const size_t length = strlen(child);
            snprintf(within, sizeof within, "%s", child);
            if (length > 10 && strcmp(child + length - 10, "<>.__index") == 0) within[length - 10] = 0;
            walk(L, listing, child, within, depth + 1);
        }
    }
    if (type == LUA_TFUNCTION) {
        for (int i = 1; lua_getupvalue(L, value, i) != NULL; i++) {
            snprintf(child, sizeof child, "%s^%d", inside, i);
            walk(L, listing, child, child, depth + 1);
            lua_pop(L, 1);
        }
    }
    if (type != LUA_TSTRING && lua_getmetatable(L, value)) {
        snprintf(child, sizeof child, "%s<>", inside);
        walk(L, listing, child, child, depth + 1);
        lua_pop(L, 1);
    }
}

static int nothing(lua_State *L) { return lua_gettop(L) * 0; }

static int enumerate(lua_State *L) {
    struct listing *listing = lua_touserdata(L, 1);
    lua_settop(L, 0);
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    walk(L, listing, "_ENV", "_ENV", 0);
    lua_settop(L, 1);
    // Values of the basic types have one metatable per type.
    lua_pushnil(L);
    lua_pushboolean(L, 1);
    lua_pushinteger(L, 1);
    lua_pushliteral(L, "");
    lua_pushcfunction(L, nothing);
    lua_pushthread(L);
    lua_pushlightuserdata(L, listing);
    for (int i = 2; i <= 8; i++) {
        if (!lua_getmetatable(L, i)) continue;
        char path[64];
        snprintf(path, sizeof path, "(%s)<>", luaL_typename(L, i));
        walk(L, listing, path, path, 1);
        lua_pop(L, 1);
    }
    return 0;
}

size_t clua_enumerate(clua *s, char *buffer, size_t capacity) {
    if (s->dead) return 0;
    begin(s);
    struct listing listing = {buffer, capacity, 0, false};
    lua_pushcfunction(s->lua, enumerate);
    lua_pushlightuserdata(s->lua, &listing);
    const int code = lua_pcall(s->lua, 1, 0, 0);
    lua_settop(s->lua, s->base);
    return code == LUA_OK && !listing.full ? listing.length : 0;
}

#include "scenario.h"

#include "script.h"
