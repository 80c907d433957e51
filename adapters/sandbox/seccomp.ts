// Which calls of the kernel a sandboxed process may make, as a program for bubblewrap's --seccomp: all but those that
// reach around its namespaces, or that no script needs and that holes of the kernel were found in. Modelled on the
// lists of Flatpak and of container engines.

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const refuse = (errno: number): number => 0x00050000 | errno;

/** Where `struct seccomp_data` has them. */
const NUMBER_AT = 0;
const ARCHITECTURE_AT = 4;
const argumentAt = (index: number): number => 16 + 8 * index;

/** One architecture's numbers. */
interface Architecture {
  readonly audit: number;
  /** Numbers from here on are of another way to call the kernel. */
  readonly numberMax: number | null;
  readonly clone: number;
  readonly clone3: number;
  readonly ioctl: number;
  readonly socket: number;
  readonly refused: readonly number[];
}

/** Same numbers everywhere: io_uring (opens sockets past this list), mounts by descriptors, others' descriptors, quotas. */
const REFUSED_EVERYWHERE = [
  ...[425, 426, 427, 428, 429, 430, 431, 432, 433, 442],
  ...[438, 440, 448, 443, 447],
];

const architectures: Readonly<Partial<Record<string, Architecture>>> = {
  x64: {
    audit: 0xc000003e,
    numberMax: 0x3fffffff,
    ...{ clone: 56, clone3: 435, ioctl: 16, socket: 41 },
    refused: [
      ...REFUSED_EVERYWHERE,
      // ptrace, process_vm_readv, process_vm_writev, kcmp; add_key, request_key, keyctl; bpf, perf_event_open, userfaultfd
      ...[101, 310, 311, 312, 248, 249, 250, 321, 298, 323],
      // mount, umount2, pivot_root, chroot, unshare, setns, open_by_handle_at, name_to_handle_at, fanotify_init
      ...[165, 166, 155, 161, 272, 308, 304, 303, 300],
      // modules, kexec, swap, reboot, names of the machine, quotactl, acct, clocks, the kernel's log
      ...[175, 313, 176, 246, 320, 167, 168, 169, 170, 171, 179, 163, 164, 227, 159, 305, 103],
      // uselib, personality, modify_ldt, iopl, ioperm, nfsservctl, lookup_dcookie, memory of nodes, vhangup
      ...[134, 135, 154, 172, 173, 180, 212, 279, 237, 256, 238, 153],
    ],
  },
  arm64: {
    audit: 0xc00000b7,
    numberMax: null,
    ...{ clone: 220, clone3: 435, ioctl: 29, socket: 198 },
    refused: [
      ...REFUSED_EVERYWHERE,
      ...[117, 270, 271, 272, 217, 218, 219, 280, 241, 282],
      ...[40, 39, 41, 51, 97, 268, 265, 264, 262],
      ...[105, 273, 106, 104, 294, 224, 225, 142, 161, 162, 60, 89, 170, 112, 171, 266, 116],
      ...[92, 42, 18, 239, 235, 238, 237, 58],
    ],
  },
};

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACES = 0x7e020000;
/** TIOCSTI types into a terminal, TIOCLINUX pastes there. */
const TERMINAL_REQUESTS = [0x5412, 0x541c];
/** AF_UNIX, AF_INET, AF_INET6: AF_VSOCK reaches a virtual machine's host from any network namespace. */
const FAMILIES = [1, 2, 10];

const LOAD = 0x20;
const EQUALS = 0x15;
const AT_LEAST = 0x35;
const HAS_BITS = 0x45;
const RETURN = 0x06;

interface Instruction {
  readonly code: number;
  readonly value: number;
  /** Instructions that are skipped, when it holds and when it does not. */
  readonly yes?: number;
  readonly no?: number;
}

/** The program as the kernel reads it; null: this architecture has none. */
export function seccompProgram(architecture: string): Buffer | null {
  const of = architectures[architecture];
  return of === undefined ? null : encoded(instructionsOf(of));
}

function instructionsOf(of: Architecture): readonly Instruction[] {
  const load = (value: number): Instruction => ({ code: LOAD, value });
  const end = (value: number): Instruction => ({ code: RETURN, value });
  const unless = (code: number, value: number, no: number): Instruction => ({ code, value, no });
  const refused = (number: number, errno: number): readonly Instruction[] => [
    unless(EQUALS, number, 1),
    end(refuse(errno)),
  ];
  return [
    load(ARCHITECTURE_AT),
    { code: EQUALS, value: of.audit, yes: 1 },
    end(KILL),
    load(NUMBER_AT),
    ...(of.numberMax === null ? [] : [unless(AT_LEAST, of.numberMax + 1, 1), end(refuse(ENOSYS))]),
    ...of.refused.flatMap((number) => refused(number, EPERM)),
    // Its flags lie in memory, where no filter can look: who is told that there is none uses clone.
    ...refused(of.clone3, ENOSYS),
    ...[unless(EQUALS, of.clone, 4), load(argumentAt(0))],
    ...[unless(HAS_BITS, NEW_NAMESPACES, 1), end(refuse(EPERM)), end(ALLOW)],
    ...[unless(EQUALS, of.ioctl, 2 + 2 * TERMINAL_REQUESTS.length), load(argumentAt(1))],
    ...[...TERMINAL_REQUESTS.flatMap((one) => refused(one, EPERM)), end(ALLOW)],
    ...[unless(EQUALS, of.socket, 2 + 2 * FAMILIES.length), load(argumentAt(0))],
    ...FAMILIES.flatMap((family) => [unless(EQUALS, family, 1), end(ALLOW)]),
    end(refuse(EAFNOSUPPORT)),
    end(ALLOW),
  ];
}

/** `struct sock_filter`, of machines that have the low byte first. */
function encoded(instructions: readonly Instruction[]): Buffer {
  const program = Buffer.alloc(8 * instructions.length);
  for (const [at, { code, value, yes = 0, no = 0 }] of instructions.entries()) {
    program.writeUInt16LE(code, 8 * at);
    program.writeUInt8(yes, 8 * at + 2);
    program.writeUInt8(no, 8 * at + 3);
    program.writeUInt32LE(value >>> 0, 8 * at + 4);
  }
  return program;
}
