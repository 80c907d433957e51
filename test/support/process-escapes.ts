// Ways out of a process sandbox, and ways to bring its host down, from public write-ups: advisories of bubblewrap and
// Flatpak (CVE-2017-5226 TIOCSTI, CVE-2021-41133 mounts, CVE-2023-28100 TIOCLINUX), of runc (CVE-2019-5736, CVE-2024-21626
// descriptors), of user namespaces, io_uring and core_pattern in the kernel. Each with what it comes to here.

import type { ScriptFault } from "../../actors/tools/script-run.ts";

/** One attempt. */
export interface ProcessEscape {
  readonly name: string;
  /** Body of `def run(given, tools)`; `given` is what the test has made outside. */
  readonly body: string;
  /** What it returns when nothing came of it. */
  readonly gives?: unknown;
  /** Or how its call fails. */
  readonly fails?: ScriptFault | RegExp;
  readonly timeoutMs?: number;
  readonly memoryMb?: number;
}

/** What the bodies work with: the name of an error, and calls of the kernel by their numbers. */
export const escapeTools = `
import ctypes, errno, json, os, platform, resource, signal, socket, sys, threading, time

def tried(what):
    try:
        return ["done", repr(what())[:200]]
    except OSError as error:
        return errno.errorcode[error.errno]

def refused(what):
    gave = tried(what)
    return "refused" if gave in ("EACCES", "EPERM", "EROFS", "ENOENT", "ETXTBSY") else gave

def mounts():
    lines = [line.split() for line in open("/proc/self/mountinfo")]
    return sorted(line[4] for line in lines if line[5].split(",")[0] == "rw")

def kernel(x64, arm64, *given):
    libc = ctypes.CDLL(None, use_errno=True)
    number = x64 if platform.machine() == "x86_64" else arm64
    plain = [ctypes.c_long(one) if isinstance(one, int) else one for one in given]
    gave = libc.syscall(ctypes.c_long(number), *plain)
    return errno.errorcode[ctypes.get_errno()] if gave == -1 else ["done", gave]

def text(bytes):
    return ctypes.create_string_buffer(bytes)
`;

const one = (name: string, expression: string, gives: unknown): ProcessEscape => ({
  ...{ name, body: `return ${expression}`, gives },
});

/** Files that lie outside. */
export const reachingFiles: readonly ProcessEscape[] = [
  one("/etc/shadow", "tried(lambda: open('/etc/shadow').read())", "ENOENT"),
  one("/etc/passwd", "tried(lambda: open('/etc/passwd').read())", "ENOENT"),
  one("the home of who runs the server", "tried(lambda: os.listdir(given['home']))", "ENOENT"),
  one("the data folder", "tried(lambda: open(given['data'] + '/admin-key').read())", "ENOENT"),
  one(
    "the data folder where it lies among the system's",
    "[os.listdir(given['hidden']), refused(lambda: open(given['hidden'] + '/x', 'w'))]",
    [[], "refused"],
  ),
  one(
    "a way up",
    "tried(lambda: open('../' * 40 + given['data'][1:] + '/admin-key').read())",
    "ENOENT",
  ),
  one(
    "the root of the first process",
    "[refused(lambda: open('/proc/1/root' + given['data'] + '/admin-key')), refused(lambda: open('/proc/1/cwd/etc/shadow'))]",
    ["refused", "refused"],
  ),
  {
    name: "a link that points out",
    body: "os.symlink(given['data'], '/tmp/out')\nreturn tried(lambda: os.listdir('/tmp/out'))",
    gives: "ENOENT",
  },
  one(
    "a program of the system, to change it",
    "refused(lambda: open('/usr/bin/env', 'ab'))",
    "refused",
  ),
  one(
    "a mount that can be written",
    "[at for at in mounts() if at not in ('/tmp', '/skill', '/proc', '/dev/pts') and not at.startswith('/dev/')]",
    [],
  ),
  one("a new file beside the programs", "tried(lambda: open('/usr/bin/was-here', 'w'))", "EROFS"),
  one("a new file at the top", "tried(lambda: open('/was-here', 'w'))", "EROFS"),
  one("a new file among the devices", "tried(lambda: open('/dev/shm/was-here', 'w'))", "EROFS"),
  one(
    "a device of its own",
    "tried(lambda: os.mknod('/tmp/disk', 0o60600, os.makedev(254, 0)))",
    "EPERM",
  ),
  one(
    "disks and memory as devices",
    "[name for name in ('mem', 'kmem', 'sda', 'vda', 'kmsg', 'kvm', 'fuse', 'net/tun') if os.path.exists('/dev/' + name)]",
    [],
  ),
  one("a file by its handle", "kernel(304, 265, -100, text(64), 0)", "EPERM"),
  one(
    "descriptors that were left open",
    "sorted({os.fstat(int(fd)).st_mode & 0o170000 for fd in os.listdir('/proc/self/fd') if os.path.lexists('/proc/self/fd/' + fd) and int(fd) > 2} - {0o10000, 0o140000})",
    [],
  ),
  one(
    "a folder by a descriptor that was left open",
    "tried(lambda: os.open('etc/shadow', os.O_RDONLY, dir_fd=3))",
    "ENOTDIR",
  ),
];

