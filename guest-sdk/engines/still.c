// Runs a command in a world that stands still: every clock shows the same second, random bytes are all the same, files have neither times
// nor numbers, and folders are listed in the order of their names. What a program makes of such a world is the same each time.
//
//     cc -O1 -o still still.c && ./still COMMAND ARGUMENT …
//
// For build-python.sh, whose compiler takes a snapshot of a running interpreter. Linux on x86-64 or arm64. It traces the command, so the
// machine must allow that (containers do). File numbers are taken away from `statx` alone: the dynamic loader needs those of `fstat`.

#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
typedef struct user_regs_struct Registers;
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define ARGUMENT(r, n) ((n) == 0 ? (r).rdi : (n) == 1 ? (r).rsi : (n) == 2 ? (r).rdx : (n) == 3 ? (r).r10 : (r).r8)
#define NUMBER(r) ((r).orig_rax)
#define RESULT(r) ((r).rax)
#define STACK(r) ((r).rsp)
#elif defined(__aarch64__)
typedef struct user_regs_struct Registers;
#define ARCHITECTURE AUDIT_ARCH_AARCH64
// The first argument and the result share a register, so that arguments are looked at before the call.
#define ARGUMENT(r, n) ((r).regs[n])
#define NUMBER(r) ((r).regs[8])
#define RESULT(r) ((r).regs[0])
#define STACK(r) ((r).sp)
#else
#error "this machine's registers are not known here"
#endif

// 2000-01-01 00:00 UTC, where PostgreSQL counts from.
enum { SECOND = 946684800, TASKS = 4096, FOLDERS = 4096 };

// A call under way, by its thread.
struct call {
    pid_t task;
    long number;
    uint64_t arguments[5];
};

// A folder that is being listed: names in order, and how many of them have been handed over.
struct folder {
    pid_t process;
    int descriptor;
    struct dirent **entries;
    int count, told;
};

static struct call calls[TASKS];
static struct folder folders[FOLDERS];

static void fail(const char *what) {
    fprintf(stderr, "still: %s: %s\n", what, strerror(errno));
    exit(125);
}

static void put(pid_t task, uint64_t place, const void *bytes, size_t size) {
    struct iovec from = {(void *)bytes, size}, to = {(void *)place, size};
    if (size > 0 && process_vm_writev(task, &from, 1, &to, 1, 0) != (ssize_t)size) fail("memory of the command cannot be written");
}

static void get(pid_t task, uint64_t place, void *bytes, size_t size) {
    struct iovec to = {bytes, size}, from = {(void *)place, size};
    if (process_vm_readv(task, &to, 1, &from, 1, 0) != (ssize_t)size) fail("memory of the command cannot be read");
}

static void registers(pid_t task, Registers *r, int set) {
    struct iovec all = {r, sizeof *r};
    if (ptrace(set ? PTRACE_SETREGSET : PTRACE_GETREGSET, task, (void *)NT_PRSTATUS, &all) < 0) fail("registers");
}

// Makes the kernel do nothing.
static void skip(pid_t task, Registers *r) {
#if defined(__x86_64__)
    r->orig_rax = -1;
    registers(task, r, 1);
#else
    int nothing = -1;
    struct iovec number = {&nothing, sizeof nothing};
    (void)r;
    if (ptrace(PTRACE_SETREGSET, task, (void *)NT_ARM_SYSTEM_CALL, &number) < 0) fail("registers");
#endif
}

static pid_t process_of(pid_t task) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", task);
    FILE *file = fopen(path, "r");
    pid_t process = task;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Tgid: %d", &process) == 1) break;
    if (file) fclose(file);
    return process;
}

static struct call *call_of(pid_t task) {
    for (int i = 0; i < TASKS; i++)
        if (calls[i].task == task || calls[i].task == 0) return calls[i].task = task, &calls[i];
    errno = ENOMEM;
    fail("too many threads");
    return NULL;
}

static struct folder *folder_of(pid_t process, int descriptor) {
    for (int i = 0; i < FOLDERS; i++)
        if (folders[i].entries && folders[i].process == process && folders[i].descriptor == descriptor) return &folders[i];
    return NULL;
}

static void forget(struct folder *folder) {
    for (int i = 0; i < folder->count; i++) free(folder->entries[i]);
    free(folder->entries);
    *folder = (struct folder){0};
}

static int by_name(const struct dirent **one, const struct dirent **other) {
    return strcmp((*one)->d_name, (*other)->d_name);
}

static struct folder *opened(pid_t process, int descriptor) {
    struct folder *folder = folder_of(process, descriptor);
    if (folder) return folder;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", process, descriptor);
    for (int i = 0; i < FOLDERS; i++) {
        if (folders[i].entries) continue;
        folders[i].process = process;
        folders[i].descriptor = descriptor;
        folders[i].count = scandir(path, &folders[i].entries, NULL, by_name);
        return folders[i].count < 0 ? NULL : &folders[i];
    }
    errno = ENOMEM;
    fail("too many folders");
    return NULL;
}

