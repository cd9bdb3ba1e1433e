// The driver itself, and its devices.
#include <cstdio>

#include "call.hpp"
#include "fault.hpp"

using namespace emu;

EMU_API CUresult cuInit(unsigned) {
    Call call(__func__, Needs::NOTHING);
    if (call.refusal) return call.refusal;
    if (!world().settings.devices) return CUDA_ERROR_NO_DEVICE;
    world().initialised = true;
    install_fault_handler();
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDriverGetVersion(int *version) {
    Call call(__func__, Needs::NOTHING);
    if (call.refusal) return call.refusal;
    *version = world().settings.driver_version;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceGetCount(int *count) {
    Call call(__func__, Needs::INIT);
    if (call.refusal) return call.refusal;
    *count = world().settings.devices;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, ordinal)) return refusal;
    *device = ordinal;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    std::snprintf(name, static_cast<size_t>(length), "%s", world().settings.name.c_str());
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceGetPCIBusId(char *id, int length, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    std::snprintf(id, static_cast<size_t>(length), "0000:%02x:00.0", static_cast<unsigned>(device + 1));
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    *major = world().settings.major;
    *minor = world().settings.minor;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceTotalMem(size_t *bytes, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    *bytes = world().settings.total_memory;
    return CUDA_SUCCESS;
}

static int attribute(CUdevice_attribute which) {
    const Settings &settings = world().settings;
    switch (which) {
        case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
            return settings.major;
        case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
            return settings.minor;
        case CU_DEVICE_ATTRIBUTE_INTEGRATED:
            return settings.integrated;
        case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
            return 1;
        case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
            return 1;
        case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
            return 1;
        case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
            return settings.integrated ? 1 : 2;
        case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
            return 16;
        case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
            return 1024;
        case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
            return 1024;
        case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
            return 1024;
        case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
            return 64;
        case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
            return 0x7FFFFFFF;
        case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
            return 65535;
        case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
            return 65535;
        case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
            return 32;
        case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
            return 1500000;
        case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
            return 7000000;
        case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
            return 128;
        default:
            return 0;
    }
}

EMU_API CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    *value = attribute(which);
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    if (CUresult refusal = refuse_device(call, peer)) return refusal;
    *can = 0;
    return CUDA_SUCCESS;
}
