// Scripts: part of clua.c, after scenario.h. A script asks for things while it runs: each command of the ledger is a
// function in it, which calls the host. It may catch errors (pcall), and never its own budget's; amounts are values of
// their own kind, which compute in whole nano-USD and overflow into errors.

enum { MAXIMUM_SCRIPT_EXPORT = 1 << 20, MAXIMUM_RESULTS = 16 };

static const char money_key = 0;

// ---- Amounts ----

static void push_money(lua_State *L, int64_t nanos) {
    int64_t *value = lua_newuserdatauv(L, sizeof *value, 0);
    *value = nanos;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &money_key);
    lua_setmetatable(L, -2);
}

static bool is_money(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &money_key);
    const bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

static int64_t money_at(lua_State *L, int index) { return *(const int64_t *)lua_touserdata(L, index); }

// Decimal text as well: what a receipt shows is such text wherever it was not made an amount yet.
static int64_t check_money(lua_State *L, int index, const char *what) {
    if (is_money(L, index)) return money_at(L, index);
    int64_t nanos;
    size_t length;
    if (lua_type(L, index) == LUA_TSTRING) {
        const char *text = lua_tolstring(L, index, &length);
        if (parse_amount(text, length, true, &nanos)) return nanos;
    }
    return luaL_error(L, "%s takes two amounts; this is a %s (usd\"0.05\" makes one)", what,
                      is_money(L, index) ? "amount" : luaL_typename(L, index));
}

static int too_large(lua_State *L) { return luaL_error(L, "the amount is too large"); }

static int money_add(lua_State *L) {
    int64_t sum;
    if (__builtin_add_overflow(check_money(L, 1, "+"), check_money(L, 2, "+"), &sum)) return too_large(L);
    push_money(L, sum);
    return 1;
}

static int money_subtract(lua_State *L) {
    int64_t difference;
    if (__builtin_sub_overflow(check_money(L, 1, "-"), check_money(L, 2, "-"), &difference)) return too_large(L);
    push_money(L, difference);
    return 1;
}

static int money_negate(lua_State *L) {
    int64_t negated;
    if (__builtin_sub_overflow((int64_t)0, money_at(L, 1), &negated)) return too_large(L);
    push_money(L, negated);
    return 1;
}

static int money_multiply(lua_State *L) {
    const int amount = is_money(L, 1) ? 1 : 2, factor = 3 - amount;
    if (!lua_isinteger(L, factor))
        return luaL_error(L, "an amount is multiplied by a whole number only (m * 9 // 10 takes nine tenths)");
    int64_t product;
    if (__builtin_mul_overflow(money_at(L, amount), (int64_t)lua_tointeger(L, factor), &product)) return too_large(L);
    push_money(L, product);
    return 1;
}

static int64_t check_divisor(lua_State *L) {
    if (!is_money(L, 1) || !lua_isinteger(L, 2) || lua_tointeger(L, 2) == 0)
        luaL_error(L, "an amount is divided by a whole number other than 0 only");
    return lua_tointeger(L, 2);
}

// As Lua divides integers: towards the smaller.
static int money_divide(lua_State *L) {
    const int64_t divisor = check_divisor(L), amount = money_at(L, 1);
    if (divisor == -1 && amount == INT64_MIN) return too_large(L);
    const int64_t quotient = amount / divisor;
    push_money(L, amount % divisor != 0 && (amount < 0) != (divisor < 0) ? quotient - 1 : quotient);
    return 1;
}

static int money_remainder(lua_State *L) {
    const int64_t divisor = check_divisor(L), amount = money_at(L, 1);
    const int64_t rest = divisor == -1 ? 0 : amount % divisor;
    push_money(L, rest != 0 && (rest < 0) != (divisor < 0) ? rest + divisor : rest);
    return 1;
}

static int money_inexact(lua_State *L) {
    return luaL_error(L, "/ is not exact: divide an amount by //, which drops what is below a nano-USD");
}

static int money_equal(lua_State *L) {
    lua_pushboolean(L, is_money(L, 1) && is_money(L, 2) && money_at(L, 1) == money_at(L, 2));
    return 1;
}

static int money_less(lua_State *L) {
    lua_pushboolean(L, check_money(L, 1, "<") < check_money(L, 2, "<"));
    return 1;
}

static int money_at_most(lua_State *L) {
    lua_pushboolean(L, check_money(L, 1, "<=") <= check_money(L, 2, "<="));
    return 1;
}