// Writes the next names of a folder as the kernel would. Returns what the call is to return.
static long list(pid_t task, const struct call *call) {
    struct folder *folder = opened(process_of(task), (int)call->arguments[0]);
    if (!folder) return -errno;
    size_t room = call->arguments[2], used = 0;
    for (; folder->told < folder->count; folder->told++) {
        struct dirent *entry = folder->entries[folder->told];
        // linux_dirent64: inode, offset, length, type, name.
        size_t head = 19, size = (head + strlen(entry->d_name) + 1 + 7) / 8 * 8;
        if (used + size > room) break;
        char bytes[512] = {0};
        uint64_t inode = 1, offset = folder->told + 1;
        uint16_t length = size;
        memcpy(bytes, &inode, 8);
        memcpy(bytes + 8, &offset, 8);
        memcpy(bytes + 16, &length, 2);
        bytes[18] = entry->d_type;
        strcpy(bytes + head, entry->d_name);
        put(task, call->arguments[1] + used, bytes, size);
        used += size;
    }
    if (used == 0 && folder->told < folder->count) return -EINVAL;
    return used;
}

// Before the kernel sees a call.
static void enter(pid_t task) {
    Registers r;
    registers(task, &r, 0);
    struct call *call = call_of(task);
    call->number = NUMBER(r);
    for (int i = 0; i < 5; i++) call->arguments[i] = ARGUMENT(r, i);
    if (call->number == SYS_getdents64) skip(task, &r);
}

// When the kernel has done it.
static void leave(pid_t task) {
    static const struct timespec now = {.tv_sec = SECOND};
    static const struct statx_timestamp never = {.tv_sec = SECOND};
    Registers r;
    registers(task, &r, 0);
    struct call *call = call_of(task);
    long result = RESULT(r);
    if (call->number == SYS_getdents64) {
        RESULT(r) = list(task, call);
        registers(task, &r, 1);
    } else if (call->number == SYS_getrandom && result > 0) {
        char *bytes = malloc(result);
        memset(bytes, 0x42, result);
        put(task, call->arguments[0], bytes, result);
        free(bytes);
    } else if (call->number == SYS_clock_gettime && result == 0) {
        put(task, call->arguments[1], &now, sizeof now);
    } else if (call->number == SYS_statx && result == 0) {
        struct statx found;
        get(task, call->arguments[4], &found, sizeof found);
        found.stx_ino = 1;
        found.stx_dev_major = found.stx_dev_minor = 0;
        found.stx_nlink = 1;
        // Each file system has its own idea of how large a folder is.
        if (S_ISDIR(found.stx_mode)) found.stx_size = 4096;
        found.stx_blocks = found.stx_size / 512;
        found.stx_blksize = 4096;
        found.stx_uid = found.stx_gid = 0;
        found.stx_atime = found.stx_btime = found.stx_ctime = found.stx_mtime = never;
        put(task, call->arguments[4], &found, sizeof found);
    } else if (call->number == SYS_close) {
        struct folder *folder = folder_of(process_of(task), (int)call->arguments[0]);
        if (folder) forget(folder);
    }
}

// Takes away the page with which a program reads the clock without asking the kernel.
static void ask_for_the_time(pid_t task) {
    Registers r;
    registers(task, &r, 0);
    uint64_t place = STACK(r), word;
    get(task, place, &word, 8);
    place += 8 * (word + 2);
    do {
        get(task, place, &word, 8);
        place += 8;
    } while (word != 0);
    for (;; place += 16) {
        get(task, place, &word, 8);
        if (word == AT_NULL) return;
        if (word == AT_SYSINFO_EHDR) break;
    }
    word = AT_IGNORE;
    put(task, place, &word, 8);
}

static void traced(char **command) {
    static const int known[] = {SYS_getrandom, SYS_clock_gettime, SYS_statx, SYS_getdents64, SYS_close};
    enum { KNOWN = sizeof known / sizeof *known };
    struct sock_filter filter[KNOWN + 5] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, KNOWN + 1),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    for (int i = 0; i < KNOWN; i++)
        filter[3 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, known[i], KNOWN - i, 0);
    filter[3 + KNOWN] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[4 + KNOWN] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog program = {KNOWN + 5, filter};
    if (ptrace(PTRACE_TRACEME) < 0) fail("tracing is not allowed here");
    raise(SIGSTOP);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) fail("filter");
    execvp(command[0], command);
    fail(command[0]);
}

int main(int count, char **arguments) {
    if (count < 2) return fprintf(stderr, "usage: still COMMAND ARGUMENT …\n"), 125;
    pid_t first = fork();
    if (first < 0) fail("fork");
    if (first == 0) traced(arguments + 1);
    int status;
    if (waitpid(first, &status, 0) < 0 || !WIFSTOPPED(status)) return 125;
    long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, first, NULL, options) < 0) fail("tracing is not allowed here");
    ptrace(PTRACE_CONT, first, NULL, NULL);
    for (pid_t task; (task = waitpid(-1, &status, __WALL)) > 0;) {
        if (!WIFSTOPPED(status)) {
            if (task == first) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            call_of(task)->number = -1;
            continue;
        }
        int signal = WSTOPSIG(status), event = status >> 16, next = PTRACE_CONT;
        if (event == PTRACE_EVENT_SECCOMP) {
            enter(task);
            next = PTRACE_SYSCALL;
        } else if (signal == (SIGTRAP | 0x80)) {
            leave(task);
        } else if (event == PTRACE_EVENT_EXEC) {
            ask_for_the_time(task);
        }
        // A new thread begins with a stop of its own.
        int passed = event || signal == (SIGTRAP | 0x80) || signal == SIGSTOP ? 0 : signal;
        ptrace(next, task, NULL, (void *)(long)passed);
    }
    return 125;
}
