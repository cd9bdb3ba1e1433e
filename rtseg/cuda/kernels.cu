/* What the GPU does to pixels: a picture to the model's input, and colours over a picture.
 *
 * One thread makes one level or one pixel of the result, neighbours in x neighbours in memory. Nothing is assumed of
 * sizes; threads beyond the edge do nothing. Planes are uint8, pitches bytes from line to line. Compiled for sm_72 and
 * newer by kernels.py, and by g++ for the tests; so no shared memory, no warps.
 */

#define THREADS_X 32
#define THREADS_Y 8

/* ---- A picture to the model's input: what stages/preprocess.py does ---- */

/* What one output pixel takes from a line or a column of `size` samples: `count` of them from `first` on, which may
 * lie outside (then the one at the edge counts). The first and the last count by a share, the others whole, and
 * `norm` makes the sum of all 1. */
struct Span {
    int first, count;
    float first_share, last_share, norm;
};

/* The mean over the area of an output pixel where the picture shrinks, linear interpolation where it grows. `shift`
 * is how far the samples lie to the left of where they would lie if they were centred, in samples. */
static __device__ Span span_of(int at, int made, int size, float shift) {
    const float scale = (float)size / (float)made;
    const float centre = ((float)at + 0.5f) * scale + shift;
    const float reach = 0.5f * (scale > 1.0f ? scale : 1.0f);
    const float begin = centre - reach, end = centre + reach;
    Span span;
    span.first = (int)floorf(begin);
    span.count = (int)ceilf(end) - span.first;
    span.first_share = (float)(span.first + 1) - begin;
    span.last_share = span.count > 1 ? end - (float)(span.first + span.count - 1) : 0.0f;
    span.norm = 1.0f / (end - begin);
    return span;
}

static __device__ float share(const Span &span, int i) {
    if (i == 0) return span.first_share;
    return i == span.count - 1 ? span.last_share : 1.0f;
}

static __device__ int clamped(int at, int size) { return at < 0 ? 0 : at >= size ? size - 1 : at; }

/* The mean level of a plane whose samples lie `step` bytes apart. */
static __device__ float mean_of(const unsigned char *__restrict__ plane, int pitch, int step, int width, int height,
                                const Span &across, const Span &down) {
    float sum = 0.0f;
    for (int j = 0; j < down.count; j++) {
        const unsigned char *line = plane + (size_t)clamped(down.first + j, height) * pitch;
        float of_line = 0.0f;
        for (int i = 0; i < across.count; i++)
            of_line += share(across, i) * (float)line[clamped(across.first + i, width) * step];
        sum += share(down, j) * of_line;
    }
    return sum * across.norm * down.norm;
}

