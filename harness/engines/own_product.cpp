// The product of own_product.py, and how compiled graphs call it; WIDEST is defined there.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>

#if defined(__AVX512F__)
constexpr int BYTES = 64, ROWS = 8;
#elif defined(__AVX__)
constexpr int BYTES = 32, ROWS = 4;
#else
constexpr int BYTES = 16, ROWS = 4;
#endif
struct Whole { typedef float Lanes __attribute__((vector_size(BYTES), aligned(4), may_alias)); };
struct Narrow {
    typedef float Lanes __attribute__((vector_size(BYTES / 2), aligned(4), may_alias));
};
// elements of a vector, and of a row of a panel
constexpr int64_t HALF = BYTES / sizeof(float), WIDE = 2 * HALF;
// most of K worked on at once; rows of a that are read, and kept, in order at once
constexpr int64_t DEEP = 256, MANY = 64, CHUNK = 256;

// R rows of c, V vectors wide, which registers hold: c = or += a b, for a panel b of (depth, WIDE)
template <typename Vector, int V, int R>
__attribute__((optimize("fp-contract=fast"), noinline))
void block(const float* a, int64_t a_m, int64_t a_k, const float* b, int64_t depth,
           float* c, int64_t c_m, int64_t columns, bool added) {
    typedef typename Vector::Lanes L;
    constexpr int64_t LANES = sizeof(L) / sizeof(float);
    L sum[R][V] = {};
    for (int64_t k = 0; k < depth; ++k) {
        L of[V];
        for (int v = 0; v < V; ++v) of[v] = reinterpret_cast<const L*>(b + k * WIDE)[v];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const float factor = a[r * a_m + k * a_k];
            for (int v = 0; v < V; ++v) sum[r][v] += factor * of[v];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
        float* to = c + r * c_m;
        if (columns == V * LANES) {
            L* lanes = reinterpret_cast<L*>(to);
            for (int v = 0; v < V; ++v) lanes[v] = added ? lanes[v] + sum[r][v] : sum[r][v];
        } else {
            float row[V * LANES];
            for (int v = 0; v < V; ++v) reinterpret_cast<L*>(row)[v] = sum[r][v];
            for (int64_t j = 0; j < columns; ++j) to[j] = added ? to[j] + row[j] : row[j];
        }
    }
}

using Block = decltype(&block<Whole, 2, 1>);

template <typename Vector, int V>
static Block of_rows(int64_t R) {
    return R == ROWS ? block<Vector, V, ROWS> : R == 4 ? block<Vector, V, 4>
         : R == 2 ? block<Vector, V, 2> : block<Vector, V, 1>;
}

struct Part { const float* data; int64_t by_k, across; };

// a factor, K by M or N: whole, or in parts of `length` along K, one after the other
struct Factor { const Part* parts; int64_t length; };

// does(k, how many rows from there on, of which part, where the first lies), for a stretch of K
template <typename Does>
static void along(const Factor& of, int64_t start, int64_t depth, Does does) {
    for (int64_t k = 0, rows; k < depth; k += rows) {
        const Part& part = of.parts[(start + k) / of.length];
        const int64_t first = (start + k) % of.length;
        rows = std::min(depth - k, of.length - first);
        does(k, rows, part, part.data + first * part.by_k);
    }
}

static int64_t padded(int64_t columns) { return (columns + WIDE - 1) / WIDE * WIDE; }

// how much of K is worked on at once: DEEP at most, in equal parts
static int64_t stretch(int64_t K) {
    const int64_t parts = std::max<int64_t>(1, (K + DEEP - 1) / DEEP);
    return (K + parts - 1) / parts;
}

// rows i and i + S of a square exchange their elements l + S and l, for every second S
template <int S>
static void exchanged(Whole::Lanes (&rows)[HALF]) {
    typedef int32_t Places __attribute__((vector_size(BYTES)));
    Places low, high;
    for (int l = 0; l < HALF; ++l) {
        low[l] = l & S ? HALF + l - S : l;
        high[l] = l & S ? HALF + l : l + S;
    }
#pragma GCC unroll 16
    for (int i = 0; i < HALF; ++i)
        if (!(i & S)) {
            const Whole::Lanes one = rows[i], other = rows[i + S];
            rows[i] = __builtin_shuffle(one, other, low);
            rows[i + S] = __builtin_shuffle(one, other, high);
        }
    if constexpr (2 * S < HALF) exchanged<2 * S>(rows);
}

// HALF columns of b, each without gaps, as rows of a panel
static void turned(const float* columns, int64_t across, float* to) {
    Whole::Lanes rows[HALF];
    for (int64_t i = 0; i < HALF; ++i) std::memcpy(&rows[i], columns + i * across, BYTES);
    exchanged<1>(rows);
    for (int64_t i = 0; i < HALF; ++i) std::memcpy(to + i * WIDE, &rows[i], BYTES);
}