/** Processes, users and namespaces. */
export const reachingProcesses: readonly ProcessEscape[] = [
  one(
    "processes of the host",
    "sorted(int(pid) for pid in os.listdir('/proc') if pid.isdigit())",
    [1, 2],
  ),
  one("a signal to the server", "tried(lambda: os.kill(given['pid'], 0))", "ESRCH"),
  {
    name: "a signal to all",
    body: "os.fork() or time.sleep(100)\ntime.sleep(0.05)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.kill(-1, signal.SIGTERM)\nreturn 'alone'",
    gives: "alone",
  },
  {
    name: "the first process, to kill it",
    body: "os.kill(1, signal.SIGKILL)\ntime.sleep(0.05)\nreturn os.getppid()",
    gives: 1,
  },
  one(
    "the environment of the first process",
    "open('/proc/1/environ').read()",
    "PATH=/usr/local/bin:/usr/bin:/bin\0",
  ),
  one(
    "calls of the kernel by the first process",
    "[open(f'/proc/{pid}/status').read().split('Seccomp:')[1].split()[0] for pid in (1, 2)]",
    ["2", "2"],
  ),
  one(
    "what the first process may do",
    "open('/proc/1/status').read().split('CapEff:')[1].split()[0]",
    "0000000000000000",
  ),
  one(
    "the server's own environment",
    "[name for name in os.environ if 'SECRET' in name or name.startswith(('TROUPE', 'NODE'))]",
    [],
  ),
  one("ptrace of the first process", "kernel(101, 117, 16, 1, 0, 0)", "EPERM"),
  one("the memory of another process", "kernel(310, 270, 1, 0, 0, 0, 0, 0)", "EPERM"),
  one("the descriptors of another process", "kernel(438, 438, 0, 0, 0)", "EPERM"),
  one("a uid of root", "tried(lambda: os.setuid(0))", "EINVAL"),
  one("a group of root", "tried(lambda: os.setgroups([0]))", "EPERM"),
  one(
    "programs that change the user",
    "[open('/proc/self/status').read().split('NoNewPrivs:')[1].split()[0], open('/proc/self/status').read().split('CapBnd:')[1].split()[0]]",
    ["1", "0000000000000000"],
  ),
  {
    name: "a program of its own that changes the user",
    body: "import shutil, subprocess\nshutil.copy('/usr/bin/id', '/tmp/id')\ntried(lambda: os.chmod('/tmp/id', 0o4755))\nreturn subprocess.run(['/tmp/id', '-u'], capture_output=True).stdout.decode().strip()",
    gives: "65534",
  },
  one("a user namespace of its own", "kernel(272, 97, 0x10000000)", "EPERM"),
  one("one by clone", "kernel(56, 220, 0x10000000 | 17, 0, 0, 0, 0)", "EPERM"),
  one("one by clone3", "kernel(435, 435, text(88), 88)", "ENOSYS"),
  one(
    "another's namespace",
    "tried(lambda: kernel(308, 268, os.open('/proc/self/ns/net', os.O_RDONLY), 0))",
    ["done", "'EPERM'"],
  ),
  one("a mount", "kernel(165, 40, text(b'none'), text(b'/tmp'), text(b'tmpfs'), 0, 0)", "EPERM"),
  one("a mount that is undone", "kernel(166, 39, text(b'/usr'), 2)", "EPERM"),
  one("another root", "kernel(161, 51, text(b'/tmp'))", "EPERM"),
  one(
    "the newer calls of mounts",
    "[kernel(428, 428, -100, text(b'/'), 1), kernel(430, 430, text(b'tmpfs'), 0)]",
    ["EPERM", "EPERM"],
  ),
  one("io_uring", "kernel(425, 425, 8, text(120))", "EPERM"),
  one(
    "programs in the kernel",
    "[kernel(321, 280, 0, text(64), 64), kernel(298, 241, text(120), 0, -1, -1, 0)]",
    ["EPERM", "EPERM"],
  ),
  one("faults that are handled by itself", "kernel(323, 282, 0)", "EPERM"),
  one(
    "the keys of the kernel",
    "[kernel(250, 219, 0, -3, 0), kernel(248, 217, text(b'user'), text(b'a'), text(b'b'), 1, -3)]",
    ["EPERM", "EPERM"],
  ),
  one("a module of the kernel", "kernel(175, 105, text(16), 16, text(b''))", "EPERM"),
  one("the clock", "kernel(227, 112, 0, text(16))", "EPERM"),
  one(
    "what catches crashes of the host",
    "refused(lambda: open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x'))",
    "refused",
  ),
  one(
    "the keys of a console",
    "refused(lambda: open('/proc/sysrq-trigger', 'w').write('b'))",
    "refused",
  ),
  {
    name: "a terminal that is typed into",
    body: "import fcntl\nmain, side = os.openpty()\nreturn [tried(lambda: fcntl.ioctl(side, 0x5412, b'x')), tried(lambda: fcntl.ioctl(side, 0x541c, b'x')), tried(lambda: open('/dev/tty'))]",
    gives: ["EPERM", "EPERM", "ENXIO"],
  },
];

