"""Measures a program on a pseudo-terminal that answers status questions (ESC [ 5 n), as a real terminal does."""
import fcntl, os, pty, select, shutil, signal, struct, subprocess, sys, tempfile, termios, time

SECONDS = float(sys.argv[1])
FAKE = sys.argv[2]
TOLLGATE = os.environ["TOLLGATE"]


class Program:
    """A child on a pty; `rate` bytes a second are taken from it at most (0: all)."""

    def __init__(self, command, columns, rows, rate=0):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            env = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8", XDG_CONFIG_HOME=tempfile.gettempdir() + "/none")
            os.execvpe(command[0], command, env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.rate, self.bytes, self.bursts, self.ended = rate, 0, [], False
        self.last = 0.0

    def take(self, seconds, first=False):
        """Reads for so long; with `first` until something comes. Returns the bytes taken."""
        end, taken = time.monotonic() + seconds, 0
        while not self.ended and time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], max(0, min(0.05, end - time.monotonic())))
            if not ready:
                continue
            try:
                data = os.read(self.fd, 64 if self.rate else 65536)
            except OSError:
                data = b""
            if not data:
                self.ended = True
                break
            now = time.monotonic()
            if now - self.last > 0.1:
                self.bursts.append(0)
            self.bursts[-1] += len(data)
            self.last, taken, self.bytes = now, taken + len(data), self.bytes + len(data)
            if b"\x1b[5n" in data:
                os.write(self.fd, b"\x1b[0n")
            if self.rate:
                time.sleep(len(data) / self.rate)
            elif first:
                break
        return taken

    def key(self, key):
        """Milliseconds from a key to the first byte after it; None: nothing came."""
        self.take(0.4)
        start = time.monotonic()
        os.write(self.fd, key.encode())
        return (time.monotonic() - start) * 1000 if self.take(2, first=True) else None

    def cpu(self):
        fields = open(f"/proc/{self.pid}/stat").read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        return next(int(line.split()[1]) / 1024 for line in open(f"/proc/{self.pid}/status") if line.startswith("VmRSS"))

    def leave(self, key="q"):
        start = time.monotonic()
        os.write(self.fd, key.encode())
        while not self.ended and time.monotonic() - start < 60:
            self.take(0.05)
        return time.monotonic() - start

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def part(values, share):
    values = sorted(v for v in values if v is not None)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def core(directory, *flags):
    path = os.path.join(directory, "control.sock")
    child = subprocess.Popen(["node", FAKE, path, *flags], stdout=subprocess.PIPE)
    child.stdout.readline()
    return child, path


def steady(name, command, columns, rows):
    p = Program(command, columns, rows)
    p.take(3)
    cpu, bytes_, p.bursts = p.cpu(), p.bytes, []
    p.take(SECONDS)
    if p.ended:
        print(f"{name:<34} ended by itself")
    else:
        rate = (p.bytes - bytes_) / SECONDS
        print(f"{name:<34} {part(p.bursts, .5):6.0f} {part(p.bursts, .95):6.0f} {rate:7.0f} B/s {(p.cpu() - cpu) / SECONDS * 100:6.2f} % {p.memory():6.1f} MiB")
    p.close()


def keys(name, command, before=None):
    p = Program(command, 100, 30)
    p.take(3)
    if before:
        before()
        p.take(1)
    times = [p.key(k) for k in "723456789" * 3]
    print(f"{name:<34} {part(times, .5):6.1f} {part(times, .95):6.1f} ms   {sum(t is None for t in times)} unanswered")
    p.close()


def main():
    with tempfile.TemporaryDirectory() as directory:
        child, path = core(directory, "--rows", "50")
        ours = [TOLLGATE, "--socket", path, "--no-mouse"]
        print("                                   a frame: median, p95   a second     CPU     resident")
        for columns, rows in (80, 24), (100, 30), (200, 60):
            steady(f"tollgate {columns}x{rows}", ours, columns, rows)
            for other in "htop", "btop":
                if shutil.which(other):
                    steady(f"{other} {columns}x{rows}", [other], columns, rows)
        print("key to first byte, median and p95")
        keys("core at work", ours)
        keys("core stopped (SIGSTOP)", ours, lambda: child.send_signal(signal.SIGSTOP))
        child.send_signal(signal.SIGCONT)
        slow = Program(ours, 200, 60, rate=4096)
        slow.take(min(40, SECONDS * 2))
        print(f"{'q to gone, 200x60, 4 KiB/s':<34} {slow.leave():6.2f} s")
        slow.close()
        child.kill()
        child.wait()
    with tempfile.TemporaryDirectory() as directory:
        child, path = core(directory, "--rows", "10000", "--quiet")
        p = Program([TOLLGATE, "--socket", path, "--no-mouse"], 100, 30)
        p.take(6)
        times = [p.key("4")] + [p.key(k) for k in "jjjjjkkkkkGgGg"]
        print(f"{'10,000 rows: key to first byte':<34} {part(times, .5):6.1f} {part(times, .95):6.1f} ms   {p.memory():6.1f} MiB")
        p.close()
        child.kill()
        child.wait()


main()
