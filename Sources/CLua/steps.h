// A call line by line: part of clua.c. What is recorded is bytes, bounded, and nothing here allocates in the state or
// raises but for the budget.

// Before each line of the source: its number, and the locals that are in sight there. All of it is bounded: names and
// texts, locals of a step, entries of a table that are looked at, and the bytes in sum.
enum { MOST_STEP_BYTES = 1 << 20, MOST_LOCALS = 32, MOST_TEXT = 80, MOST_ENTRIES = 8 };

// Appends if there is room; nothing is written in part.
static bool put_step(clua_steps *steps, const void *bytes, size_t count) {
    if (steps->length + count > MOST_STEP_BYTES) return false;
    if (steps->length + count > steps->capacity) {
        size_t capacity = steps->capacity == 0 ? 4096 : 2 * steps->capacity;
        while (capacity < steps->length + count) capacity *= 2;
        unsigned char *grown = realloc(steps->bytes, capacity);
        if (grown == NULL) return false;
        steps->bytes = grown;
        steps->capacity = capacity;
    }
    memcpy(steps->bytes + steps->length, bytes, count);
    steps->length += count;
    return true;
}

static bool put_short_text(clua_steps *steps, const char *text) {
    const unsigned char length = (unsigned char)strlen(text);
    return put_step(steps, &length, 1) && put_step(steps, text, length);
}

// What a scalar is, or the kind of anything else. Ends within `room`.
static void show_scalar(lua_State *L, int index, char *text, size_t room) {
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            snprintf(text, room, LUA_INTEGER_FMT, (LUAI_UACINT)lua_tointeger(L, index));
        else
            snprintf(text, room, "%.14g (a float)", lua_tonumber(L, index));
        break;
    case LUA_TSTRING: {
        size_t length;
        const char *bytes = lua_tolstring(L, index, &length);  // a string already: converts nothing
        const bool is_long = length > 40;
        snprintf(text, room, "\"%.*s%s\"", is_long ? 40 : (int)length, bytes, is_long ? "..." : "");
        for (char *c = text; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
        break;
    }
    case LUA_TBOOLEAN:
        snprintf(text, room, "%s", lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TTABLE:
        snprintf(text, room, "{...}");
        break;
    default:
        snprintf(text, room, "%s", luaL_typename(L, index));
    }
}

static int compare_entries(const void *left, const void *right) { return strcmp(left, right); }

// A value as text; of a table its entries, if they are few, in an order that is the same in every state.
static void show_value(lua_State *L, int index, char *text, size_t room) {
    if (lua_type(L, index) != LUA_TTABLE) {
        show_scalar(L, index, text, room);
        return;
    }
    char entries[MOST_ENTRIES][48];
    int count = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (count == MOST_ENTRIES) {
            lua_pop(L, 2);
            snprintf(text, room, "{...} of more than %d entries", MOST_ENTRIES);
            return;
        }
        char key[24], value[24];
        show_scalar(L, -1, value, sizeof value);
        if (lua_type(L, -2) == LUA_TSTRING) {
            snprintf(key, sizeof key, "%.20s", lua_tostring(L, -2));
            for (char *c = key; *c; c++)
                if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
        } else {
            char scalar[20];
            show_scalar(L, -2, scalar, sizeof scalar);
            snprintf(key, sizeof key, "[%s]", scalar);
        }
        snprintf(entries[count], sizeof entries[count], "%.22s = %.22s", key, value);
        count += 1;
    }
    qsort(entries, (size_t)count, sizeof entries[0], compare_entries);
    size_t length = (size_t)snprintf(text, room, "{");
    for (int i = 0; i < count && length < room; i++)
        length += (size_t)snprintf(text + length, room - length, "%s%s", i == 0 ? "" : ", ", entries[i]);
    if (length + 1 < room)
        snprintf(text + length, room - length, "}");
    else if (room > 4)
        snprintf(text + room - 5, 5, "...}");
}

// False: there is no room for it.
static bool put_line(lua_State *L, lua_Debug *where, clua_steps *steps) {
    const size_t began = steps->length;
    const int32_t line = where->currentline;
    unsigned char count = 0;
    if (!put_step(steps, &line, sizeof line) || !put_step(steps, &count, 1)) goto full;
    const size_t place = steps->length - 1;
    const char *name;
    for (int i = 1; count < MOST_LOCALS && (name = lua_getlocal(L, where, i)) != NULL; i++) {
        if (name[0] != '(') {  // what has no name is Lua's own
            char text[MOST_TEXT];
            show_value(L, lua_gettop(L), text, sizeof text);
            char shown[32];
            snprintf(shown, sizeof shown, "%s", name);
            if (!put_short_text(steps, shown) || !put_short_text(steps, text)) {
                lua_pop(L, 1);
                goto full;
            }
            count += 1;
        }
        lua_pop(L, 1);
    }
    steps->bytes[place] = count;
    return true;
full:
    steps->length = began;
    return false;
}

static void look_at_line(lua_State *L, lua_Debug *where) {
    if (where->event == LUA_HOOKCOUNT) {
        look_at_budget(L, where);
        return;
    }
    clua_steps *steps = state_of(L)->steps;
    lua_getinfo(L, "l", where);
    if (steps->count < steps->most && put_line(L, where, steps)) {
        steps->count += 1;
        return;
    }
    steps->is_cut = true;
    watch(state_of(L));  // the rest runs unseen, within the same budget
}

void clua_record_steps(clua *s, clua_steps *steps) { s->steps = steps; }

void clua_free_steps(clua_steps *steps) {
    free(steps->bytes);
    *steps = (clua_steps){0};
}
