"""What an operation costs as the ledger grows: by users, by history, by sessions that are open. Of Florin only. With
where the time of a charge goes (stages.py).

Each point is a server of its own that has grown so far, and the points are measured one after the other in each round:
what else goes on on the machine meets all of them. A cost is shown beside that of the first point in the same round.
"""
import pathlib
import re
import shutil
import statistics
import time
from dataclasses import dataclass, field

from servers import Florin, Trouble, name
from stages import stages
from upkeep import FULL

COST = "µs"  # what a column begins with whose ratio to the first point is shown


@dataclass
class Curve:
    """A table: points by what grew, each with its columns, a figure a round."""

    title: str
    points: dict
    notes: list = field(default_factory=list)

    def shown(self):
        """Lines of text: medians; of costs also the least, which others on the machine add least to, and the median,
        least and greatest of the rounds' ratios."""
        first = next(iter(self.points.values()))
        rows = [[self.title]]
        for column in first:
            rows[0] += [column, "least", " ÷ first"] if column.startswith(COST) else [column]
        for at, figures in self.points.items():
            row = [f"{at:,}"]
            for column, found in figures.items():
                row.append(number(statistics.median(found)))
                if column.startswith(COST):
                    ratios = [here / there for here, there in zip(found, first[column])]
                    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
                    row += [number(min(found)), "" if figures is first else spread]
            rows.append(row)
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths)) for row in rows]
        return "\n".join(lines + ["    " + note for note in self.notes] + [""])


def number(figure):
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def sizes(bench, plain, full):
    """A tenth of each is quick."""
    found = plain + ((full,) if bench.options.full else ())
    return [size // 10 for size in found] if bench.options.quick else found


def grown(bench, size):
    server = Florin(str(size), bench.place(str(size)), bench.binary)
    return bench.begin(server)


def measured(bench, servers, work, users, seconds, steps=1):
    """By point: rate, cost and p99 of `work`, an operation being so many commands. `users`: by server, of how many."""
    rounds = bench.rounds(
        servers, lambda server, _: bench.measure(server, work, *FULL, seconds=seconds, users=users(server))
    )
    for server in servers:
        total = server.info("ledger")["books_sum"]
        if total != "0":
            raise Trouble(f"the books of {server.name} come to {total}")
    what = {"charge": ("charges/s", "a charge"), "admit": ("pairs/s", "a pair")}[work]
    return {
        int(at): {
            what[0]: [run["rate"] for run in runs],
            f"{COST} {what[1]}": [run["cpu"] * steps for run in runs],
            "p99 ms": [run["p99"] for run in runs],
        }
        for at, runs in rounds.items()
    }


def by_users(bench):
    """Charges, uniform over all users there are, and over as many of them as there are at the first point: what is
    dearer of the one and not of the other are cache misses."""
    servers, resident, disk, notes = [], {}, {}, []
    for size in sizes(bench, (10_000, 100_000, 1_000_000), 10_000_000):
        lack = lacking(bench, size, resident, disk) if servers else None
        if lack:
            notes.append(lack)
            continue
        server = grown(bench, size)
        empty = server.resident()
        server.fill(size)
        resident[size] = (server.resident() - empty) / size
        disk[size] = sum(file.stat().st_size for file in server.data.rglob("*") if file.is_file()) / size
        servers.append(server)
    points = measured(bench, servers, "charge", lambda server: int(server.name), bench.seconds)
    few = measured(bench, servers, "charge", lambda server: min(resident), bench.seconds)
    for size, figures in points.items():
        figures[f"{COST}, of {min(resident):,}"] = few[size][f"{COST} a charge"]
        figures["bytes a user"] = [resident[size]]
    notes.append("bytes: resident ones after the fill (e-mail, one lot), less those of an empty server")
    yield Curve("users", points, notes)


def lacking(bench, users, resident, disk):
    """Why there is no room for so many users, if there is none: as much for each as at the last point, and a third
    more, since what grows is there twice for a while."""
    needs = [each[max(each)] * users * 4 / 3 for each in (resident, disk)]
    memory = re.search(r"MemAvailable:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    has = (int(memory.group(1)) * 1024, shutil.disk_usage(bench.home).free)
    for what, need, there in zip(("memory", "disk"), needs, has):
        if need > there:
            return f"skipped: {users:,} users need {need / 1e9:.1f} GB of {what}, and {there / 1e9:.1f} GB are free"
    return None


HISTORY_USERS = 10_000
PAGE, READS = 20, 100  # rows of a page of history, and how many are read


def by_history(bench):
    """Charges of the same users after so many, and the newest page of one of them."""
    # Short runs: what they charge is history, too.
    seconds = bench.seconds / 4
    servers = []
    for size in sizes(bench, (0, 1_000_000, 3_000_000), 10_000_000):
        server = grown(bench, size)
        server.fill(HISTORY_USERS)
        charges = (name(number * 7919 % HISTORY_USERS) for number in range(size))
        server.bulk(("CREDIT", "CHARGE", user, "0.000001", "api") for user in charges)
        servers.append(server)
    before = {server.name: int(server.info("ledger")["last_lsn"]) for server in servers}
    points = measured(bench, servers, "charge", lambda server: HISTORY_USERS, seconds)
    added = {server.name: int(server.info("ledger")["last_lsn"]) - before[server.name] for server in servers}
    pages = bench.rounds(servers, page)
    for server in servers:
        points[int(server.name)]["ms a page"] = pages[server.name]
    yield Curve(
        "charges before",
        points,
        [
            f"of {HISTORY_USERS:,} users; the rounds themselves added {min(added.values()):,} to "
            f"{max(added.values()):,} charges to each point",
            f"a page: the newest {PAGE} rows of CREDIT HISTORY, the median of {READS} users, after the rounds",
        ],
    )


def page(server, turn):
    """Milliseconds until a user's newest rows are there; of users that no other round asks about."""
    found = []
    connection = server.connect()
    for user in range(turn * READS, (turn + 1) * READS):
        began = time.monotonic()
        connection.bulk([("CREDIT", "HISTORY", name(user * 37 % HISTORY_USERS), "COUNT", PAGE)])
        found.append((time.monotonic() - began) * 1000)
    connection.close()
    return statistics.median(found)


def by_sessions(bench):
    """Sessions admitted and stopped while so many others are open, each with a timer."""
    servers = []
    for size in sizes(bench, (1000, 10_000, 100_000), 1_000_000):
        server = grown(bench, size)
        server.fill(bench.users)
        users = (name(number * 7919 % bench.users) for number in range(size))
        server.bulk(("SESSION", "START", f"open-{number}", user, "small") for number, user in enumerate(users))
        servers.append(server)
    points = measured(bench, servers, "admit", lambda server: bench.users, bench.seconds, steps=2)
    for server in servers:
        found = server.info("ledger")["sessions"]
        if found != server.name:
            raise Trouble(f"{server.name} sessions were open, and {found} are")
    yield Curve("open sessions", points, [f"over {bench.users:,} users; a pair is SESSION ADMIT and STOP"])


CURVES = {"curve-users": by_users, "curve-history": by_history, "curve-sessions": by_sessions, "stages": stages}
