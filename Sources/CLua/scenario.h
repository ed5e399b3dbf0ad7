// Scenarios of load tests: part of clua.c, after everything else. A scenario is written by the person who runs it, in a
// process that serves nobody, so it may do more than a rule: longer budgets, and the names of `client_list` besides
// those of closed_list.h. Rules and maps never come here: their states have not been opened by clua_open_client.

static const struct {
    const char *library;
    const char *name;
} client_list[] = {
    {"string", "find"},  {"string", "format"}, {"string", "gmatch"}, {"string", "gsub"}, {"string", "match"},
    {"string", "rep"},   {"table", "concat"},  {"table", "sort"},    {"table", "unpack"}, {"math", "exp"},
    {"math", "log"},     {"math", "pi"},       {"math", "sqrt"},
};

// Replaces the frozen table on top of the stack by the table that it shows.
static void look_behind(lua_State *L) {
    if (!lua_getmetatable(L, -1)) luaL_error(L, "this is no frozen table");
    lua_getfield(L, -1, "__index");
    lua_replace(L, -3);
    lua_pop(L, 1);
}

static int open_client(lua_State *L) {
    static const struct {
        const char *name;
        lua_CFunction open;
    } libraries[] = {{"math", luaopen_math}, {"string", luaopen_string}, {"table", luaopen_table}};
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        lua_settop(L, 0);
        lua_pushliteral(L, "");
        const bool had_methods = lua_getmetatable(L, 1) != 0;  // luaopen_string sets its own: ours is put back
        if (!had_methods) lua_pushnil(L);
        lua_pushcfunction(L, libraries[i].open);
        lua_pushstring(L, libraries[i].name);
        lua_call(L, 1, 1);  // slot 3
        lua_pushvalue(L, 2);
        lua_setmetatable(L, 1);
        lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
        look_behind(L);
        lua_getfield(L, -1, libraries[i].name);
        look_behind(L);
        for (size_t j = 0; j < sizeof client_list / sizeof client_list[0]; j++) {
            if (strcmp(client_list[j].library, libraries[i].name) != 0) continue;
            lua_getfield(L, 3, client_list[j].name);
            lua_setfield(L, -2, client_list[j].name);
        }
    }
    return 0;
}

clua_status clua_open_client(clua *s) {
    if (s->dead || s->loaded) return fail(s, CLUA_DEAD, "this state cannot be opened any more");
    begin(s);
    lua_pushcfunction(s->lua, open_client);
    const int code = lua_pcall(s->lua, 0, 0, 0);
    return code == LUA_OK ? CLUA_OK : explain(s, code, CLUA_RUNTIME);
}

// ---- Results as bytes ----

enum { MAXIMUM_DEPTH = 16, MAXIMUM_EXPORT = 256 << 20 };

static const char functions_key = 0;

bool clua_append(clua_bytes *bytes, const void *source, size_t count) {
    if (count > bytes->capacity - bytes->length) {
        size_t capacity = bytes->capacity < 256 ? 256 : bytes->capacity;
        while (capacity < bytes->length + count) capacity *= 2;
        void *moved = realloc(bytes->bytes, capacity);
        if (moved == NULL) return false;
        bytes->bytes = moved;
        bytes->capacity = capacity;
    }
    if (count > 0) memcpy(bytes->bytes + bytes->length, source, count);
    bytes->length += count;
    return true;
}

static void put(lua_State *L, clua_bytes *bytes, const void *source, size_t count) {
    const clua *s = state_of(L);
    const size_t most = s->is_script ? s->export_limit : MAXIMUM_EXPORT;
    if (bytes->length + count > most || !clua_append(bytes, source, count))
        luaL_error(L, "more than %d bytes of values cannot be passed on", (int)most);
}

static void put_tag(lua_State *L, clua_bytes *bytes, clua_kind kind) {
    const unsigned char tag = (unsigned char)kind;
    put(L, bytes, &tag, 1);
}

static void put_text(lua_State *L, clua_bytes *bytes, const char *text, size_t length) {
    const uint32_t count = (uint32_t)length;
    put(L, bytes, &count, sizeof count);
    put(L, bytes, text, length);
}

