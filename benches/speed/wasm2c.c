// As much of WASI as the programs need, for a module that `wasm2c` made C of: standard output and
// the end. The module's header is included by the command line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct Z_wasi_snapshot_preview1_instance_t {
    Z_program_instance_t *program;
};

enum { SUCCESS = 0, BAD_DESCRIPTOR = 8, NO_SEEK = 70 };

static u8 *at(struct Z_wasi_snapshot_preview1_instance_t *wasi, u32 address, u32 size) {
    wasm_rt_memory_t *memory = Z_programZ_memory(wasi->program);
    if (address > memory->size || size > memory->size - address) wasm_rt_trap(WASM_RT_TRAP_OOB);
    return memory->data + address;
}

u32 Z_wasi_snapshot_preview1Z_fd_write(struct Z_wasi_snapshot_preview1_instance_t *wasi, u32 fd, u32 pieces,
                                       u32 count, u32 result) {
    u32 written = 0;
    for (u32 i = 0; i < count; i++) {
        u32 piece[2];
        memcpy(piece, at(wasi, pieces + 8 * i, 8), 8);
        if (write((int)fd, at(wasi, piece[0], piece[1]), piece[1]) != (ssize_t)piece[1]) return BAD_DESCRIPTOR;
        written += piece[1];
    }
    memcpy(at(wasi, result, 4), &written, 4);
    return SUCCESS;
}

// A file of type 2 is a terminal, which nobody seeks in.
u32 Z_wasi_snapshot_preview1Z_fd_fdstat_get(struct Z_wasi_snapshot_preview1_instance_t *wasi, u32 fd, u32 result) {
    u8 *stat = at(wasi, result, 24);
    memset(stat, 0, 24);
    stat[0] = 2;
    memset(stat + 8, 0xff, 16);
    return fd < 3 ? SUCCESS : BAD_DESCRIPTOR;
}

u32 Z_wasi_snapshot_preview1Z_fd_seek(struct Z_wasi_snapshot_preview1_instance_t *wasi, u32 fd, u64 offset,
                                      u32 whence, u32 result) {
    return NO_SEEK;
}

u32 Z_wasi_snapshot_preview1Z_fd_close(struct Z_wasi_snapshot_preview1_instance_t *wasi, u32 fd) {
    return SUCCESS;
}

void Z_wasi_snapshot_preview1Z_proc_exit(struct Z_wasi_snapshot_preview1_instance_t *wasi, u32 code) {
    exit((int)code);
}

int main(void) {
    static Z_program_instance_t program;
    static struct Z_wasi_snapshot_preview1_instance_t wasi = {&program};
    wasm_rt_init();
    Z_program_init_module();
    Z_program_instantiate(&program, &wasi);
    Z_programZ__start(&program);
    return 0;
}
