// Kernels for the snippets, and for the emulator's own tests.

extern "C" __global__ void doubled(unsigned char *out, const unsigned char *in, int count)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        out[i] = min(2 * in[i], 255);
}

// As above, but without a look at where the buffer ends.
extern "C" __global__ void doubled_unchecked(unsigned char *out, const unsigned char *in)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = min(2 * in[i], 255);
}

// Weighted sum of two pictures with four bytes a pixel; parameters of several sizes.
extern "C" __global__ void blended(uchar4 *__restrict__ out, const uchar4 *__restrict__ a,
                                   const uchar4 *__restrict__ b, int width, int height, unsigned char opacity,
                                   float gain, double offset)
{
    const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height)
        return;
    const uchar4 p = a[y * width + x], q = b[y * width + x];
    const float weight = opacity / 255.0f;
    const float value = (p.x + (q.x - p.x) * weight) * gain + offset;
    const auto clipped = static_cast<unsigned char>(max(0.0f, min(value, 255.0f)));
    out[y * width + x] = make_uchar4(clipped, p.y, q.z, 255);
}