// As the protocol writes amounts: two fraction digits at least, no zeros behind them.
static size_t money_text(int64_t nanos, char *text, size_t capacity) {
    const uint64_t size = nanos < 0 ? (uint64_t)0 - (uint64_t)nanos : (uint64_t)nanos;
    int length = snprintf(text, capacity, "%s%llu.%09llu", nanos < 0 ? "-" : "",
                          (unsigned long long)(size / 1000000000), (unsigned long long)(size % 1000000000));
    for (int spare = 7; spare > 0 && text[length - 1] == '0'; spare--) length -= 1;
    text[length] = 0;
    return (size_t)length;
}

static int money_to_text(lua_State *L) {
    char text[40];
    lua_pushlstring(L, text, money_text(money_at(L, 1), text, sizeof text));
    return 1;
}

static int money_concat(lua_State *L) {
    char text[40];
    for (int i = 1; i <= 2; i++) {
        if (is_money(L, i)) {
            lua_pushlstring(L, text, money_text(money_at(L, i), text, sizeof text));
        } else {
            if (!lua_isstring(L, i)) return luaL_error(L, "attempt to concatenate a %s", luaL_typename(L, i));
            lua_pushvalue(L, i);
        }
    }
    size_t left, right;
    lua_tolstring(L, -2, &left);
    lua_tolstring(L, -1, &right);
    charge_text(L, left + right);
    luaL_Buffer buffer;
    char *room = luaL_buffinitsize(L, &buffer, left + right);
    memcpy(room, lua_tostring(L, 3), left);
    memcpy(room + left, lua_tostring(L, 4), right);
    luaL_pushresultsize(&buffer, left + right);
    return 1;
}

static int script_usd(lua_State *L) {
    if (is_money(L, 1)) {
        lua_settop(L, 1);
        return 1;
    }
    size_t length = 0;
    int64_t nanos = 0;
    const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &length) : "";
    if (!parse_amount(text, length, true, &nanos))
        return luaL_error(L, "usd takes an amount in quotes, as in usd\"0.0375\": at most nine digits behind the point");
    push_money(L, nanos);
    return 1;
}

static int money_nanos(lua_State *L) {
    lua_pushinteger(L, check_money(L, 1, "money.nanos"));
    return 1;
}

static int money_of(lua_State *L) {
    push_money(L, luaL_checkinteger(L, 1));
    return 1;
}

// ---- What scripts have besides the closed list ----

static int script_tostring(lua_State *L) {
    return lua_gettop(L) > 0 && is_money(L, 1) ? money_to_text(L) : plain_tostring(L);
}

static int script_type(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushstring(L, is_money(L, 1) ? "money" : luaL_typename(L, 1));
    return 1;
}

static int charged_concat(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t gap = 0;
    const char *between = luaL_optlstring(L, 2, "", &gap);
    const lua_Integer first = luaL_optinteger(L, 3, 1);
    const lua_Integer last = luaL_optinteger(L, 4, (lua_Integer)lua_rawlen(L, 1));
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (lua_Integer i = first; i <= last; i++) {
        char amount[40];
        lua_rawgeti(L, 1, i);
        if (is_money(L, -1)) {
            const size_t length = money_text(money_at(L, -1), amount, sizeof amount);
            lua_pop(L, 1);
            charge_text(L, length + gap);
            luaL_addlstring(&buffer, amount, length);
        } else if (lua_isstring(L, -1)) {
            charge_text(L, lua_rawlen(L, -1) + 24 + gap);
            luaL_addvalue(&buffer);
        } else {
            return luaL_error(L, "table.concat: element %d is a %s", (int)i, luaL_typename(L, -1));
        }
        if (i < last) luaL_addlstring(&buffer, between, gap);
        if (i == LUA_MAXINTEGER) break;
    }
    luaL_pushresult(&buffer);
    return 1;
}

