"""The rows of Scripts/bench, and those that are measured beside Redis."""
import functools
import itertools
import os
import re
import tempfile

import followers
import ledgers
import upkeep
from lines import Line, line
from resp import fields
from servers import PASSPORTS, Trouble

SHOWN = ("verify", "admit")  # works that show passports
MINUTE = 60
PIPELINED = (16, (8, 16, 32, 64, 128))  # connections, and the depths that are tried


def takes_a_minute(bench):
    return bench.options.full and not bench.options.quick and not bench.options.curves


def compare(bench, title, work, connections, pipeline, reach, floor=None, users=None, minute=False, **parameters):
    """All sides do the same work, one after the other in each round. `minute`: a minute each, on ledgers of its own:
    what so many charges leave behind is not the next row's."""
    seconds = MINUTE / bench.count if minute and takes_a_minute(bench) else bench.seconds
    parameters |= {"users": users or bench.users, "seconds": seconds}
    sides = bench.sides(parameters["users"], fresh=minute)
    servers = sides + [bench.floor()] if floor else sides
    rounds = bench.rounds(servers, lambda server, _: bench.measure(server, work, connections, pipeline, **parameters))
    few = work in SHOWN and parameters["users"] > PASSPORTS
    note = f"passports of {PASSPORTS:,} users: more secrets cannot be handed to florin load" if few else None
    if minute:
        # A file that waits to be sealed is disk that a longer run would fill.
        left = {server.name: server.unsealed() for server in sides if server.kind == "florin"}
        if max(left.values()) > upkeep.MOST_UNSEALED:
            raise Trouble(f"the journal grows faster than it is sealed: {left} files wait")
        note = f"{left['florin']} files of the journal not sealed at the end"
    lines = [line(title, rounds, base="redis", ratio=reach, note=note)]
    if floor:
        figures = {side: [run["rate"] for run in rounds[side]] for side in ("florin", "floor")}
        lines.append(Line("  beside the floor", figures, base="floor", ratio=floor))
    return lines


# Its answer depends on what was used in the month: it is asked for each session anew.
VOLUME_DISCOUNT = """
local per_hour = { small = usd"0.025", medium = usd"0.0375", large = usd"0.05", gpu = usd"0.125" }
return function(user_type, tier, seconds_this_month)
  local rate = per_hour[tier]
  if seconds_this_month >= 360000 then rate = rate // 10 * 9 end
  return rate, per_hour[tier]
end
"""


def record(bench):
    """By the rule that a ledger begins with, whose answers stay as they are for each type and tier; and by one that
    Lua is asked about each time."""
    run = functools.partial(compare, bench, work="record", connections=16, pipeline=32, reach=4)
    yield from run("SESSION RECORD, 16 × 32")
    ours = bench.sides(bench.users)[:-1]
    for server in ours:
        loaded = fields(server.ask("RULE", "LOAD", "session_runtime", VOLUME_DISCOUNT))
        server.ask("RULE", "ACTIVATE", "session_runtime", loaded["version"])
    yield from run("  by a rule that is asked each time")
    for server in ours:
        server.ask("RULE", "ACTIVATE", "session_runtime", "1")


def pipelined(bench):
    """At the depth that is best for Florin while its p99 is at most 20 ms; Redis' own best goes into the note."""
    connections, depths = PIPELINED
    sides = bench.sides(bench.users)

    def best(server):
        runs = {depth: bench.measure(server, "charge", connections, depth, bench.seconds / 2) for depth in depths}
        calm = [depth for depth, run in runs.items() if run["p99"] <= 20]
        depth = max(calm or runs, key=lambda depth: runs[depth]["rate"])
        return depth, runs[depth]

    found, _ = best(sides[0])
    other, redis = best(sides[-1])
    note = f"redis best at depth {other}: {redis['rate']:,.0f}/s, p99 {redis['p99']:.1f} ms"
    # What kept its 20 ms in a short run may not in the rounds: then a smaller depth is what counts.
    for depth in [depth for depth in reversed(depths) if depth <= found]:
        rounds = bench.rounds(sides, lambda server, _: bench.measure(server, "charge", connections, depth))
        first = line(f"charge, {connections} × {depth}", rounds, base="redis", ratio=6, note=note)
        if first.p99["florin"] <= 20:
            break
    else:
        first.note += "; p99 is above 20 ms at every depth"
    yield first
    theirs, measured, said = tigerbeetle(bench)
    figures = {"florin": first.figures["florin"], "tigerbeetle": theirs}
    yield Line("  beside TigerBeetle", figures, base="tigerbeetle", ratio=2, note=said, hint=not measured)