// the panels of b, K by N, one after the other, a stretch of K at a time
static void packed(const Factor& b, int64_t K, int64_t N, float* to) {
    const int64_t most = stretch(K);
    for (int64_t start = 0; start < K; start += most) {
        const int64_t depth = std::min(most, K - start);
        for (int64_t n = 0; n < N; n += WIDE, to += depth * WIDE) {
            const int64_t columns = std::min(WIDE, N - n);
            int64_t done = 0;
            if (columns < WIDE) std::fill(to, to + depth * WIDE, 0.0f);
            else if (b.length == K && b.parts->by_k == 1)
                for (; done + HALF <= depth; done += HALF)
                    for (int64_t half = 0; half < WIDE; half += HALF) {
                        const int64_t across = b.parts->across;
                        turned(b.parts->data + start + done + (n + half) * across, across,
                               to + done * WIDE + half);
                    }
            along(b, start + done, depth - done,
                  [=](int64_t k, int64_t rows, const Part& of, const float* from) {
                from += n * of.across;
                float* panel = to + (done + k) * WIDE;
                const bool even = of.across == 1 && columns == WIDE;
                for (; even && rows; --rows, from += of.by_k, panel += WIDE)
                    std::memcpy(panel, from, WIDE * sizeof(float));
                for (; rows; --rows, from += of.by_k, panel += WIDE)
                    for (int64_t j = 0; j < columns; ++j) panel[j] = from[j * of.across];
            });
        }
    }
}

static int64_t at_once(int64_t rows) {
    return rows >= ROWS ? ROWS : rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
}

// a, M by K, copied into the order in which blocks read it, from row m on; MANY rows at a time,
// else lines of the cache that lie whole pages apart are read
static void brought(const Factor& a, int64_t m, int64_t rows, int64_t start, int64_t depth,
                    float* to) {
    for (int64_t first = 0; first < rows; first += MANY) {
        const int64_t many = std::min(MANY, rows - first);
        along(a, start, depth, [=](int64_t k, int64_t count, const Part& of, const float* from) {
            for (from += (m + first) * of.across; count; --count, ++k, from += of.by_k)
                for (int64_t i = 0, r; i < many; i += r) {
                    r = at_once(many - i);
                    float* at = to + (first + i) * depth + k * r;
                    const float* row = from + i * of.across;
                    if (r == ROWS && of.across == 1) std::memcpy(at, row, ROWS * sizeof(float));
                    else for (int64_t j = 0; j < r; ++j) at[j] = row[j * of.across];
                }
        });
    }
}

// c (M, N) = a b, b in panels; c without gaps
static void product(const Factor& a, const float* panels, float* c, int64_t M, int64_t K,
                    int64_t N) {
    static thread_local std::vector<float> order(CHUNK * DEEP);
    const bool as_it_is = a.length == K && a.parts->by_k == 1;
    const int64_t most = stretch(K);
    for (int64_t start = 0; start < K; start += most) {
        const int64_t depth = std::min(most, K - start);
        for (int64_t chunk = 0; chunk < M; chunk += CHUNK) {
            const int64_t end = std::min(M, chunk + CHUNK);
            if (!as_it_is) brought(a, chunk, end - chunk, start, depth, order.data());
            for (int64_t m = chunk, R; m < end; m += R) {
                R = at_once(end - m);
                const int64_t by_m = as_it_is ? a.parts->across : 1, by_k = as_it_is ? 1 : R;
                const float* from = as_it_is ? a.parts->data + m * by_m + start
                                             : order.data() + (m - chunk) * depth;
                const float* panel = panels;
                for (int64_t n = 0; n < N; n += WIDE, panel += depth * WIDE) {
                    const int64_t columns = std::min(WIDE, N - n);
                    const Block rows = columns > HALF ? of_rows<Whole, 2>(R)
                                     : columns > HALF / 2 ? of_rows<Whole, 1>(R)
                                     : of_rows<Narrow, 1>(R);
                    rows(from, by_m, by_k, panel, depth, c + m * N + n, N, columns, start > 0);
                }
            }
        }
        panels += depth * padded(N);
    }
}

struct Matrices {  // one, or a stack
    int64_t count, rows, columns, by_stack, by_row, by_column;
    float* data;

    Part left(int64_t i = 0) const { return {data + i * by_stack, by_column, by_row}; }
    Part right(int64_t i = 0) const { return {data + i * by_stack, by_row, by_column}; }
};

