"""Where the time of a charge goes: the server's own, by stage and thread, what wakes whom, and what is waited for.

A stage works on a batch: a charge is in it for as long as that takes of all of its batch, and by Little's law the rate
times that long are in it at any moment. All others of those that are in flight wait between stages or at the client."""
import collections
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import time
from dataclasses import dataclass

from servers import Trouble
from upkeep import FULL, Beside

RATE = 999  # samples a second
# A sample is of the first stage that one of its functions belongs to.
STAGES = (
    ("journal: sync", r"fdatasync|fsync|PosixFile.*sync"),
    ("journal: write", r"Committer\.write|JournalWriter|CommitLog"),
    ("publish", r"Committer\.publish|accountView|Views\.store"),
    ("tell who waits", r"Committer\.|WorkBatch.*complete"),
    ("ask for rows ahead", r"\bWriter\.prefetch"),
    ("decide", r"\bWriter\.decide|StateMachine\.decide"),
    ("snapshot", r"goOnCapturing|Checkpoints|SnapshotEncoder|SnapshotWriter"),
    ("upkeep, sealing", r"Upkeep|Sealing"),
    ("writer: the rest", r"\bWriter\."),
    ("receipt", r"Dispatcher\.(answer|receipt|completed|settle)|ReplyEncoder"),
    ("parse", r"RequestParser|CommandParser"),
    ("hand over", r"Engine\.submit|Mailbox|PinnedExecutor\.poke"),
    ("socket: write", r"writeToSocket|flushNow"),
    ("dispatch", r"Dispatcher|ConnectionHandler"),
    ("socket: read", r"readFromSocket"),
    ("event loop", r"SelectableEventLoop"),
)


@dataclass
class Stages:
    """A table: nanoseconds a charge by thread and stage, as long as they are worth a line."""

    nanoseconds: dict
    sync: float  # microseconds that one took, on the clock
    wakes: dict  # by thread, how often it was woken a batch
    charges_a_batch: float
    batches_a_second: float
    rate: float

    def shown(self):
        titles = f"{'ns a charge':>12} {'µs a batch':>12} {'in flight':>12}"
        lines = [f"{'thread':<14} {'stage':<20} {titles}"]
        for thread, stages in sorted(self.nanoseconds.items()):
            for stage, nanoseconds in sorted(stages.items(), key=lambda item: -item[1]):
                if nanoseconds >= 5:
                    batch = nanoseconds * self.charges_a_batch / 1000
                    inside = f"{batch:>12,.0f} {batch * self.rate / 1e6:>12,.1f}"
                    lines.append(f"{thread:<14} {stage:<20} {nanoseconds:>12,.0f} {inside}")
        work = sum(sum(stages.values()) for stages in self.nanoseconds.values())
        lines.append(f"{'':<14} {'all':<20} {work:>12,.0f}")
        flight = FULL[0] * FULL[1]
        woken = ", ".join(f"{name} {count:.2f}" for name, count in sorted(self.wakes.items()) if count >= 0.01)
        notes = [
            f"{self.rate:,.0f} charges/s, {FULL[0]} × {FULL[1]}; {self.charges_a_batch:,.0f} charges a batch, "
            f"{self.batches_a_second:,.0f} batches and syncs a second",
            f"a sync took {self.sync:,.0f} µs (median), {self.sync * self.rate / 1e6:,.0f} are in flight in it",
            f"woken a batch: {woken}",
            f"{flight} are in flight, so an answer takes {flight / self.rate * 1e6:,.0f} µs, and "
            f"{work / 1000:.1f} of them are work on it: the rest it waits for the others",
        ]
        return "\n".join(lines + ["    " + note for note in notes] + [""])


def stages(bench):
    if not shutil.which("perf"):
        raise Trouble("the stages are found by samples: perf is not installed (apt-get install linux-perf)")
    server = bench.florin("florin", "--key-memory", "8GiB")
    server.fill(bench.users)
    bench.measure(server, "charge", *FULL)
    server.quiet()
    seconds = bench.seconds * 2
    before, woken, began = server.info("stats"), switches(server), time.monotonic()
    samples = bench.place("samples") / "perf"
    command = ["perf", "record", "-q", "-g", "-F", str(RATE), "-p", str(server.process.pid), "-o", samples]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as sampler, Syncs(server) as syncs:
        run = bench.measure(server, "charge", *FULL, seconds)
        sampler.send_signal(signal.SIGINT)
    after, lasted = server.info("stats"), time.monotonic() - began  # warm-up and all, as the batches
    batches = int(after["batches"]) - int(before["batches"])
    charges = run["commands"]
    nanoseconds = {}
    for (thread, stage), count in by_stage(bench, samples).items():
        nanoseconds.setdefault(thread, {})[stage] = count / RATE / charges * 1e9
    wakes = {thread: (count - woken[thread]) / batches for thread, count in switches(server).items()}
    sync = statistics.median(syncs.microseconds)
    return [Stages(nanoseconds, sync, wakes, charges / batches, batches / lasted, run["rate"])]


class Syncs(Beside):
    """How long the last sync took, looked at now and then."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.microseconds = []

    def work(self):
        for turn in self.turns():
            if turn % 10 == 0:
                self.microseconds.append(int(self.server.info("persistence")["last_sync_usec"]))


def by_stage(bench, samples):
    """How many samples there are of each thread and stage."""
    script = bench.run(["perf", "script", "-i", samples, "-F", "comm,ip,sym"]).stdout
    stacks = []
    for text in script.split("\n\n"):
        lines = text.strip().split("\n")
        if len(lines) > 1:
            stacks.append((lines[0].strip(), [line.strip().split(" ", 1)[-1] for line in lines[1:]]))
    names = sorted({name for _, stack in stacks for name in stack})
    demangled = subprocess.run(
        ["swift", "demangle", "--compact", "--simplified"], input="\n".join(names), capture_output=True, text=True
    ).stdout.split("\n")
    clear = dict(zip(names, demangled))
    found = collections.Counter()
    for thread, stack in stacks:
        whole = "\n".join(clear.get(name, name) for name in stack)
        found[thread, next((stage for stage, pattern in STAGES if re.search(pattern, whole)), "kernel and others")] += 1
    if not found:
        raise Trouble("perf took no samples of the server")
    return found


def switches(server):
    """By thread, how often it slept and was woken."""
    found = collections.Counter()
    for status in sorted(pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/status")):
        text = status.read_text()
        name = re.search(r"Name:\s*(.*)", text)[1]
        found[name] += int(re.search(r"voluntary_ctxt_switches:\s*(\d+)", text)[1])
    return found
