/* CUDA C for g++: kernels become functions that run a whole grid, one thread after the other.
 *
 * Included before a .cu file, whose kernels are then named with EMU_KERNEL(name); `compile_kernels` in
 * build.py does both. A pointer to const is taken for what the kernel only reads, any other for what it may
 * write. Threads do not run side by side, so there is neither __shared__ memory nor __syncthreads(), and
 * there are no warps and no atomics: a kernel that uses them does not compile here.
 */
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "driver/kernel.h"

#define __global__ __attribute__((used))
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __shared__ static_assert(false, "__shared__ memory is not emulated");
#define __syncthreads() static_assert(false, "__syncthreads() is not emulated")

struct uint3 { unsigned x, y, z; };
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

static thread_local uint3 threadIdx, blockIdx;
static thread_local dim3 blockDim, gridDim;

/* Vector types with CUDA's alignment: 2 and 4 components together, 3 as one component. */
#define EMU_VECTORS(type, name)                                                                     \
    struct name##1 { type x; };                                                                     \
    struct alignas(2 * sizeof(type)) name##2 { type x, y; };                                        \
    struct name##3 { type x, y, z; };                                                               \
    struct alignas(4 * sizeof(type) > 16 ? 16 : 4 * sizeof(type)) name##4 { type x, y, z, w; };     \
    static inline name##2 make_##name##2(type x, type y) { return {x, y}; }                         \
    static inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; }              \
    static inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
EMU_VECTORS(signed char, char)
EMU_VECTORS(unsigned char, uchar)
EMU_VECTORS(short, short)
EMU_VECTORS(unsigned short, ushort)
EMU_VECTORS(int, int)
EMU_VECTORS(float, float)
#undef EMU_VECTORS
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

/* CUDA has these for all pairs of arithmetic types, in the global namespace. */
template <class A, class B>
static inline std::common_type_t<A, B> min(A a, B b) {
    using C = std::common_type_t<A, B>;
    return C(b) < C(a) ? C(b) : C(a);
}
template <class A, class B>
static inline std::common_type_t<A, B> max(A a, B b) {
    using C = std::common_type_t<A, B>;
    return C(a) < C(b) ? C(b) : C(a);
}
static inline float __saturatef(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
static inline int __float2int_rn(float x) { return static_cast<int>(std::nearbyintf(x)); }
static inline int __float2int_rd(float x) { return static_cast<int>(std::floor(x)); }
static inline int __float2int_rz(float x) { return static_cast<int>(x); }
static inline unsigned __float2uint_rn(float x) { return x <= 0 ? 0 : unsigned(std::nearbyintf(x)); }
static inline float __fmaf_rn(float a, float b, float c) { return std::fmaf(a, b, c); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline int __mul24(int a, int b) { return a * b; }
template <class T>
static inline T __ldg(const T *at) { return *at; }

namespace emu_host {

template <class T>
constexpr bool is_constant_pointer = std::is_const_v<std::remove_pointer_t<T>>;

template <class... Parameters>
struct Packed {
    static constexpr unsigned count = sizeof...(Parameters);

    /* Where each one lies: at the next multiple of its alignment, as in a struct. */
    static constexpr unsigned offset_of(unsigned index) {
        const unsigned sizes[] = {unsigned(sizeof(Parameters))..., 0};
        const unsigned alignments[] = {unsigned(alignof(Parameters))..., 1};
        unsigned offset = 0;
        for (unsigned i = 0; i < index; i++) {
            offset = (offset + alignments[i] - 1) / alignments[i] * alignments[i] + sizes[i];
        }
        return (offset + alignments[index] - 1) / alignments[index] * alignments[index];
    }

    template <size_t... I>
    static const emu_parameter *table(std::index_sequence<I...>) {
        static const emu_parameter parameters[] = {
            {offset_of(I), unsigned(sizeof(Parameters)), std::is_pointer_v<Parameters>,
             is_constant_pointer<Parameters>}...,
            {0, 0, 0, 0}};
        return parameters;
    }

    template <class T>
    static T load(const void *packed, unsigned offset) {
        T value;
        std::memcpy(&value, static_cast<const char *>(packed) + offset, sizeof value);
        return value;
    }

    template <size_t... I>
    static std::tuple<Parameters...> unpack(const void *packed, std::index_sequence<I...>) {
        return {load<Parameters>(packed, offset_of(I))...};
    }

    template <void (*kernel)(Parameters...)>
    static void run(const void *packed, const unsigned *grid, const unsigned *block) {
        const auto values = unpack(packed, std::index_sequence_for<Parameters...>());
        gridDim = dim3(grid[0], grid[1], grid[2]);
        blockDim = dim3(block[0], block[1], block[2]);
        for (blockIdx.z = 0; blockIdx.z < grid[2]; blockIdx.z++)
            for (blockIdx.y = 0; blockIdx.y < grid[1]; blockIdx.y++)
                for (blockIdx.x = 0; blockIdx.x < grid[0]; blockIdx.x++)
                    for (threadIdx.z = 0; threadIdx.z < block[2]; threadIdx.z++)
                        for (threadIdx.y = 0; threadIdx.y < block[1]; threadIdx.y++)
                            for (threadIdx.x = 0; threadIdx.x < block[0]; threadIdx.x++)
                                std::apply(kernel, values);
    }
};

template <auto kernel, class... Parameters>
emu_kernel describe(const char *name, void (*)(Parameters...)) {
    using Pack = Packed<Parameters...>;
    const auto indices = std::index_sequence_for<Parameters...>();
    return {name, Pack::table(indices), Pack::count, Pack::offset_of(Pack::count),
            &Pack::template run<kernel>};
}

}  // namespace emu_host

#define EMU_KERNEL(name)                                                        \
    extern "C" __attribute__((visibility("default"))) emu_kernel emu_kernel_##name; \
    emu_kernel emu_kernel_##name = emu_host::describe<&name>(#name, &name);
