// What error codes are called.
#include <cctype>
#include <cstring>

#include "call.hpp"

using namespace emu;

static const char *name_of(CUresult error) {
    switch (error) {
#define NAME(code) \
    case code:     \
        return #code
        NAME(CUDA_SUCCESS);
        NAME(CUDA_ERROR_INVALID_VALUE);
        NAME(CUDA_ERROR_OUT_OF_MEMORY);
        NAME(CUDA_ERROR_NOT_INITIALIZED);
        NAME(CUDA_ERROR_NO_DEVICE);
        NAME(CUDA_ERROR_INVALID_DEVICE);
        NAME(CUDA_ERROR_INVALID_IMAGE);
        NAME(CUDA_ERROR_INVALID_CONTEXT);
        NAME(CUDA_ERROR_NO_BINARY_FOR_GPU);
        NAME(CUDA_ERROR_INVALID_PTX);
        NAME(CUDA_ERROR_FILE_NOT_FOUND);
        NAME(CUDA_ERROR_INVALID_HANDLE);
        NAME(CUDA_ERROR_ILLEGAL_STATE);
        NAME(CUDA_ERROR_NOT_FOUND);
        NAME(CUDA_ERROR_NOT_READY);
        NAME(CUDA_ERROR_ILLEGAL_ADDRESS);
        NAME(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
        NAME(CUDA_ERROR_LAUNCH_TIMEOUT);
        NAME(CUDA_ERROR_CONTEXT_IS_DESTROYED);
        NAME(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
        NAME(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
        NAME(CUDA_ERROR_LAUNCH_FAILED);
        NAME(CUDA_ERROR_NOT_SUPPORTED);
        NAME(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        NAME(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        NAME(CUDA_ERROR_STREAM_CAPTURE_MERGE);
        NAME(CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
        NAME(CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
        NAME(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
        NAME(CUDA_ERROR_CAPTURED_EVENT);
        NAME(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
        NAME(CUDA_ERROR_UNKNOWN);
#undef NAME
        default:
            return "CUDA_ERROR";
    }
}

// Not hardware's texts, but the names, which say as much: "CUDA_ERROR_OUT_OF_MEMORY" is "out of memory".
EMU_API CUresult cuGetErrorString(CUresult error, const char **text) {
    static std::map<CUresult, std::string> *texts = new std::map<CUresult, std::string>;
    Call call(__func__, Needs::NOTHING);
    std::string &known = (*texts)[error];
    if (known.empty()) {
        const char *name = name_of(error);
        known = std::strlen(name) > 11 && !std::strncmp(name, "CUDA_ERROR_", 11) ? name + 11 : name;
        if (known == "CUDA_ERROR") known = "error " + std::to_string(error);
        for (char &c : known) c = c == '_' ? ' ' : static_cast<char>(std::tolower(c));
    }
    *text = known.c_str();
    return CUDA_SUCCESS;
}

EMU_API CUresult cuGetErrorName(CUresult error, const char **name) {
    Call call(__func__, Needs::NOTHING);
    *name = name_of(error);
    return CUDA_SUCCESS;
}