static Matrices matrices(AtenTensorHandle of) {
    int64_t n, *sizes, *strides;
    void* data;
    aoti_torch_get_dim(of, &n);
    aoti_torch_get_sizes(of, &sizes);
    aoti_torch_get_strides(of, &strides);
    aoti_torch_get_data_ptr(of, &data);
    return {n == 3 ? sizes[0] : 1, sizes[n - 2], sizes[n - 1], n == 3 ? strides[0] : 0,
            strides[n - 2], strides[n - 1], static_cast<float*>(data)};
}

static AOTITorchError empty(AtenTensorHandle like, int64_t rows, int64_t columns,
                            AtenTensorHandle* made) {
    if (*made) return AOTI_TORCH_SUCCESS;  // held from an earlier call
    int64_t n, *sizes;
    aoti_torch_get_dim(like, &n);
    aoti_torch_get_sizes(like, &sizes);
    const int64_t wanted[] = {sizes[0], rows, columns}, strides[] = {rows * columns, columns, 1};
    return aoti_torch_empty_strided(n, wanted + 3 - n, strides + 3 - n, aoti_torch_dtype_float32(),
                                    aoti_torch_device_type_cpu(), 0, made);
}

extern "C" AOTITorchError aoti_torch_cpu_packed(AtenTensorHandle b, AtenTensorHandle* panels) {
    const Matrices from = matrices(b);
    const int64_t columns = (from.columns + WIDEST - 1) / WIDEST * WIDEST;
    if (const auto failed = empty(b, from.rows, columns, panels)) return failed;
    const Part whole = from.right();
    packed({&whole, from.rows}, from.rows, from.columns, matrices(*panels).data);
    return AOTI_TORCH_SUCCESS;
}

extern "C" AOTITorchError aoti_torch_cpu_product_of_packed(
    AtenTensorHandle a, AtenTensorHandle panels, int64_t columns, AtenTensorHandle* c) {
    const Matrices left = matrices(a), right = matrices(panels);
    if (const auto failed = empty(a, left.rows, columns, c)) return failed;
    const Part whole = left.left();
    product({&whole, left.columns}, right.data, matrices(*c).data, left.rows, left.columns,
            columns);
    return AOTI_TORCH_SUCCESS;
}

// the panels of b, valid until the next call
static const float* packed(const Factor& b, int64_t K, int64_t N) {
    struct alignas(64) Line { float of[16]; };  // else vectors lie in two lines of the cache
    static thread_local std::vector<Line> lines;
    lines.resize((K * padded(N) + 15) / 16);
    packed(b, K, N, lines.data()->of);
    return lines.data()->of;
}

extern "C" AOTITorchError aoti_torch_cpu_product(AtenTensorHandle a, AtenTensorHandle b,
                                                 AtenTensorHandle* c) {
    const Matrices left = matrices(a), right = matrices(b);
    if (const auto failed = empty(a, left.rows, right.columns, c)) return failed;
    const Matrices to = matrices(*c);
    for (int64_t i = 0; i < left.count; ++i) {
        const Part one = left.left(i), other = right.right(i);
        product({&one, left.columns}, packed({&other, right.rows}, right.rows, right.columns),
                to.data + i * to.by_stack, left.rows, left.columns, right.columns);
    }
    return AOTI_TORCH_SUCCESS;
}

extern "C" AOTITorchError aoti_torch_cpu_product_of_joined(
    const AtenTensorHandle* a, int64_t count, const AtenTensorHandle* b, int64_t,
    AtenTensorHandle* c) {
    const Matrices left = matrices(*a), right = matrices(*b);
    if (const auto failed = empty(*a, left.columns, right.columns, c)) return failed;
    std::vector<Part> lefts, rights;
    for (int64_t i = 0; i < count; ++i) {
        lefts.push_back(matrices(a[i]).right());  // turned
        rights.push_back(matrices(b[i]).right());
    }
    const int64_t K = count * left.rows;
    product({lefts.data(), left.rows}, packed({rights.data(), right.rows}, K, right.columns),
            matrices(*c).data, left.columns, K, right.columns);
    return AOTI_TORCH_SUCCESS;
}

// b is packed anew every `uses` products
extern "C" void repeated(int64_t times, int64_t uses, const float* a, int64_t a_m, int64_t a_k,
                         const float* b, int64_t b_k, int64_t b_n, float* c, int64_t M, int64_t K,
                         int64_t N) {
    const Part left{a, a_k, a_m}, right{b, b_k, b_n};
    const float* panels = nullptr;
    for (int64_t i = 0; i < times; ++i) {
        if (i % uses == 0) panels = packed({&right, K}, K, N);
        product({&left, K}, panels, c, M, K, N);
    }
}
