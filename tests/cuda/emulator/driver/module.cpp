#include "module.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "graph.hpp"

namespace emu {

// The library stays loaded while an operation holds the module.
Module::~Module() {
    if (library) dlclose(library);
}

// An image comes without its size; the table of sections is what linkers write last.
static size_t elf_bytes(const void *image) {
    Elf64_Ehdr header;
    std::memcpy(&header, image, sizeof header);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64) return 0;
    return header.e_type == ET_DYN ? header.e_shoff + size_t(header.e_shnum) * header.e_shentsize : 0;
}

static void *open_library(const void *image, size_t bytes) {
    char path[] = "/tmp/cuda-emulator-XXXXXX";
    const int file = mkstemp(path);
    if (file < 0) return nullptr;
    const bool is_whole = write(file, image, bytes) == static_cast<ssize_t>(bytes);
    close(file);
    void *library = is_whole ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
    unlink(path);
    return library;
}

static CUresult load(Call &call, CUmodule *out, const void *image) {
    if (!image) return CUDA_ERROR_INVALID_VALUE;
    if (CUresult refusal = refuse_unsafe(call)) return refusal;
    if (std::memcmp(image, ELFMAG, SELFMAG)) {
        const auto *text = static_cast<const char *>(image);
        return strnlen(text, 4096) && std::strstr(text, ".version") ? CUDA_ERROR_INVALID_PTX
                                                                    : CUDA_ERROR_INVALID_IMAGE;
    }
    auto module = std::make_shared<Module>();
    module->context = call.context;
    module->library = elf_bytes(image) ? open_library(image, elf_bytes(image)) : nullptr;
    if (!module->library) return CUDA_ERROR_NO_BINARY_FOR_GPU;
    *out = world().modules.add<CUmodule>(module);
    return CUDA_SUCCESS;
}

static bool is_done(const OperationPtr &operation) { return host_knows(operation->stream, operation->tick); }

static CUresult check_launch(Call &call, const emu_kernel &kernel, const unsigned *grid,
                             const unsigned *block, size_t bytes) {
    const uint64_t threads = uint64_t(block[0]) * block[1] * block[2];
    if (!threads || threads > 1024 || block[2] > 64 || !grid[0] || !grid[1] || !grid[2] || grid[1] > 65535 ||
        grid[2] > 65535)
        return call.violation("invalid-value", "a grid or a block of this size cannot be launched.",
                              CUDA_ERROR_INVALID_VALUE);
    if (bytes != kernel.bytes)
        return call.violation("wrong-parameters",
                              std::string(kernel.name) + " takes " + std::to_string(kernel.bytes) +
                                  " bytes of parameters and got " + std::to_string(bytes) + ".",
                              CUDA_ERROR_INVALID_VALUE);
    return CUDA_SUCCESS;
}

static std::vector<char> packed_from_extra(void **extra) {
    const char *at = nullptr;
    size_t bytes = 0;
    for (; extra && extra[0] != CU_LAUNCH_PARAM_END; extra += 2) {
        if (extra[0] == CU_LAUNCH_PARAM_BUFFER_POINTER) at = static_cast<const char *>(extra[1]);
        if (extra[0] == CU_LAUNCH_PARAM_BUFFER_SIZE) bytes = *static_cast<size_t *>(extra[1]);
    }
    return at ? std::vector<char>(at, at + bytes) : std::vector<char>();
}

static std::vector<char> packed_from_list(const emu_kernel &kernel, void **list) {
    std::vector<char> packed(kernel.bytes);
    for (unsigned i = 0; i < kernel.count; i++)
        std::memcpy(&packed[kernel.parameters[i].offset], list[i], kernel.parameters[i].bytes);
    return packed;
}

// Pointers are operands; when the kernel runs, they are exchanged for where the bytes really are.
static Work work_of(const std::shared_ptr<Module> &module, const emu_kernel &kernel, std::vector<char> packed,
                    const unsigned *grid, const unsigned *block) {
    Work work;
    work.what = std::string("kernel ") + kernel.name;
    work.is_kernel = true;
    std::vector<unsigned> slots;
    for (unsigned i = 0; i < kernel.count; i++) {
        const emu_parameter &parameter = kernel.parameters[i];
        CUdeviceptr address = 0;
        if (parameter.is_pointer) std::memcpy(&address, &packed[parameter.offset], sizeof address);
        if (!address) continue;
        work.operands.push_back({Space::DEVICE, address, 0, !parameter.is_constant});
        slots.push_back(parameter.offset);
    }
    std::vector<unsigned> shape = {grid[0], grid[1], grid[2], block[0], block[1], block[2]};
    work.run = [module, run = kernel.run, packed, slots, shape](void **views) {
        std::vector<char> real = packed;
        for (size_t i = 0; i < slots.size(); i++) std::memcpy(&real[slots[i]], &views[i], sizeof(void *));
        run(real.data(), shape.data(), shape.data() + 3);
    };
    return work;
}

}  // namespace emu

