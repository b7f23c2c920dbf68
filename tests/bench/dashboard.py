"""The dashboard beside htop and btop, each on a pseudo-terminal that answers status questions (ESC [ 5 n) as a real one does.
Arguments: the fake core's script. Environment: TOLLGATE, BENCH_QUICK=1 (shorter), BENCH_OUT (a folder for dashboard.json)."""
import fcntl, json, math, os, pty, select, shutil, signal, struct, subprocess, sys, tempfile, termios, time

FAKE = sys.argv[1]
TOLLGATE = os.environ["TOLLGATE"]
QUICK = os.environ.get("BENCH_QUICK") == "1"
OTHERS = [name for name in ("htop", "btop") if shutil.which(name)]
QUESTION, ANSWER = b"\x1b[5n", b"\x1b[0n"
GAP = 0.05  # bytes closer together are one frame
RATE, DELAY, SSH_ROOM = 4096, 0.075, 1 << 20  # a slow line: bytes a second, one way; what sshd and its socket take before a write blocks
rows = []


class Program:
    """A child on a pty. `slow`: its terminal is behind a slow line, which takes all it is given and delivers it later."""

    def __init__(self, command, columns, rows_, home, slow=False):
        self.slow, self.queue, self.answers, self.credit = slow, bytearray(), [], time.monotonic()
        self.bytes, self.frames, self.last, self.ended, self.started = 0, [], 0.0, False, time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows_, columns, 0, 0))
            env = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8", XDG_CONFIG_HOME=home)
            os.execvpe(command[0], command, env)

    def wants(self):
        return not self.ended and len(self.queue) < SSH_ROOM

    def read(self):
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return
        now = time.monotonic()
        if now - self.last > GAP:
            self.frames.append(0)
        self.frames[-1] += len(data)
        self.last, self.bytes = now, self.bytes + len(data)
        if self.slow:
            self.queue += data
        elif QUESTION in data:
            self.type(ANSWER)

    def tick(self):
        """What the slow line delivers by now, and the answers that come back over it."""
        now = time.monotonic()
        n = min(len(self.queue), int((now - self.credit) * RATE))
        seen = self.queue[:n + len(QUESTION) - 1].find(QUESTION)
        if seen >= 0:
            n = min(len(self.queue), max(n, seen + len(QUESTION)))
            self.answers.append(now + 2 * DELAY)
        self.credit = now if n == len(self.queue) else self.credit + n / RATE
        del self.queue[:n]
        while self.answers and self.answers[0] <= now:
            self.answers.pop(0)
            self.type(ANSWER)

    def type(self, keys):
        try:
            os.write(self.fd, keys)
        except OSError:
            self.ended = True

    def cpu(self):
        """Seconds of processor time."""
        tasks = os.listdir(f"/proc/{self.pid}/task")
        return sum(int(open(f"/proc/{self.pid}/task/{t}/schedstat").read().split()[0]) for t in tasks) / 1e9

    def status(self, name):
        tasks = os.listdir(f"/proc/{self.pid}/task")
        lines = [line for t in tasks for line in open(f"/proc/{self.pid}/task/{t}/status") if line.startswith(name + ":")]
        return [int(line.split()[1]) for line in lines]

    def memory(self):
        return self.status("VmRSS")[0] / 1024

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def watch(programs, seconds, until=None):
    """Reads what they write for so long, or until something is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (until and until()):
        wait = min(0.01 if until or any(p.slow for p in programs) else 0.5, end - time.monotonic())
        for fd in select.select([p.fd for p in programs if p.wants()], [], [], max(0, wait))[0]:
            next(p for p in programs if p.fd == fd).read()
        for p in programs:
            if p.slow and not p.ended:
                p.tick()


def part(values, share):
    values = sorted(values)
    return values[max(0, math.ceil(len(values) * share) - 1)] if values else float("nan")


def row(what, unit, digits, values, most=None):
    """values: of tollgate, htop, btop; most: what tollgate may have at most."""
    values = list(values) + [None] * (3 - len(values))
    verdict = "" if most is None else "met" if values[0] is not None and values[0] <= most else "missed"
    rows.append({"what": what, "unit": unit, "tollgate": values[0], "htop": values[1], "btop": values[2], "most": most, "verdict": verdict})
    text = ["-" if v is None else f"{v:,.{digits}f}" for v in values]
    bound = "" if most is None else f"<= {most:g} {unit}"
    print(f"{what:<46} {unit:<5} {text[0]:>9} {text[1]:>9} {text[2]:>9}  {bound:<12} {verdict}", flush=True)


class Bench:
    def __init__(self, directory):
        self.directory, self.children = directory, []
        self.home = os.path.join(directory, "home")
        os.makedirs(os.path.join(self.home, "btop"))
        with open(os.path.join(self.home, "btop", "btop.conf"), "w") as f:
            f.write("update_ms = 250\n")

    def core(self, name, *flags):
        path = os.path.join(self.directory, name)
        child = subprocess.Popen(["node", FAKE, path, *flags], stdout=subprocess.PIPE)
        self.children.append(child)
        child.stdout.readline()
        return child, [TOLLGATE, "--socket", path, "--no-mouse"]

    def end(self, child):
        child.kill()
        child.wait()
        self.children.remove(child)

    @staticmethod
    def commands(ours):
        return [ours] + [[name, "-d", "3"] if name == "htop" else [name] for name in OTHERS]

    def all(self, ours, columns, rows_, slow=False):
        return [Program(c, columns, rows_, self.home, slow) for c in self.commands(ours)]

    def steady(self):
        """Four updates a second, 50 models busy; then one a second at the contract's sizes."""
        child, ours = self.core("busy", "--rows", "50", "--models", "46", "--every", "250")
        for columns, rows_ in ((100, 30), (200, 60)):
            self.rates(self.all(ours, columns, rows_), f"4 updates a second, 50 models, {columns}x{rows_}:")
        self.end(child)
        child, ours = self.core("calm", "--rows", "50", "--models", "16")
        sizes = {"80x24": (500, 1000), "100x30": (None, None), "200x60": (1200, 2500)}
        programs = [Program(ours, *map(int, size.split("x")), self.home) for size in sizes]
        watch(programs, 3)
        before = [p.cpu() for p in programs]
        for p in programs:
            p.frames.clear()
        seconds = 20 if QUICK else 40
        watch(programs, seconds)
        for p, (size, most) in zip(programs, sizes.items()):
            row(f"1 update a second, 20 models, {size}: median", "B", 0, [part(p.frames, .5)], most[0])
            row("  p95", "B", 0, [part(p.frames, .95)], most[1])
        row("  CPU, 100x30", "%", 2, [(programs[1].cpu() - before[1]) / seconds * 100], 0.5)
        row("  resident memory, 200x60", "MB", 1, [programs[2].memory()], 10)
        for p in programs:
            p.close()
        self.end(child)

    def details(self):
        """Views with charts and tables of the selected row below their table, at the contract's sizes."""
        child, ours = self.core("details")
        sizes = {"80x24": (500, 1000), "200x60": (1200, 2500)}
        for size, most in sizes.items():
            for key, name in (("2", "Models"), ("3", "Cost centers"), ("4", "Applications"), ("7", "Limits")):
                p = Program(ours, *map(int, size.split("x")), self.home)
                watch([p], 1)
                p.type(key.encode())
                watch([p], 2)
                p.frames.clear()
                watch([p], 10 if QUICK else 20)
                row(f"1 update a second, {name} with details, {size}: median", "B", 0, [part(p.frames, .5)], most[0])
                row("  p95", "B", 0, [part(p.frames, .95)], most[1])
                p.close()
        self.end(child)

    def low_bandwidth(self):
        """The same core as it is told four times a second, and with --low-bandwidth; keys are answered as fast with it."""
        child, ours = self.core("low", "--rows", "50", "--models", "16", "--every", "250")
        print("4 updates a second, 20 models, and --low-bandwidth:")
        sizes = ("80x24", "100x30", "200x60")
        programs = [Program(c, *map(int, size.split("x")), self.home) for size in sizes for c in (ours, ours + ["--low-bandwidth"])]
        watch(programs, 3)
        before = [p.bytes for p in programs]
        seconds = 10 if QUICK else 20
        watch(programs, seconds)
        for i, (p, b) in enumerate(zip(programs, before)):
            row(f"  {sizes[i // 2]}: {'--low-bandwidth, ' if i % 2 else ''}bytes a second", "B", 0, [(p.bytes - b) / seconds])
        for p in programs[:-1]:
            p.close()
        low = self.latencies(programs[-1], [k.encode() for k in "723456891" * 2])
        row("  --low-bandwidth, key to first byte: p95", "ms", 1, [part(low, .95)], 10)
        programs[-1].close()
        self.end(child)

    def rates(self, programs, title):
        watch(programs, 3)
        seconds = 8 if QUICK else 15
        before = [(p.bytes, p.cpu()) for p in programs]
        for p in programs:
            p.frames.clear()
        watch(programs, seconds)
        print(title)
        row("  a frame, median", "B", 0, [part(p.frames, .5) for p in programs])
        row("  p95", "B", 0, [part(p.frames, .95) for p in programs])
        row("  a second", "B", 0, [(p.bytes - b) / seconds for p, (b, _) in zip(programs, before)])
        row("  CPU", "%", 2, [(p.cpu() - c) / seconds * 100 for p, (_, c) in zip(programs, before)])
        row("  resident memory", "MB", 1, [p.memory() for p in programs])
        for p in programs:
            p.close()

    def still(self):
        child, ours = self.core("still", "--rows", "50", "--models", "46", "--quiet")
        first = []
        for command in [ours] + [[name] for name in OTHERS]:
            p = Program(command, 80, 24, self.home)
            watch([p], 5, until=lambda: p.bytes > 500 and time.monotonic() - p.last > 0.2)
            first.append((p.bytes, (p.last - p.started) * 1000))
            if command is ours:
                watch([p], 2)
                bytes_, waits = p.bytes, sum(p.status("voluntary_ctxt_switches"))
                watch([p], 10)
                row("nothing changes: bytes in 10 s", "B", 0, [p.bytes - bytes_], 0)
                row("  wakeups a second", "", 1, [(sum(p.status("voluntary_ctxt_switches")) - waits) / 10], 3)
            p.close()
        row("first paint, 80x24", "B", 0, [f[0] for f in first], 4096)
        row("  after", "ms", 0, [f[1] for f in first], 100)
        self.end(child)

    @staticmethod
    def latencies(program, keys):
        times = []
        for key in keys:
            watch([program], 0.3)
            had, start = program.bytes, time.monotonic()
            program.type(key)
            watch([program], 2, until=lambda: program.bytes > had)
            times.append((time.monotonic() - start) * 1000)
        return times

    def keys(self):
        child, ours = self.core("keys", "--rows", "50", "--models", "46", "--every", "250")
        views = [k.encode() for k in ("723456891" if QUICK else "723456891" * 2)]
        moves = [b"\x1b[B", b"\x1b[B", b"\x1b[A"] * (3 if QUICK else 6)
        busy = []
        for command in self.commands(ours):
            program = Program(command, 100, 30, self.home)
            watch([program], 2)
            busy.append(self.latencies(program, moves if busy else views))
            program.close()
        row("key to first byte, core busy: median", "ms", 1, [part(t, .5) for t in busy])
        row("  p95", "ms", 1, [part(t, .95) for t in busy], 10)
        program = Program(ours, 100, 30, self.home)
        watch([program], 2)
        child.send_signal(signal.SIGSTOP)
        stopped = self.latencies(program, views)
        row("  core stopped (SIGSTOP): p95", "ms", 1, [part(stopped, .95)], 10)
        program.close()
        self.end(child)

    def slow_line(self):
        child, ours = self.core("slow", "--rows", "50", "--models", "46", "--every", "250")
        programs = self.all(ours, 200, 60, slow=True)
        watch(programs, 15 if QUICK else 40)
        gone = []
        for p in programs:
            start = time.monotonic()
            watch(programs, DELAY)
            p.type(b"q")
            watch(programs, 5, until=lambda: p.ended)
            gone.append(time.monotonic() - start + len(p.queue) / RATE + DELAY)
            p.close()
            programs = [x for x in programs if x is not p]
        row(f"q to gone, {15 if QUICK else 40} s at 200x60 over 4 KiB/s, 150 ms", "s", 2, gone, 1)
        self.end(child)

    def long_table(self):
        child, ours = self.core("long", "--rows", "10000")
        p = Program(ours, 100, 30, self.home)
        watch([p], 4)
        self.latencies(p, [b"4"])
        times = self.latencies(p, [k.encode() for k in "jjkGg>>>I/app-1234"] + [b"\x1b", b"1", b"4"])
        row("10,000 rows that change: key, median", "ms", 1, [part(times, .5)])
        row("  p95 (moves, sorts, filter, views)", "ms", 1, [part(times, .95)], 10)
        row("  resident memory", "MB", 1, [p.memory()])
        p.close()
        self.end(child)


def main():
    print(f"{'dashboard':<46} {'unit':<5} {'tollgate':>9} {'htop':>9} {'btop':>9}  contract")
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(directory)
        try:
            for part_ in (bench.steady, bench.details, bench.low_bandwidth, bench.still, bench.keys, bench.slow_line, bench.long_table):
                part_()
        finally:
            for child in bench.children:
                child.kill()
    if os.environ.get("BENCH_OUT"):
        with open(os.path.join(os.environ["BENCH_OUT"], "dashboard.json"), "w") as f:
            json.dump(rows, f, indent=1)


main()
