/* What a kernel that g++ compiled tells of itself: one `emu_kernel_NAME` each in the shared object. */
#pragma once

struct emu_parameter {
    unsigned offset, bytes; /* in the packed parameters */
    int is_pointer, is_constant;
};

struct emu_kernel {
    const char *name;
    const struct emu_parameter *parameters;
    unsigned count, bytes; /* of parameters, of all of them packed */
    void (*run)(const void *packed, const unsigned *grid, const unsigned *block);
};