using namespace emu;

EMU_API CUresult cuModuleLoadData(CUmodule *out, const void *image) {
    Call call(__func__);
    return call.refusal ? call.refusal : load(call, out, image);
}

EMU_API CUresult cuModuleLoadDataEx(CUmodule *out, const void *image, unsigned count, CUjit_option *options,
                                    void **values) {
    Call call(__func__);
    for (unsigned i = 0; i < count; i++) {  // logs stay empty; their sizes are given back
        bool is_log = options[i] == CU_JIT_INFO_LOG_BUFFER || options[i] == CU_JIT_ERROR_LOG_BUFFER;
        bool is_size = options[i] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES ||
                       options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES;
        if (is_log) *static_cast<char *>(values[i]) = 0;
        if (is_size) values[i] = nullptr;
    }
    return call.refusal ? call.refusal : load(call, out, image);
}

EMU_API CUresult cuModuleLoad(CUmodule *out, const char *path) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    std::ifstream file(path, std::ios::binary);
    if (!file) return CUDA_ERROR_FILE_NOT_FOUND;
    std::string image((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    image.resize(std::max<size_t>(image.size(), sizeof(Elf64_Ehdr)));
    return load(call, out, image.data());
}

EMU_API CUresult cuModuleUnload(CUmodule handle) {
    Call call(__func__);
    auto module = world().modules.find(handle);
    if (module && (!call.refusal || call.gone)) {
        world().modules.remove(handle);
        for (auto &[name, function] : module->functions) world().functions.remove(function);
    }
    if (call.refusal) return call.refusal;
    if (!module) return call.no_such("module", handle);
    if (!std::all_of(module->launches.begin(), module->launches.end(), is_done))
        call.violation("freed-in-use", "the module is unloaded while its kernels may be running.",
                       CUDA_SUCCESS);
    return CUDA_SUCCESS;
}

EMU_API CUresult cuModuleGetFunction(CUfunction *out, CUmodule handle, const char *name) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    auto module = world().modules.find(handle);
    if (!module) return call.no_such("module", handle);
    void *symbol = dlsym(module->library, (std::string("emu_kernel_") + name).c_str());
    if (!symbol) return CUDA_ERROR_NOT_FOUND;
    CUfunction &function = module->functions[name];
    if (!function) {
        auto made = std::make_shared<Function>();
        made->module = module;
        made->kernel = static_cast<const emu_kernel *>(symbol);
        function = world().functions.add<CUfunction>(made);
    }
    *out = function;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuFuncSetBlockShape(CUfunction handle, int, int,
                                     int) {  // pycuda passes it again at the launch
    Call call(__func__);
    if (call.refusal) return call.refusal;
    return world().functions.find(handle) ? CUDA_SUCCESS : call.no_such("function", handle);
}

EMU_API CUresult cuFuncSetSharedSize(CUfunction handle, unsigned) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    return world().functions.find(handle) ? CUDA_SUCCESS : call.no_such("function", handle);
}

EMU_API CUresult cuFuncGetAttribute(int *value, CUfunction_attribute which, CUfunction handle) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    if (!world().functions.find(handle)) return call.no_such("function", handle);
    *value = which == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 1024 : 0;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuLaunchKernel(CUfunction handle, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                                CUstream stream_handle, void **list, void **extra) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    auto function = world().functions.find(handle);
    auto module = function ? function->module.lock() : nullptr;
    if (!module) return call.no_such("function", handle);
    if (shared_bytes)
        return call.violation("unsupported", "shared memory is not emulated.", CUDA_ERROR_NOT_SUPPORTED);
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, stream_handle, result);
    if (!stream) return result;
    const emu_kernel &kernel = *function->kernel;
    const unsigned grid[] = {grid_x, grid_y, grid_z}, block[] = {block_x, block_y, block_z};
    auto packed = list ? packed_from_list(kernel, list) : packed_from_extra(extra);
    if ((result = check_launch(call, kernel, grid, block, packed.size()))) return result;
    OperationPtr queued;
    result = enqueue(call, stream, {work_of(module, kernel, std::move(packed), grid, block)}, {}, &queued);
    auto &launches = module->launches;
    launches.erase(std::remove_if(launches.begin(), launches.end(), is_done), launches.end());
    if (queued) launches.push_back(queued);
    return result;
}