static __device__ unsigned char level_of(float value) {
    const int rounded = __float2int_rn(value);
    return (unsigned char)(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
}

/* From planar YUV or NV12, where U and V are every second byte (chroma_step 2), v = u + 1. RGB is made of the mean
 * levels: luma = gain * (Y - zero), and what U - 128 and V - 128 add to each colour. */
extern "C" __global__ void __launch_bounds__(THREADS_X * THREADS_Y)
image_from_yuv(const unsigned char *__restrict__ y, int y_pitch, const unsigned char *__restrict__ u,
               const unsigned char *__restrict__ v, int chroma_pitch, int chroma_step, int width, int height,
               float chroma_shift_x, float chroma_shift_y, float luma_zero, float luma_gain, float red_of_v,
               float green_of_u, float green_of_v, float blue_of_u, unsigned char *__restrict__ image,
               int image_width, int image_height) {
    const int column = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    const int row = (int)(blockIdx.y * blockDim.y + threadIdx.y);
    if (column >= image_width || row >= image_height) return;
    const int chroma_width = (width + 1) / 2, chroma_height = (height + 1) / 2;
    const Span across = span_of(column, image_width, width, 0.0f), down = span_of(row, image_height, height, 0.0f);
    const Span chroma_across = span_of(column, image_width, chroma_width, chroma_shift_x);
    const Span chroma_down = span_of(row, image_height, chroma_height, chroma_shift_y);
    const float luma = luma_gain * (mean_of(y, y_pitch, 1, width, height, across, down) - luma_zero);
    const float blueness =
        mean_of(u, chroma_pitch, chroma_step, chroma_width, chroma_height, chroma_across, chroma_down) - 128.0f;
    const float redness =
        mean_of(v, chroma_pitch, chroma_step, chroma_width, chroma_height, chroma_across, chroma_down) - 128.0f;
    unsigned char *pixel = image + ((size_t)row * image_width + column) * 3;
    pixel[0] = level_of(luma + red_of_v * redness);
    pixel[1] = level_of(luma + green_of_u * blueness + green_of_v * redness);
    pixel[2] = level_of(luma + blue_of_u * blueness);
}

/* From packed BGR. */
extern "C" __global__ void __launch_bounds__(THREADS_X * THREADS_Y)
image_from_bgr(const unsigned char *__restrict__ bgr, int pitch, int width, int height,
               unsigned char *__restrict__ image, int image_width, int image_height) {
    const int column = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    const int row = (int)(blockIdx.y * blockDim.y + threadIdx.y);
    if (column >= image_width || row >= image_height) return;
    const Span across = span_of(column, image_width, width, 0.0f), down = span_of(row, image_height, height, 0.0f);
    unsigned char *pixel = image + ((size_t)row * image_width + column) * 3;
    for (int colour = 0; colour < 3; colour++)
        pixel[colour] = level_of(mean_of(bgr + 2 - colour, pitch, 3, width, height, across, down));
}

/* ---- Colours over a picture: what stages/colorize.py does ---- */

/* Class ids, rounded as stages/enlarge.py does: the median of the 3 x 3 around one. */
static __device__ int rounded_id(const unsigned char *__restrict__ ids, int width, int height, int column, int row) {
    int around[9];
    bool is_uniform = true;
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++) {
            const int x = clamped(column + i - 1, width), y = clamped(row + j - 1, height);
            around[3 * j + i] = ids[(size_t)y * width + x];
            is_uniform = is_uniform && around[3 * j + i] == around[0];
        }
    if (is_uniform) return around[0];
    int median = 255;
    for (int k = 0; k < 9; k++) {
        int up_to_it = 0;
        for (int other = 0; other < 9; other++) up_to_it += around[other] <= around[k];
        if (up_to_it >= 5 && around[k] < median) median = around[k];
    }
    return median;
}

/* How many pixels of a plane an id covers from which on its map is refined, as stages/enlarge.py has it. */
#define REFINED_FROM 9

/* The level that a table has for what stands in the map laid over a plane: for the rounded id. A refined map is
 * doubled and its levels are rounded once more: the 3 x 3 around one of its pixels holds four of the plain map, the
 * nearest four times, those beside it and above or below it twice, the one across the corner once: 9 in all, the 5th
 * counts. */
static __device__ int level_at(const unsigned char *__restrict__ ids, int width, int height,
                               const unsigned char *__restrict__ table, bool is_refined, int column, int row) {
    if (!is_refined) return table[rounded_id(ids, width, height, column, row)];
    const int near_x = column / 2, near_y = row / 2;
    const int far_x = clamped(near_x + (column & 1 ? 1 : -1), width);
    const int far_y = clamped(near_y + (row & 1 ? 1 : -1), height);
    const int around[4] = {
        table[rounded_id(ids, width, height, near_x, near_y)],
        table[rounded_id(ids, width, height, far_x, near_y)],
        table[rounded_id(ids, width, height, near_x, far_y)],
        table[rounded_id(ids, width, height, far_x, far_y)],
    };
    const int weight[4] = {4, 2, 2, 1};
    int median = 255;
    for (int k = 0; k < 4; k++) {
        int up_to_it = 0;
        for (int other = 0; other < 4; other++)
            if (around[other] <= around[k]) up_to_it += weight[other];
        if (up_to_it >= 5 && around[k] < median) median = around[k];
    }
    return median;
}

/* Where an output sample lies between two others, in 2048ths, as cv2.resize has it with INTER_LINEAR. */
struct Between {
    int near_, far_, near_part, far_part;
};

