// The product of own_product.py, and how compiled graphs call it; WIDEST is defined there.
#include <algorithm>
#include <cstdint>
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
constexpr int64_t HALF = BYTES / sizeof(float), WIDE = 2 * HALF, DEEP = 256, MANY = 64;

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

// the panels of b (K, N), one after the other, a stretch of DEEP of K at a time
static void packed(const float* b, int64_t b_k, int64_t b_n, int64_t K, int64_t N, float* to) {
    for (int64_t start = 0; start < K; start += DEEP) {
        const int64_t depth = std::min(DEEP, K - start);
        for (int64_t n = 0; n < N; n += WIDE) {
            const int64_t columns = std::min(WIDE, N - n);
            for (int64_t k = 0; k < depth; ++k, to += WIDE) {
                const float* from = b + (start + k) * b_k + n * b_n;
                if (b_n == 1) std::copy_n(from, columns, to);
                else for (int64_t j = 0; j < columns; ++j) to[j] = from[j * b_n];
                std::fill(to + columns, to + WIDE, 0.0f);
            }
        }
    }
}

static int64_t padded(int64_t columns) { return (columns + WIDE - 1) / WIDE * WIDE; }

static int64_t at_once(int64_t rows) {
    return rows >= ROWS ? ROWS : rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
}

// c (M, N) = a (M, K) b (K, N), b in panels; c without gaps
static void product(const float* a, int64_t a_m, int64_t a_k, const float* panels, float* c,
                    int64_t M, int64_t K, int64_t N) {
    static thread_local std::vector<float> turned(MANY * DEEP);
    for (int64_t start = 0; start < K; start += DEEP) {
        const int64_t depth = std::min(DEEP, K - start);
        for (int64_t m = 0, R; m < M; m += R) {
            R = at_once(M - m);
            const float* from = a + m * a_m + start * a_k;
            int64_t by_m = a_m, by_k = a_k;
            if (a_k != 1) {  // else lines of the cache that lie whole pages apart are read
                if (m % MANY == 0) {
                    const int64_t rows = std::min(MANY, M - m);
                    for (int64_t k = 0; k < depth; ++k)
                        for (int64_t i = 0, r; i < rows; i += r) {
                            r = at_once(rows - i);
                            float* to = turned.data() + i * depth + k * r;
                            for (int64_t j = 0; j < r; ++j) to[j] = from[(i + j) * a_m + k * a_k];
                        }
                }
                from = turned.data() + m % MANY * depth, by_m = 1, by_k = R;
            }
            const float* panel = panels;
            for (int64_t n = 0; n < N; n += WIDE, panel += depth * WIDE) {
                const int64_t columns = std::min(WIDE, N - n);
                const Block rows = columns > HALF ? of_rows<Whole, 2>(R)
                                 : columns > HALF / 2 ? of_rows<Whole, 1>(R)
                                 : of_rows<Narrow, 1>(R);
                rows(from, by_m, by_k, panel, depth, c + m * N + n, N, columns, start > 0);
            }
        }
        panels += depth * padded(N);
    }
}

struct Matrices {  // one, or a stack
    int64_t count, rows, columns, by_stack, by_row, by_column;
    float* data;
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
    packed(from.data, from.by_row, from.by_column, from.rows, from.columns, matrices(*panels).data);
    return AOTI_TORCH_SUCCESS;
}

extern "C" AOTITorchError aoti_torch_cpu_product_of_packed(
    AtenTensorHandle a, AtenTensorHandle panels, int64_t columns, AtenTensorHandle* c) {
    const Matrices left = matrices(a), right = matrices(panels);
    if (const auto failed = empty(a, left.rows, columns, c)) return failed;
    product(left.data, left.by_row, left.by_column, right.data, matrices(*c).data,
            left.rows, left.columns, columns);
    return AOTI_TORCH_SUCCESS;
}

static float* packed(const Matrices& b, int64_t i) {  // the i-th of a stack; until the next
    static thread_local std::vector<float> panels;
    panels.resize(b.rows * padded(b.columns));
    packed(b.data + i * b.by_stack, b.by_row, b.by_column, b.rows, b.columns, panels.data());
    return panels.data();
}

extern "C" AOTITorchError aoti_torch_cpu_product(AtenTensorHandle a, AtenTensorHandle b,
                                                 AtenTensorHandle* c) {
    const Matrices left = matrices(a), right = matrices(b);
    if (const auto failed = empty(a, left.rows, right.columns, c)) return failed;
    const Matrices to = matrices(*c);
    for (int64_t i = 0; i < left.count; ++i)
        product(left.data + i * left.by_stack, left.by_row, left.by_column, packed(right, i),
                to.data + i * to.by_stack, left.rows, left.columns, right.columns);
    return AOTI_TORCH_SUCCESS;
}

extern "C" void repeated(int64_t times, const float* a, int64_t a_m, int64_t a_k, const float* b,
                         int64_t b_k, int64_t b_n, float* c, int64_t M, int64_t K, int64_t N) {
    const Matrices right{1, K, N, 0, b_k, b_n, const_cast<float*>(b)};
    for (int64_t i = 0; i < times; ++i) product(a, a_m, a_k, packed(right, 0), c, M, K, N);
}