/** The network. */
export const reachingNetwork: readonly ProcessEscape[] = [
  one(
    "a port of the host",
    "tried(lambda: socket.create_connection(('127.0.0.1', given['port']), 1))",
    "ECONNREFUSED",
  ),
  one(
    "another machine",
    "tried(lambda: socket.create_connection(('192.0.2.1', 80), 1))",
    "ENETUNREACH",
  ),
  one(
    "the address of a cloud's metadata",
    "tried(lambda: socket.create_connection(('169.254.169.254', 80), 1))",
    "ENETUNREACH",
  ),
  {
    name: "names",
    body: "try:\n  return socket.getaddrinfo('example.com', 80)\nexcept socket.gaierror:\n  return 'none'",
    gives: "none",
  },
  one("a raw socket", "tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))", "EPERM"),
  one(
    "packets, the kernel's own sockets and its ciphers",
    "[tried(lambda: socket.socket(family, 3)) for family in (17, 16, 38)]",
    ["EAFNOSUPPORT", "EAFNOSUPPORT", "EAFNOSUPPORT"],
  ),
  one("the host of a virtual machine", "tried(lambda: socket.socket(40, 1))", "EAFNOSUPPORT"),
  {
    name: "a socket of the host without a file",
    body: "end = socket.socket(socket.AF_UNIX)\nreturn tried(lambda: end.connect('\\0' + given['socket']))",
    gives: "ECONNREFUSED",
  },
];