def tigerbeetle(bench):
    """Its own benchmark, batches of 8,189 transfers, one client; without its binary what it did elsewhere."""
    binary = os.environ.get("FLORIN_BENCH_TIGERBEETLE")
    if not binary:
        said = "quoted, not measured: 281,000 to 293,000/s (FLORIN_BENCH_TIGERBEETLE=binary measures it)"
        return [287_000] * bench.count, False, said
    command = [binary, "benchmark", f"--account-count={bench.users}", "--transfer-batch-count=8189", "--clients=1"]
    command += [f"--transfer-count={2_000_000 if bench.seconds > 2 else 500_000}", "--query-count=1"]
    rates = []
    for _ in range(bench.count):
        # Its data file lies where it is started.
        with tempfile.TemporaryDirectory(dir=bench.home) as place:
            run = bench.run(command, cwd=place, timeout=120)
        found = re.search(r"load accepted = ([\d,]+) tx/s", run.stdout + run.stderr)
        if not found:
            raise Trouble(f"{binary} benchmark: {(run.stderr or run.stdout).strip()[-200:]}")
        rates.append(float(found.group(1).replace(",", "")))
    return rates, True, "its check of a balance is off in its own benchmark"


LARGE = ("restart", "resident")  # rows that share the large ledgers
# Of the issue; each with what it is called by, --only takes the beginning of it.
ROWS = {
    "charge-1x1": functools.partial(
        compare, title="charge, 1 × 1", work="charge", connections=1, pipeline=1, reach=1.1, floor=0.8
    ),
    "charge-64x1": functools.partial(
        compare, title="charge, 64 × 1", work="charge", connections=64, pipeline=1, reach=2
    ),
    "charge-pipelined": pipelined,
    "aged": upkeep.aged,
    "record": record,
    "admit": functools.partial(
        compare, title="SESSION ADMIT + STOP, 16 × 32", work="admit", connections=16, pipeline=32, reach=4
    ),
    "verify-64x1": functools.partial(
        compare, title="PASSPORT VERIFY, 64 × 1", work="verify", connections=64, pipeline=1, reach=1.6
    ),
    "verify-64x16": functools.partial(
        compare, title="PASSPORT VERIFY, 64 × 16", work="verify", connections=64, pipeline=16, reach=4
    ),
    "ping": functools.partial(compare, title="PING, 64 × 16", work="ping", connections=64, pipeline=16, reach=1),
    "verify-busy": upkeep.verify_busy,
    "followers": followers.followed,
    "snapshot": upkeep.snapshots,
    "restart": ledgers.restart,
    "resident": ledgers.resident,
    "disk": ledgers.disk,
    "import": ledgers.imported,
    "backtest": followers.backtest,
    "users": ledgers.users,
    "type-change": upkeep.type_change,
    "allowances": upkeep.allowances,
}


def full():
    """Every cell of the charge: overnight."""
    cells = itertools.product(
        (100_000, 1_000_000), ("uniform", "zipf", "hot"), (False, True), (((1, 1), 1.1), ((64, 1), 2), ((16, 64), 6))
    )
    rows = {}
    for count, pick, key, ((connections, pipeline), reach) in cells:
        shape = f"{connections} × {pipeline}"
        rows[f"full-{count}-{pick}-{'key' if key else 'plain'}-{connections}x{pipeline}"] = functools.partial(
            compare,
            title=f"{count // 1000} k {pick}{', KEY' if key else ''}, {shape}",
            work="charge",
            connections=connections,
            pipeline=pipeline,
            reach=reach,
            users=count,
            minute=True,
            pick=pick,
            key=str(key).lower(),
        )
    return rows
