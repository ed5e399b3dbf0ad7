// The closed list: everything a rule or a map can reach. The environment is built from this file, and a test walks the
// finished environment and compares what it finds with this file. Adding a line is a security decision: the count hook
// does not run inside C functions, so whatever is listed must cost little for every argument, or charge for its work.
//
// FUNCTION(library, name, origin): origin is STANDARD, Lua's own, or one of the functions in clua.c.
// CONSTANT(library, name).
//
// Left out on purpose. pcall, xpcall: a rule could swallow its own budget error. next: its order differs from run to
// run (pairs here is sorted). load, dofile, require, package, io, os, debug, coroutine, getmetatable, setmetatable,
// raw*, collectgarbage, print, warn, _G: ways out. string.find, match, gmatch, gsub, rep, format, pack, dump and
// table.concat, move, sort, unpack: unbounded work in one instruction. math.random: not a function of its input;
// exp, log, sin and the like: may differ in the last digit from one machine to the next.

FUNCTION("", "assert", STANDARD)
FUNCTION("", "error", STANDARD)
FUNCTION("", "ipairs", STANDARD)
FUNCTION("", "pairs", sorted_pairs)
FUNCTION("", "select", STANDARD)
FUNCTION("", "tonumber", short_tonumber)
FUNCTION("", "tostring", plain_tostring)
FUNCTION("", "type", STANDARD)
FUNCTION("", "usd", usd)

FUNCTION("math", "abs", STANDARD)
FUNCTION("math", "ceil", STANDARD)
FUNCTION("math", "floor", STANDARD)
FUNCTION("math", "fmod", STANDARD)
FUNCTION("math", "max", STANDARD)
FUNCTION("math", "min", STANDARD)
FUNCTION("math", "tointeger", STANDARD)
FUNCTION("math", "type", STANDARD)
FUNCTION("math", "ult", STANDARD)
CONSTANT("math", "huge")
CONSTANT("math", "maxinteger")
CONSTANT("math", "mininteger")

FUNCTION("string", "byte", single_byte)
FUNCTION("string", "char", charged_char)
FUNCTION("string", "len", STANDARD)
FUNCTION("string", "lower", charged_lower)
FUNCTION("string", "reverse", charged_reverse)
FUNCTION("string", "sub", charged_sub)
FUNCTION("string", "upper", charged_upper)

FUNCTION("table", "insert", charged_insert)
FUNCTION("table", "remove", charged_remove)