static __device__ Between between(int at, int made, int size) {
    const int numerator = (2 * at + 1) * size - made, denominator = 2 * made;
    const int before = numerator < 0 ? -1 : numerator / denominator;
    // Not from the remainder, which would be exact: cv2.resize has no more than a float's digits here either.
    const float fraction = (float)numerator / (float)denominator - (float)before;
    Between place;
    place.near_ = clamped(before, size);
    place.far_ = clamped(before + 1, size);
    place.far_part = __float2int_rn(2048.0f * fraction);
    place.near_part = 2048 - place.far_part;
    return place;
}

/* Its level, from the four around it, with cv2.resize's own fixed point. */
static __device__ int interpolated(const unsigned char *__restrict__ ids, int width, int height,
                                   const unsigned char *__restrict__ table, bool is_refined, const Between &across,
                                   const Between &down) {
    int of_rows[2];
    for (int j = 0; j < 2; j++) {
        const int row = j == 0 ? down.near_ : down.far_;
        of_rows[j] = level_at(ids, width, height, table, is_refined, across.near_, row) * across.near_part +
                     level_at(ids, width, height, table, is_refined, across.far_, row) * across.far_part;
    }
    return (((down.near_part * (of_rows[0] >> 4)) >> 16) + ((down.far_part * (of_rows[1] >> 4)) >> 16) + 2) >> 2;
}

/* Whether all ids that may have a say in a pixel are the same, as nearly everywhere: then its level is that id's. */
static __device__ bool is_uniform_around(const unsigned char *__restrict__ ids, int width, int height, int scale,
                                         const Between &across, const Between &down) {
    const int first_x = clamped(across.near_ / scale - scale, width), last_x = clamped(across.far_ / scale + scale, width);
    const int first_y = clamped(down.near_ / scale - scale, height), last_y = clamped(down.far_ / scale + scale, height);
    const int id = ids[(size_t)first_y * width + first_x];
    for (int y = first_y; y <= last_y; y++)
        for (int x = first_x; x <= last_x; x++)
            if (ids[(size_t)y * width + x] != id) return false;
    return true;
}

/* In place over a yuv420p picture, Y, U and V for blockIdx.z 0, 1 and 2. `tables`, 4 x 256: what an id adds to Y, U
 * and V, and what is kept of the picture, in 255ths. With `is_uniform`, every pixel is blended alike: the tables hold
 * whole colours, and `opacity` says how much of them is taken. */
extern "C" __global__ void __launch_bounds__(THREADS_X * THREADS_Y)
paint(unsigned char *__restrict__ y, int y_pitch, unsigned char *__restrict__ u, unsigned char *__restrict__ v,
      int chroma_pitch, int width, int height, const unsigned char *__restrict__ ids, int ids_width, int ids_height,
      const unsigned char *__restrict__ tables, int is_uniform, float opacity) {
    const int plane = (int)blockIdx.z;
    const int columns = plane == 0 ? width : (width + 1) / 2, rows = plane == 0 ? height : (height + 1) / 2;
    const int column = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    const int row = (int)(blockIdx.y * blockDim.y + threadIdx.y);
    if (column >= columns || row >= rows) return;
    const bool is_refined = (long long)columns * rows >= (long long)REFINED_FROM * ids_width * ids_height;
    const int scale = is_refined ? 2 : 1;
    const Between across = between(column, columns, scale * ids_width), down = between(row, rows, scale * ids_height);
    unsigned char *line = plane == 0 ? y + (size_t)row * y_pitch : (plane == 1 ? u : v) + (size_t)row * chroma_pitch;
    const unsigned char *table = tables + 256 * plane, *keep = tables + 256 * 3;
    const bool is_flat = is_uniform_around(ids, ids_width, ids_height, scale, across, down);
    const int id = ids[(size_t)(down.near_ / scale) * ids_width + across.near_ / scale];
    const float colour = (float)(
        is_flat ? table[id] : interpolated(ids, ids_width, ids_height, table, is_refined, across, down));
    const float level = (float)line[column];
    if (is_uniform) {
        line[column] = level_of(level * (1.0f - opacity) + colour * opacity);
        return;
    }
    const float kept = (float)(
        is_flat ? keep[id] : interpolated(ids, ids_width, ids_height, keep, is_refined, across, down));
    line[column] = level_of(rintf(level * kept * (1.0f / 255.0f)) + colour);
}