/** Too much of something. */
export const taking: readonly ProcessEscape[] = [
  { name: "time", body: "while True: pass", fails: "DEADLINE", timeoutMs: 700 },
  {
    name: "time, deaf to signals",
    body: "for number in range(1, 65):\n  try: signal.signal(number, signal.SIG_IGN)\n  except (OSError, ValueError): pass\nwhile True: time.sleep(1)",
    ...{ fails: "DEADLINE", timeoutMs: 700 },
  },
  {
    name: "time, in one call of the interpreter",
    body: "return len(str(7 ** 10 ** 8))",
    ...{ fails: "DEADLINE", timeoutMs: 700 },
  },
  {
    name: "memory",
    body: "kept = []\nwhile True: kept.append(bytearray(10 ** 7))",
    fails: "TASK_MEMORY",
  },
  { name: "memory at once", body: "return len(bytearray(10 ** 12))", fails: "TASK_MEMORY" },
  {
    name: "memory by many processes",
    body: "for at in range(8):\n  if os.fork() == 0:\n    kept = bytearray(b'x' * (60 * 2 ** 20))\n    time.sleep(100)\ntime.sleep(100)",
    ...{ fails: "TASK_MEMORY", memoryMb: 128 },
  },
  {
    name: "processes",
    body: "made = 0\ntry:\n  while True:\n    if os.fork() == 0: time.sleep(100)\n    made += 1\nexcept BlockingIOError:\n  return made < 32",
    memoryMb: 2_000,
    gives: true,
  },
  {
    name: "processes that make processes",
    body: "while True:\n  try: os.fork()\n  except OSError: pass",
    ...{ fails: "DEADLINE", timeoutMs: 1_000, memoryMb: 2_000 },
  },
  {
    name: "threads",
    body: "try:\n  while True: threading.Thread(target=time.sleep, args=(100,), daemon=True).start()\nexcept RuntimeError:\n  return threading.active_count() <= 32",
    gives: true,
  },
  {
    name: "the disk, by one file",
    body: "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\ndef fill():\n  with open('/tmp/much', 'wb') as file:\n    while True: file.write(bytes(2 ** 20))\nreturn tried(fill) in ('EFBIG', 'ENOSPC')",
    gives: true,
  },
  {
    name: "the disk, by many files",
    body: "def fill():\n  for at in range(200):\n    with open(f'/tmp/{at}', 'wb') as file: file.write(bytes(2 ** 20))\nreturn tried(fill)",
    gives: "ENOSPC",
  },
  {
    name: "descriptors",
    body: "kept = []\ndef fill():\n  while True: kept.append(os.dup(0))\nreturn [tried(fill), len(kept) < 256]",
    gives: ["EMFILE", true],
  },
  {
    name: "limits that are widened",
    body: "def wider(which):\n  try: resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n  except ValueError: return 'no'\nreturn [wider(resource.RLIMIT_AS), wider(resource.RLIMIT_NPROC), wider(resource.RLIMIT_FSIZE)]",
    gives: ["no", "no", "no"],
  },
  {
    name: "a result without an end",
    body: "return 'x' * 10 ** 7",
    fails: /at most 262144/,
  },
  {
    name: "an answer without an end, past the runner",
    body: "while True:\n  for fd in range(3, 8):\n    try: os.write(fd, b'x' * 65536)\n    except OSError: pass",
    fails: /said more than/,
  },
  {
    name: "a log without an end",
    body: "for at in range(20_000): print('x' * 1_000)\nreturn 'done'",
    gives: "done",
  },
  {
    name: "a result that is nested without an end",
    body: "sys.setrecursionlimit(10 ** 6)\nvalue = []\nfor at in range(2_000): value = [value]\nreturn value",
    fails: /more than 64 levels/,
  },
  {
    name: "the stack",
    body: "sys.setrecursionlimit(10 ** 8)\nreturn json.loads('[' * 10 ** 6)",
    fails: "SCRIPT_FAILED",
  },
];

/** What is handed over, and what was not granted. */
export const granting: readonly ProcessEscape[] = [
  {
    name: "a tool that was not granted",
    body: "return tools.other(n=1)",
    fails: /other is not granted/,
  },
  {
    name: "a call past the runner that was not granted",
    body: 'for fd in range(3, 8): tried(lambda: os.write(fd, b\'{"type":"calls","calls":[{"name":"other","arguments":"{}"}]}\\n\'))\nos._exit(0)',
    fails: /calls that it may not make/,
  },
  {
    name: "an outcome of no form",
    body: 'for fd in range(3, 8): tried(lambda: os.write(fd, b\'{"type":"root","message":{}}\\n\'))\nos._exit(0)',
    fails: /^\[object Object\]$/,
  },
  {
    name: "members that objects inherit",
    body: "return {'__proto__': {'polluted': 1}, 'constructor': 2}",
    gives: { constructor: 2 },
  },
  { name: "an exit", body: "sys.exit(0)", fails: /SystemExit/ },
  { name: "an exit without a word", body: "os._exit(0)", fails: /before it had a result/ },
  {
    name: "a signal to itself",
    body: "os.kill(os.getpid(), signal.SIGSEGV)",
    fails: /before it had a result/,
  },
  {
    name: "an error with the paths of the host",
    body: "return open(given['data'] + '/x').read()",
    fails: /^FileNotFoundError/,
  },
  {
    name: "what the runner has kept",
    body: "import __main__\nreturn [name for name in vars(__main__) if 'key' in name.lower() or 'secret' in name.lower()]",
    gives: [],
  },
];