static int charged_rep(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    const lua_Integer count = luaL_checkinteger(L, 2);
    if (count <= 0 || length == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    const clua *s = state_of(L);
    if ((uint64_t)count > s->limits.string / length + 1) return luaL_error(L, "string.rep: the text is too long");
    charge_text(L, length * (size_t)count);
    luaL_Buffer buffer;
    char *room = luaL_buffinitsize(L, &buffer, length * (size_t)count);
    for (lua_Integer i = 0; i < count; i++) memcpy(room + (size_t)i * length, text, length);
    luaL_pushresultsize(&buffer, length * (size_t)count);
    return 1;
}

// Plain text only: a pattern's work is bounded by nothing. memmem's grows with the sum of both lengths, at worst too.
static int charged_find(lua_State *L) {
    size_t length, wanted;
    const char *text = luaL_checklstring(L, 1, &length), *what = luaL_checklstring(L, 2, &wanted);
    const lua_Integer from = luaL_optinteger(L, 3, 1);
    luaL_argcheck(L, from >= 1, 3, "it begins at 1");
    if ((uint64_t)from > length + 1 || wanted > length) return 0;
    charge_text(L, length + wanted);
    const size_t start = (size_t)from - 1;
    const char *found = memmem(text + start, length - start, what, wanted);
    if (found == NULL) return 0;
    lua_pushinteger(L, found - text + 1);
    lua_pushinteger(L, found - text + (lua_Integer)wanted);
    return 2;
}

static int bounded_unpack(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    const lua_Integer first = luaL_optinteger(L, 2, 1);
    const lua_Integer last = luaL_optinteger(L, 3, (lua_Integer)lua_rawlen(L, 1));
    if (first > last) return 0;
    if ((lua_Unsigned)last - (lua_Unsigned)first >= 250) return luaL_error(L, "table.unpack gives 250 values at most");
    const int count = (int)(last - first) + 1;
    luaL_checkstack(L, count, NULL);
    charge(L, count);
    for (lua_Integer i = first; i <= last; i++) lua_rawgeti(L, 1, i);
    return count;
}

// ---- Values from bytes ----

struct reader {
    const unsigned char *bytes;
    size_t length;
    size_t offset;
};

static void take(lua_State *L, struct reader *reader, void *target, size_t count) {
    if (count > reader->length - reader->offset) luaL_error(L, "the host's answer ends too early");
    memcpy(target, reader->bytes + reader->offset, count);
    reader->offset += count;
}

// Pushes the next value; the layout is that of export_value.
static void import_value(lua_State *L, struct reader *reader, int depth) {
    if (depth > MAXIMUM_DEPTH) luaL_error(L, "the host's answer is nested too deep");
    luaL_checkstack(L, 6, NULL);
    unsigned char kind;
    int64_t integer;
    take(L, reader, &kind, 1);
    switch ((clua_kind)kind) {
    case CLUA_INTEGER:
        take(L, reader, &integer, sizeof integer);
        lua_pushinteger(L, integer);
        break;
    case CLUA_MONEY:
        take(L, reader, &integer, sizeof integer);
        push_money(L, integer);
        break;
    case CLUA_BOOLEAN:
        take(L, reader, &integer, sizeof integer);
        lua_pushboolean(L, integer != 0);
        break;
    case CLUA_FLOAT: {
        double number;
        take(L, reader, &number, sizeof number);
        lua_pushnumber(L, number);
        break;
    }
    case CLUA_TEXT: {
        uint32_t length;
        take(L, reader, &length, sizeof length);
        if (length > reader->length - reader->offset) luaL_error(L, "the host's answer ends too early");
        lua_pushlstring(L, (const char *)reader->bytes + reader->offset, length);
        reader->offset += length;
        break;
    }
    case CLUA_TABLE: {
        uint64_t identity;
        uint32_t count;
        take(L, reader, &identity, sizeof identity);
        take(L, reader, &count, sizeof count);
        lua_newtable(L);
        for (uint32_t i = 0; i < count; i++) {
            import_value(L, reader, MAXIMUM_DEPTH);
            import_value(L, reader, depth + 1);
            if (lua_isnil(L, -2)) luaL_error(L, "the host's answer has a field without a name");
            lua_rawset(L, -3);
        }
        break;
    }
    default:
        lua_pushnil(L);
    }
}

// ---- Calls of the host ----

static void export_all(lua_State *L, clua_bytes *bytes, int first, int last) {
    bytes->length = 0;
    const uint32_t count = last < first ? 0 : (uint32_t)(last - first + 1);
    put(L, bytes, &count, sizeof count);
    for (int i = first; i <= last; i++) {
        lua_pushvalue(L, i);
        export_value(L, bytes, 0);
        lua_pop(L, 1);
    }
}

static int call_host(lua_State *L) {
    clua *s = state_of(L);
    lua_Debug where;
    if (is_out_of_time(s) && lua_getstack(L, 1, &where)) out_of_budget(L, &where);
    export_all(L, &s->arguments, 1, lua_gettop(L));
    lua_settop(L, 0);
    s->answer.length = 0;
    const int function = (int)lua_tointeger(L, lua_upvalueindex(1));
    const clua_host_status status = s->host(s->context, function, &s->arguments, &s->answer);
    // The host's frame is gone: from here on anything may raise.
    if (status == CLUA_HOST_ABANDON) {
        s->abandoned = true;
        trip(L);
        return luaL_error(L, "the script was left off");
    }
    struct reader reader = {s->answer.bytes, s->answer.length, 0};
    charge_text(L, reader.length);
    if (status == CLUA_HOST_REFUSED) lua_pushnil(L);
    import_value(L, &reader, 0);
    if (status == CLUA_HOST_RAISED) return lua_error(L);
    if (status == CLUA_HOST_ERROR) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
        return lua_error(L);
    }
    return lua_gettop(L);
}

