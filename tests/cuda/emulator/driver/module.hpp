// Modules of kernels, compiled by g++ into shared objects.
#pragma once
#include "kernel.h"
#include "stream.hpp"

namespace emu {

struct Module {
    std::weak_ptr<Context> context;
    void *library = nullptr;  // of dlopen
    std::map<std::string, CUfunction> functions;
    std::vector<OperationPtr> launches;  // that the host does not know to be done

    ~Module();
};

struct Function {
    std::weak_ptr<Module> module;
    const emu_kernel *kernel = nullptr;
};

}  // namespace emu