// The value is on top of the stack, and stays there.
static void export_value(lua_State *L, clua_bytes *bytes, int depth) {
    if (depth > MAXIMUM_DEPTH) luaL_error(L, "what the scenario returned is nested more than %d deep", MAXIMUM_DEPTH);
    luaL_checkstack(L, 6, NULL);
    const int value = lua_gettop(L);
    const clua_value plain = value_at(L, value);
    put_tag(L, bytes, plain.kind);
    switch (plain.kind) {
    case CLUA_INTEGER:
    case CLUA_MONEY:
    case CLUA_BOOLEAN:
        put(L, bytes, &plain.integer, sizeof plain.integer);
        break;
    case CLUA_FLOAT:
        put(L, bytes, &plain.number, sizeof plain.number);
        break;
    case CLUA_TEXT:
        put_text(L, bytes, plain.text, plain.length);
        break;
    case CLUA_TABLE: {
        const uint64_t identity = (uint64_t)(uintptr_t)lua_topointer(L, value);
        put(L, bytes, &identity, sizeof identity);
        uint32_t count = 0;
        for (lua_pushnil(L); lua_next(L, value); lua_pop(L, 1)) count += 1;
        put(L, bytes, &count, sizeof count);
        for (lua_pushnil(L); lua_next(L, value); lua_pop(L, 1)) {
            lua_pushvalue(L, -2);
            export_value(L, bytes, MAXIMUM_DEPTH);  // a key: it must not be a table
            lua_pop(L, 1);
            export_value(L, bytes, depth + 1);
        }
        break;
    }
    case CLUA_FUNCTION: {
        if (state_of(L)->is_script) {
            const int64_t none = 0;
            put(L, bytes, &none, sizeof none);
            break;
        }
        if (lua_rawgetp(L, LUA_REGISTRYINDEX, &functions_key) != LUA_TTABLE) {
            lua_pop(L, 1);
            lua_newtable(L);
            lua_pushvalue(L, -1);
            lua_rawsetp(L, LUA_REGISTRYINDEX, &functions_key);
        }
        const int64_t number = (int64_t)lua_rawlen(L, -1) + 1;
        lua_pushvalue(L, value);
        lua_rawseti(L, -2, number);
        lua_pop(L, 1);
        put(L, bytes, &number, sizeof number);
        break;
    }
    case CLUA_NIL:
    case CLUA_OTHER:
    case CLUA_WORD:
        break;
    }
}

struct description {
    const clua_named *parameters;
    int count;
    clua_bytes *result;
};

static int describe(lua_State *L) {
    const struct description *description = lua_touserdata(L, 2);
    lua_settop(L, 1);
    lua_createtable(L, 0, description->count);
    for (int i = 0; i < description->count; i++) {
        const clua_named *parameter = &description->parameters[i];
        lua_pushstring(L, parameter->name);
        switch (parameter->value.kind) {
        case CLUA_TEXT:
            lua_pushlstring(L, parameter->value.text, parameter->value.length);
            break;
        case CLUA_FLOAT:
            lua_pushnumber(L, parameter->value.number);
            break;
        case CLUA_BOOLEAN:
            lua_pushboolean(L, (int)parameter->value.integer);
            break;
        default:
            lua_pushinteger(L, parameter->value.integer);
        }
        lua_rawset(L, -3);
    }
    lua_call(L, 1, 1);
    export_value(L, description->result, 0);
    return 0;
}

static clua_status run_export(clua *s, int arguments) {
    watch(s);
    const int code = lua_pcall(s->lua, arguments, 0, 0);
    return code == LUA_OK ? CLUA_OK : explain(s, code, CLUA_RUNTIME);
}

clua_status clua_describe(clua *s, const clua_named *parameters, int count, clua_bytes *result) {
    if (s->dead || !s->loaded || !lua_isfunction(s->lua, FUNCTION_SLOT))
        return fail(s, CLUA_DEAD, "this state cannot be called any more");
    begin(s);
    result->length = 0;
    struct description description = {parameters, count, result};
    lua_pushcfunction(s->lua, describe);
    lua_pushvalue(s->lua, FUNCTION_SLOT);
    lua_pushlightuserdata(s->lua, &description);
    return run_export(s, 2);
}

struct numbered_call {
    int64_t function;
    int64_t argument;
    clua_bytes *result;
};

static int call_numbered(lua_State *L) {
    const struct numbered_call *call = lua_touserdata(L, 1);
    lua_settop(L, 0);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &functions_key) != LUA_TTABLE) return luaL_error(L, "no such function");
    lua_rawgeti(L, 1, call->function);
    lua_pushinteger(L, call->argument);
    lua_call(L, 1, 1);
    export_value(L, call->result, 0);
    return 0;
}

clua_status clua_call_exported(clua *s, int64_t function, int64_t argument, clua_bytes *result) {
    if (s->dead || !s->loaded) return fail(s, CLUA_DEAD, "this state cannot be called any more");
    begin(s);
    result->length = 0;
    struct numbered_call call = {function, argument, result};
    lua_pushcfunction(s->lua, call_numbered);
    lua_pushlightuserdata(s->lua, &call);
    return run_export(s, 1);
}

void clua_free_bytes(clua_bytes *bytes) {
    free(bytes->bytes);
    *bytes = (clua_bytes){0};
}