// Compiles what was typed at a prompt as a function; nil and why where it is none. A person waits for it, and no budget
// counts it but that of memory.
static int prompt_compile(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    charge_text(L, length);
    if (luaL_loadbufferx(L, text, length, "=lua", "t") == LUA_OK) return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

struct script_setup {
    const clua_function *functions;
    int count;
    bool keeps_globals;
};

static void set_function(lua_State *L, lua_CFunction function, const char *name) {
    lua_pushcfunction(L, function);
    lua_setfield(L, -2, name);
}

static int open_script(lua_State *L) {
    const struct script_setup *setup = lua_touserdata(L, 1);
    lua_settop(L, 0);

    lua_createtable(L, 0, 16);  // the metatable of amounts
    static const luaL_Reg operations[] = {
        {"__add", money_add},       {"__sub", money_subtract}, {"__unm", money_negate},      {"__mul", money_multiply},
        {"__idiv", money_divide},   {"__mod", money_remainder}, {"__div", money_inexact},    {"__eq", money_equal},
        {"__lt", money_less},       {"__le", money_at_most},   {"__tostring", money_to_text}, {"__concat", money_concat},
        {NULL, NULL}};
    luaL_setfuncs(L, operations, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &money_key);

    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushvalue(L, -1);
    look_behind(L);  // slot 2: the table of globals itself
    lua_newtable(L);  // luaopen_base fills the globals
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushcfunction(L, luaopen_base);
    lua_pushliteral(L, "_G");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "pcall");
    lua_setfield(L, 2, "pcall");
    lua_pushvalue(L, 1);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_settop(L, 2);
    set_function(L, script_usd, "usd");
    set_function(L, script_tostring, "tostring");
    set_function(L, script_type, "type");
    if (setup->keeps_globals) set_function(L, prompt_compile, "__compile");
    lua_newtable(L);
    set_function(L, money_nanos, "nanos");
    set_function(L, money_of, "of");
    freeze(L, "money");
    lua_setfield(L, 2, "money");
    lua_getfield(L, 2, "string");
    look_behind(L);
    set_function(L, charged_rep, "rep");
    set_function(L, charged_find, "find");
    lua_getfield(L, 2, "table");
    look_behind(L);
    set_function(L, charged_concat, "concat");
    set_function(L, bounded_unpack, "unpack");
    lua_settop(L, 2);

    // Tables by the words of each path, made open and frozen at the end.
    lua_newtable(L);  // slot 3: by the first word
    for (int i = 0; i < setup->count; i++) {
        const clua_function *function = &setup->functions[i];
        lua_settop(L, 3);
        if (lua_getfield(L, 3, function->path[0]) == LUA_TNIL) {
            lua_pop(L, 1);
            lua_newtable(L);
            lua_pushvalue(L, -1);
            lua_setfield(L, 3, function->path[0]);
        }
        const char *last = function->path[1];
        if (function->path[2] != NULL) {
            if (lua_getfield(L, 4, function->path[1]) == LUA_TNIL) {
                lua_pop(L, 1);
                lua_newtable(L);
                lua_pushvalue(L, -1);
                lua_setfield(L, 4, function->path[1]);
            }
            last = function->path[2];
        }
        lua_pushinteger(L, function->number);
        lua_pushcclosure(L, call_host, 1);
        lua_setfield(L, -2, last);
    }
    lua_settop(L, 3);
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
        const int library = lua_gettop(L);
        for (lua_pushnil(L); lua_next(L, library); lua_pop(L, 1)) {
            if (!lua_istable(L, -1)) continue;
            freeze(L, lua_tostring(L, -2));
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, library);
        }
        lua_pushvalue(L, library);
        freeze(L, lua_tostring(L, library - 1));
        lua_pushvalue(L, library - 1);
        lua_insert(L, -2);
        lua_rawset(L, 2);
    }

    if (setup->keeps_globals) {
        lua_newtable(L);
        lua_createtable(L, 0, 2);
        lua_pushvalue(L, 1);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_setmetatable(L, -2);
        lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    }
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    return 0;
}

clua_status clua_open_script(clua *s, const clua_function *functions, int count, bool keeps_globals, clua_host host) {
    if (s->dead || s->loaded) return fail(s, CLUA_DEAD, "this state cannot be opened any more");
    begin(s);
    s->host = host;
    s->is_script = true;
    s->keeps_globals = keeps_globals;
    s->export_limit = MAXIMUM_SCRIPT_EXPORT;
    struct script_setup setup = {functions, count, keeps_globals};
    lua_pushcfunction(s->lua, open_script);
    lua_pushlightuserdata(s->lua, &setup);
    const int code = lua_pcall(s->lua, 1, 0, 0);
    return code == LUA_OK ? CLUA_OK : explain(s, code, CLUA_RUNTIME);
}

clua_status clua_load_script(clua *s, const char *source, size_t length, const char *name) {
    if (s->keeps_globals) s->loaded = false;
    const clua_status taken = take_chunk(s, source, length, name, "t");
    s->loaded = taken == CLUA_OK;
    return taken;
}

struct script_run {
    const clua_bytes *lists;
    clua_bytes *result;
};

// Calls the chunk with KEYS and ARGV beside the globals, and writes down what it returned.
static int run_script(lua_State *L) {
    const struct script_run *run = lua_touserdata(L, 2);
    lua_settop(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    if (run->lists != NULL) {
        struct reader reader = {run->lists->bytes, run->lists->length, 0};
        lua_createtable(L, 0, 2);
        import_value(L, &reader, 0);
        lua_setfield(L, 3, "KEYS");
        import_value(L, &reader, 0);
        lua_setfield(L, 3, "ARGV");
        lua_createtable(L, 0, 3);
        lua_pushvalue(L, 2);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, refuse_global);
        lua_setfield(L, -2, "__newindex");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_setmetatable(L, 3);
    }
    if (lua_setupvalue(L, 1, 1) == NULL) lua_pop(L, 1);  // a chunk that names nothing has no environment
    lua_settop(L, 1);
    lua_call(L, 0, MAXIMUM_RESULTS);
    int last = lua_gettop(L);
    while (last > 0 && lua_isnil(L, last)) last -= 1;
    export_all(L, run->result, 1, last);
    return 0;
}

// A refusal that was raised as it came: { code =, text = }.
static void describe_refusal(clua *s) {
    lua_State *L = s->lua;
    const int table = lua_gettop(L);
    lua_pushliteral(L, "code");
    lua_pushliteral(L, "text");
    if (lua_rawget(L, table) == LUA_TSTRING) {
        lua_insert(L, -2);
        if (lua_rawget(L, table) == LUA_TSTRING) {
            char text[sizeof s->error];
            snprintf(text, sizeof text, "%s %s", lua_tostring(L, -1), lua_tostring(L, -2));
            fail(s, CLUA_RUNTIME, text);
            s->was_refusal = true;
        }
    }
    lua_settop(L, table);
}

clua_status clua_run_script(clua *s, void *context, const clua_bytes *lists, clua_bytes *result) {
    if (s->dead || !s->loaded) return fail(s, CLUA_DEAD, "this state cannot be called any more");
    begin(s);
    result->length = 0;
    s->context = context;
    s->abandoned = false;
    s->was_refusal = false;
    s->began = wall_time();
    struct script_run run = {lists, result};
    lua_pushcfunction(s->lua, run_script);
    lua_pushvalue(s->lua, CHUNK_SLOT);
    lua_pushlightuserdata(s->lua, &run);
    watch(s);
    const int code = lua_pcall(s->lua, 2, 0, 0);
    s->context = NULL;
    if (s->abandoned) {
        lua_settop(s->lua, s->base);
        return CLUA_ABANDONED;
    }
    if (code == LUA_OK) return CLUA_OK;
    if (code != LUA_ERRMEM && !s->tripped && lua_istable(s->lua, -1)) {
        describe_refusal(s);
        if (s->was_refusal) {
            lua_settop(s->lua, s->base);
            return CLUA_RUNTIME;
        }
    }
    return explain(s, code, CLUA_RUNTIME);
}

bool clua_raised_refusal(const clua *s) { return s->was_refusal; }

void clua_kill(clua *s) { atomic_store_explicit(&s->killed, true, memory_order_relaxed); }

void clua_rest(clua *s) {
    lua_settop(s->lua, s->base);
    atomic_store_explicit(&s->killed, false, memory_order_relaxed);
}
